package org.graniteffm.bench.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.graniteffm.bench.Forks;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.bindings.generated.granite_kernels_h;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What it costs to come into native code and back: calls that have nothing to do, with more and
 * more operands to check, and nothing at all for comparison. No kernel can be faster than this.
 *
 * <p>Two forks: where pages lie and what the compiler chose differ between JVMs more than between
 * iterations.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class DowncallBenchmark {
  /** JMH makes one for each thread. */
  public DowncallBenchmark() {}

  private Arena arena;
  private MemorySegment a;
  private MemorySegment b;
  private MemorySegment c;

  /** Makes operands that are not read. */
  @Setup
  public void setup() {
    NativeLibraries.load();
    arena = Arena.ofShared();
    a = Operands.zeros(arena, 16);
    b = Operands.zeros(arena, 16);
    c = Operands.zeros(arena, 16);
  }

  /** Frees the operands. */
  @TearDown
  public void close() {
    arena.close();
  }

  /**
   * No call at all: what JMH takes.
   *
   * @return an operand
   */
  @Benchmark
  public MemorySegment nothing() {
    return a;
  }

  /**
   * A bare call, without operands or checks. The facade has none such, so this is the generated
   * binding itself.
   *
   * @return a number
   */
  @Benchmark
  public int bare() {
    return granite_kernels_h.gk_abi_version();
  }

  /**
   * One operand.
   *
   * @return 0
   */
  @Benchmark
  public long oneOperand() {
    return Kernels.probeRead(a, 0, 0);
  }

  /** Three operands, which must not overlap. */
  @Benchmark
  public void threeOperands() {
    Kernels.gemv(Kernels.F32, a, 0, 16, 0, 16, b, 0, 16, 1, 1, 0, c, 0, 0);
  }
}
