package org.graniteffm.bench.kernel;

import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * How fast one thread reads: the limit of decoding. {@code -t} gives that of many.
 *
 * <p>16 MiB at a time, so that what begins and ends an operation does not show.
 */
public class BandwidthBenchmark extends KernelBenchmark {
  private static final long CHUNK = 16L << 20;

  /** Where the data is. If cached, so much of it as fits. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  private Operands.Pool source;
  private long bytes;

  /** Makes the operands. */
  @Setup
  public void setup() {
    bytes = residency.rows(CHUNK, 1);
    source = new Operands.Pool(arena, bytes / Float.BYTES, residency.copies(bytes), 1);
    Rates.bytes((double) bytes);
  }

  /**
   * Reads with the kernels' own loads.
   *
   * @param tier of the loads
   * @return the exclusive or of all words
   */
  @Benchmark
  public long read(Tier tier) {
    return Kernels.probeRead(source.next(), 0, bytes);
  }
}
