package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.ops.Linear;
import org.graniteffm.runtime.tensor.DType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * Many rows of activations times a weight matrix: what reading a prompt consists of.
 *
 * <p>32 tokens are what one expert gets of a prompt of 128 (8 of 32 experts each), 128 and 512 what
 * dense models get; 16 lie near the change from the gemv kernel, which is the one here. OpenBLAS
 * multiplies f32 weights where they are, and 16-bit ones after widening panel by panel. GFLOP/s
 * compare with {@link PeakBenchmark}.
 *
 * <p>Weights come from memory, as every layer has its own; each is used so often that a cache would
 * make little difference.
 */
public class GemmBenchmark extends KernelBenchmark {
  /** Output and input features, after the model they come from. */
  @Param({
    Shape.ATTENTION_2B,
    Shape.UP_2B,
    Shape.DOWN_2B,
    Shape.UP_8B,
    Shape.UP_POWERLM,
    Shape.EXPERT_UP_1B,
    Shape.EXPERT_UP_3B
  })
  public String shape;

  /** Type of the weights. */
  @Param({"BF16", "F32"})
  public DType dtype;

  /** Rows of activations. */
  @Param({"128", "16", "32", "512"})
  public int tokens;

  /** Where the weights are. If cached, so many rows of them as fit. */
  @Param("DRAM")
  public Residency residency;

  private Operands.Pool weights;
  private MemorySegment x;
  private WidenedProduct widened;
  private int type;
  private long n;
  private long k;
  private MemorySegment y;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape whole = Shape.parse(shape);
    k = whole.in();
    n = residency.rows(whole.out(), k * dtype.byteSize());
    type = Linear.kernelType(dtype);
    long bytes = n * k * dtype.byteSize();
    weights = new Operands.Pool(arena, dtype, n * k, residency.copies(bytes), 1);
    x = Operands.floats(arena, tokens * k, 2);
    y = Operands.zeros(arena, tokens * n);
    widened = new WidenedProduct(arena, dtype);
    Rates.flops(2.0 * tokens * n * k);
    Rates.bytes(bytes + (double) tokens * (k + n) * Float.BYTES);
  }

  /**
   * By the kernel for few rows.
   *
   * @param tier of the kernel
   * @return the product
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    Kernels.gemv(type, weights.next(), 0, k, n, k, x, 0, k, tokens, 1, 0, y, 0, n);
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
    VectorApi.gemv(dtype, weights.next(), n, k, x, tokens, y);
    return y;
  }

  /**
   * By a loop.
   *
   * @return the product
   */
  @Benchmark
  public MemorySegment plainJava() {
    PlainJava.gemv(dtype, weights.next(), n, k, x, tokens, y);
    return y;
  }
}
