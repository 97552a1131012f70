package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * How fast one thread copies: the line to hold kernels against that write as much as they read.
 *
 * <p>16 MiB at a time, so that what begins and ends an operation does not show. Bytes read and
 * bytes written both count; those that the CPU reads only to overwrite them do not.
 */
public class CopyBenchmark extends KernelBenchmark {
  private static final long CHUNK = 16L << 20;

  /** Where the data is, and goes. If cached, so much of it as fits. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  private Operands.Pool source;
  private Operands.Pool target;

  /** Makes the operands. */
  @Setup
  public void setup() {
    long bytes = residency.rows(CHUNK, 2);
    int copies = residency.copies(2 * bytes);
    source = new Operands.Pool(arena, bytes / Float.BYTES, copies, 1);
    target = new Operands.Pool(arena, bytes / Float.BYTES, copies, 2);
    Rates.bytes(2.0 * bytes);
  }

  /**
   * Copies as Java does.
   *
   * @return the copy
   */
  @Benchmark
  public MemorySegment copy() {
    return target.next().copyFrom(source.next());
  }

  /** The original of the last copy. */
  MemorySegment original() {
    return source.last();
  }
}
