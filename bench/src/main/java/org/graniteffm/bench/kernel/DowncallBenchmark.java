package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.bindings.generated.granite_kernels_h;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Setup;

/**
 * What it costs to come into native code and back: calls that have nothing to do, bare and with the
 * facade's checks, and nothing at all for comparison. No kernel can be faster than this.
 */
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class DowncallBenchmark extends KernelBenchmark {
  private MemorySegment a;
  private MemorySegment b;
  private MemorySegment c;

  /** Makes operands that are not read. */
  @Setup
  public void setup() {
    NativeLibraries.load();
    a = Operands.zeros(arena, 16);
    b = Operands.zeros(arena, 16);
    c = Operands.zeros(arena, 16);
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
   * A bare call, without operands or checks: the generated binding itself.
   *
   * @return a number
   */
  @Benchmark
  public int bare() {
    return granite_kernels_h.gk_abi_version();
  }

  /** A bare call with three operands. */
  @Benchmark
  public void bareThreeOperands() {
    granite_kernels_h.gk_gemv_f32(a, 16, 0, 16, b, 16, 1, 1, 0, c, 0);
  }

  /**
   * One operand, checked.
   *
   * @return 0
   */
  @Benchmark
  public long oneOperand() {
    return Kernels.probeRead(a, 0, 0);
  }

  /** The call with three operands, which must fit and not overlap: checked. */
  @Benchmark
  public void threeOperands() {
    Kernels.gemv(Kernels.F32, a, 0, 16, 0, 16, b, 0, 16, 1, 1, 0, c, 0, 0);
  }
}
