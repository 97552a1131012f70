package org.graniteffm.bench.kernel;

import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.graniteffm.bench.Forks;
import org.graniteffm.bench.Implementation;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.tensor.DType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * How fast one thread reads: the limit of decoding. {@code -t} gives that of many.
 *
 * <p>16 MiB at a time, so that what begins and ends an operation does not show. Two forks: where
 * pages lie and what the compiler chose differ between JVMs more than between iterations.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class BandwidthBenchmark {
  /** JMH makes one for each thread. */
  public BandwidthBenchmark() {}

  private static final long CHUNK = 16L << 20;

  /** Where the data is. If cached, so much of it as fits. */
  @Param({"CACHED", "DRAM"})
  public Residency data;

  /** Who does it. */
  @Param({"SCALAR", "ACTIVE"})
  public Implementation implementation;

  private Arena arena;
  private Operands.Pool source;
  private long bytes;

  /** Makes the operands. */
  @Setup
  public void setup() {
    implementation.select();
    bytes = data.rows(CHUNK, 1);
    arena = Arena.ofShared();
    source = new Operands.Pool(arena, DType.F32, bytes / Float.BYTES, data, 1);
    Rates.bytes((double) bytes);
  }

  /** Frees the operands. */
  @TearDown
  public void close() {
    arena.close();
  }

  /**
   * Reads with the kernels' own loads.
   *
   * @return the exclusive or of all words
   */
  @Benchmark
  public long read() {
    return Kernels.probeRead(source.memory(), source.next(), bytes);
  }
}
