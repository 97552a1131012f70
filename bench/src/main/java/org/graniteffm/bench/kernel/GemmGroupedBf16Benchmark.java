package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.tensor.DType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * Groups of packed rows, each times bfloat16 weights of its own: what a prompt does in eight
 * experts.
 *
 * <p>{@link #oneByOne} asks for each group's product by itself, where the kernel waits for the
 * first weights of each: how much the groups gain by being multiplied in one go.
 */
public class GemmGroupedBf16Benchmark extends GroupedBenchmark {
  /** Output and input features of one expert, after the model it comes from. */
  @Param({Shape.EXPERT_DOWN_1B, Shape.EXPERT_UP_1B, Shape.EXPERT_UP_3B})
  public String shape;

  private MemorySegment y;

  /** Makes the operands. */
  @Setup
  public void setup() {
    makeGroups(shape, 1, Float.BYTES);
    y = Operands.zeros(arena, GROUPS * tokens * n);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the product
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    long m = GROUPS * tokens;
    Kernels.gemmGroupedBf16(
        weights.next(),
        0,
        k,
        n * k,
        n,
        k,
        packed,
        0,
        GROUPS,
        starts,
        0,
        m,
        1,
        null,
        0,
        null,
        0,
        0,
        y,
        0,
        n,
        m,
        scratch);
    return y;
  }

  /**
   * By the kernel for one product, group after group.
   *
   * @param tier of the kernel
   * @return the product
   */
  @Benchmark
  public MemorySegment oneByOne(Tier tier) {
    MemorySegment w = weights.next();
    long groupBytes = Kernels.packedBytes(tokens, k);
    for (long g = 0; g < GROUPS; g++) {
      long yOffset = g * n * tokens * Float.BYTES;
      Kernels.gemmBf16(
          w,
          g * n * k * Short.BYTES,
          k,
          n,
          k,
          packed,
          g * groupBytes,
          tokens,
          1,
          null,
          0,
          null,
          0,
          0,
          y,
          yOffset,
          n,
          tokens,
          scratch);
    }
    return y;
  }

  /**
   * By a loop.
   *
   * @return the product
   */
  @Benchmark
  public MemorySegment plainJava() {
    MemorySegment w = weights.next();
    for (long g = 0; g < GROUPS; g++) {
      PlainJava.gemv(
          DType.BF16,
          w.asSlice(g * n * k * Short.BYTES),
          n,
          k,
          rows(x, g, k),
          tokens,
          rows(y, g, n));
    }
    return y;
  }
}
