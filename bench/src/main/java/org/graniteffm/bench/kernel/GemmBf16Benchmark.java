package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.tensor.DType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * Many rows of activations, rounded to bfloat16 and packed, times bfloat16 weights: what reading a
 * prompt consists of on a CPU with a matrix unit. Tiers without one do it slowly, and a model does
 * not ask them to.
 *
 * <p>The others multiply the same numbers in f32, as in {@link GemmBenchmark}, so that all do the
 * same job. Sizes are as there, beginning with a small one.
 */
public class GemmBf16Benchmark extends KernelBenchmark {
  /** Output and input features, after the model they come from. */
  @Param({
    Shape.EXPERT_UP_1B,
    Shape.ATTENTION_2B,
    Shape.UP_2B,
    Shape.DOWN_2B,
    Shape.UP_8B,
    Shape.UP_POWERLM,
    Shape.EXPERT_UP_3B
  })
  public String shape;

  /** Rows of activations. */
  @Param({"128", "16", "32", "512"})
  public int tokens;

  /** Where the weights are. If cached, so many rows of them as fit. */
  @Param("DRAM")
  public Residency residency;

  private Operands.Pool weights;
  private MemorySegment x;
  private MemorySegment packed;
  private MemorySegment scratch;
  private WidenedProduct widened;
  private long n;
  private long k;
  private MemorySegment y;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape whole = Shape.parse(shape);
    k = whole.in();
    n = residency.rows(whole.out(), k * Short.BYTES);
    long bytes = n * k * Short.BYTES;
    weights = new Operands.Pool(arena, DType.BF16, n * k, residency.copies(bytes), 1);
    x = Operands.rounded(arena, tokens * k, 2);
    packed = Operands.zeros(arena, Kernels.packedBytes(tokens, k) / Float.BYTES);
    PlainJava.packBf16(x, tokens, k, packed);
    scratch = Operands.zeros(arena, Kernels.GEMM_SCRATCH / Float.BYTES);
    y = Operands.zeros(arena, tokens * n);
    widened = new WidenedProduct(arena, DType.BF16);
    Rates.flops(2.0 * tokens * n * k);
    Rates.bytes(bytes + (double) tokens * (k * Short.BYTES + n * Float.BYTES));
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the product
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    MemorySegment w = weights.next();
    Kernels.gemmBf16(
        w, 0, k, n, k, packed, 0, tokens, 1, null, 0, null, 0, 0, y, 0, n, tokens, scratch);
    return y;
  }

  /**
   * By sgemm.
   *
   * @return the product
   */
  @Benchmark
  public MemorySegment openblas() {
    widened.multiply(x, tokens, weights.next(), n, k, y);
    return y;
  }

  /**
   * With the Vector API.
   *
   * @return the product
   */
  @Benchmark
  public MemorySegment vectorApi() {
    VectorApi.gemv(DType.BF16, weights.next(), n, k, x, tokens, y);
    return y;
  }

  /**
   * By a loop.
   *
   * @return the product
   */
  @Benchmark
  public MemorySegment plainJava() {
    PlainJava.gemv(DType.BF16, weights.next(), n, k, x, tokens, y);
    return y;
  }
}
