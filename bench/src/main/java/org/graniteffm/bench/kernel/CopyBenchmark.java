package org.graniteffm.bench.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.graniteffm.bench.Forks;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
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
 * How fast one thread copies: the line to hold kernels against that write as much as they read.
 *
 * <p>16 MiB at a time, so that what begins and ends an operation does not show. Bytes read and
 * bytes written both count; those that the CPU reads only to overwrite them do not. Two forks:
 * where pages lie and what the compiler chose differ between JVMs more than between iterations.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class CopyBenchmark {
  /** JMH makes one for each thread. */
  public CopyBenchmark() {}

  private static final long CHUNK = 16L << 20;

  /** Where the data is, and goes. If cached, so much of it as fits. */
  @Param({"CACHED", "DRAM"})
  public Residency data;

  private Arena arena;
  private Operands.Pool source;
  private Operands.Pool target;
  private long bytes;

  /** Makes the operands. */
  @Setup
  public void setup() {
    bytes = data.rows(CHUNK, 1);
    arena = Arena.ofShared();
    source = new Operands.Pool(arena, DType.F32, bytes / Float.BYTES, data, 1);
    target = new Operands.Pool(arena, DType.F32, bytes / Float.BYTES, data, 2);
    Rates.bytes(2.0 * bytes);
  }

  /** Frees the operands. */
  @TearDown
  public void close() {
    arena.close();
  }

  /**
   * Copies as Java does.
   *
   * @return the copy
   */
  @Benchmark
  public MemorySegment copy() {
    MemorySegment.copy(source.memory(), source.next(), target.memory(), target.next(), bytes);
    return target.memory();
  }

  /** Whether the first chunk arrived. */
  boolean firstCopyMatches() {
    return source.memory().asSlice(0, bytes).mismatch(target.memory().asSlice(0, bytes)) < 0;
  }
}
