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
 * A few rows of activations times a weight matrix: what decoding consists of.
 *
 * <p>One row is plain decoding; 4 and 8 are beams, batches and draft tokens, which should cost
 * little more while memory is the limit. GB/s count the weights alone, and compare with {@link
 * BandwidthBenchmark}.
 *
 * <p>OpenBLAS multiplies f32 weights where they are, and 16-bit ones after widening panel by panel,
 * as prompts are: where that overtakes the kernel is the row count to change over at.
 */
public class GemvBenchmark extends KernelBenchmark {
  /** Output and input features, after the model they come from. */
  @Param({
    Shape.UP_2B,
    Shape.ATTENTION_2B,
    Shape.DOWN_2B,
    Shape.HEAD_2B,
    Shape.UP_8B,
    Shape.UP_POWERLM,
    Shape.EXPERT_UP_1B,
    Shape.EXPERT_DOWN_1B,
    Shape.EXPERT_UP_3B
  })
  public String shape;

  /** Type of the weights. */
  @Param({"BF16", "F16", "F32"})
  public DType dtype;

  /** Rows of activations. */
  @Param({"1", "4", "8"})
  public int rows;

  /** Where the weights are. If cached, so many rows of them as fit. */
  @Param({"DRAM", "CACHED"})
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
    x = Operands.floats(arena, rows * k, 2);
    y = Operands.zeros(arena, rows * n);
    widened = new WidenedProduct(arena, dtype);
    Rates.bytes((double) bytes);
    Rates.flops(2.0 * rows * n * k);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the product
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    Kernels.gemv(type, weights.next(), 0, k, n, k, x, 0, k, rows, 1, 0, y, 0, n);
    return y;
  }

  /**
   * By sgemm.
   *
   * @return the product
   */
  @Benchmark
  public MemorySegment openblas() {
    widened.multiply(x, rows, weights.next(), n, k, y);
    return y;
  }

  /**
   * With the Vector API.
   *
   * @return the product
   */
  @Benchmark
  public MemorySegment vectorApi() {
    VectorApi.gemv(dtype, weights.next(), n, k, x, rows, y);
    return y;
  }

  /**
   * By a loop.
   *
   * @return the product
   */
  @Benchmark
  public MemorySegment plainJava() {
    PlainJava.gemv(dtype, weights.next(), n, k, x, rows, y);
    return y;
  }
}
