package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
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
public class GemmGroupedBf16Benchmark extends KernelBenchmark {
  private static final long GROUPS = 8;

  /** Output and input features of one expert, after the model it comes from. */
  @Param({Shape.EXPERT_DOWN_1B, Shape.EXPERT_UP_1B, Shape.EXPERT_UP_3B})
  public String shape;

  /** Rows of activations of each group. */
  @Param({"128", "16", "40"})
  public int tokens;

  /** Where the weights are. */
  @Param("DRAM")
  public Residency residency;

  private Operands.Pool weights;
  private MemorySegment x;
  private MemorySegment packed;
  private MemorySegment starts;
  private MemorySegment scratch;
  private long n;
  private long k;
  private MemorySegment y;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape whole = Shape.parse(shape);
    n = whole.out();
    k = whole.in();
    long bytes = GROUPS * n * k * Short.BYTES;
    weights = new Operands.Pool(arena, DType.BF16, GROUPS * n * k, residency.copies(bytes), 1);
    x = Operands.rounded(arena, GROUPS * tokens * k, 2);
    long groupBytes = Kernels.packedBytes(tokens, k);
    packed = Operands.zeros(arena, GROUPS * groupBytes / Float.BYTES);
    starts = arena.allocate(ValueLayout.JAVA_INT, GROUPS + 1);
    for (int group = 0; group < GROUPS; group++) {
      PlainJava.packBf16(rowsOf(x, group, k), tokens, k, packed.asSlice(group * groupBytes));
      starts.setAtIndex(ValueLayout.JAVA_INT, group + 1, (group + 1) * tokens);
    }
    scratch = Operands.zeros(arena, Kernels.GEMM_SCRATCH / Float.BYTES);
    y = Operands.zeros(arena, GROUPS * tokens * n);
    double rows = GROUPS * tokens;
    Rates.flops(2 * rows * n * k);
    Rates.bytes(bytes + rows * (k * Short.BYTES + n * Float.BYTES));
  }

  private MemorySegment rowsOf(MemorySegment f32, long group, long cols) {
    long bytes = cols * tokens * Float.BYTES;
    return f32.asSlice(group * bytes, bytes);
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
          rowsOf(x, g, k),
          tokens,
          rowsOf(y, g, n));
    }
    return y;
  }
}
