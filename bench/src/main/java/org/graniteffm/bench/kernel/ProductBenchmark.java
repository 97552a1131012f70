package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.ops.Linear;
import org.graniteffm.runtime.ops.Ops;
import org.graniteffm.runtime.tensor.DType;
import org.openjdk.jmh.annotations.Benchmark;

/** Rows of activations times a weight matrix in f32, whatever the type of the weights. */
public abstract class ProductBenchmark extends KernelBenchmark {
  private Operands.Pool weights;
  private MemorySegment x;
  private WidenedProduct widened;
  private DType dtype;
  private int type;
  private long m;
  private long n;
  private long k;
  private MemorySegment y;
  private MemorySegment scratch;

  /** For the benchmarks alone. */
  ProductBenchmark() {}

  /**
   * Makes the operands.
   *
   * @param shape output and input features
   * @param dtype of the weights
   * @param rows of activations
   * @param residency of the weights
   * @return bytes of the weights
   */
  final long prepare(String shape, DType dtype, int rows, Residency residency) {
    Shape whole = Shape.parse(shape);
    this.dtype = dtype;
    type = Linear.kernelType(dtype);
    m = rows;
    k = whole.in();
    n = residency.rows(whole.out(), k * dtype.byteSize());
    long bytes = n * k * dtype.byteSize();
    weights = new Operands.Pool(arena, dtype, n * k, residency.copies(bytes), 1);
    x = Operands.floats(arena, m * k, 2);
    y = Operands.zeros(arena, m * n);
    scratch = Operands.zeros(arena, Kernels.GEMM_SCRATCH / Float.BYTES);
    widened = new WidenedProduct(arena, dtype);
    Rates.flops(2.0 * m * n * k);
    return bytes;
  }

  /** Bytes of activations and results. */
  final double activationBytes() {
    return (double) m * (k + n) * Float.BYTES;
  }

  /**
   * By the kernel for so many rows.
   *
   * @param tier of the kernel
   * @return the product
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    MemorySegment w = weights.next();
    if (m <= Ops.GEMV_ROWS) {
      Kernels.gemv(type, w, 0, k, n, k, x, 0, k, m, 1, 0, y, 0, n);
    } else {
      Kernels.gemm(type, w, 0, k, n, k, x, 0, k, m, 1, 0, y, 0, n, scratch);
    }
    return y;
  }

  /**
   * By sgemm.
   *
   * @return the product
   */
  @Benchmark
  public MemorySegment openblas() {
    widened.multiply(x, m, weights.next(), n, k, y);
    return y;
  }

  /**
   * With the Vector API.
   *
   * @return the product
   */
  @Benchmark
  public MemorySegment vectorApi() {
    VectorApi.gemv(dtype, weights.next(), n, k, x, m, y);
    return y;
  }

  /**
   * By a loop.
   *
   * @return the product
   */
  @Benchmark
  public MemorySegment plainJava() {
    PlainJava.gemv(dtype, weights.next(), n, k, x, m, y);
    return y;
  }
}
