package org.graniteffm.bench.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.graniteffm.bench.Forks;
import org.graniteffm.bench.Implementation;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.ops.Linear;
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
 * Many rows of activations times a weight matrix: what reading a prompt consists of.
 *
 * <p>32 rows are the tokens that one expert gets of a prompt of 128 (8 of 32 experts each), 128 and
 * 512 those of dense models; 16 lie near the change from the gemv kernel, which {@link
 * Implementation#ACTIVE} stands for. OpenBLAS multiplies f32 weights where they are, and 16-bit
 * ones after widening panel by panel. GFLOP/s compare with {@link PeakBenchmark}.
 *
 * <p>Weights come from memory, as every layer has its own. Two forks: where pages lie and what the
 * compiler chose differ between JVMs more than between iterations.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class SgemmBenchmark {
  /** JMH makes one for each thread. */
  public SgemmBenchmark() {}

  /** Output and input features, after the model they come from. */
  @Param({Shape.ATTENTION_2B, Shape.DOWN_2B, Shape.EXPERT_UP_1B})
  public String shape;

  /** Type of the weights. */
  @Param({"BF16", "F32"})
  public DType dtype;

  /** Rows of activations. */
  @Param({"16", "32", "128", "512"})
  public int rows;

  /** Who does it. */
  @Param({"ACTIVE", "OPENBLAS"})
  public Implementation implementation;

  private Arena arena;
  private Operands.Pool w;
  private MemorySegment x;
  private WidenedProduct widened;
  private int type;
  private long n;
  private long k;
  MemorySegment y;

  /** Makes the operands. */
  @Setup
  public void setup() {
    implementation.select();
    Shape whole = Shape.parse(shape);
    n = whole.out();
    k = whole.in();
    type = Linear.kernelType(dtype);
    arena = Arena.ofShared();
    w = new Operands.Pool(arena, dtype, n * k, Residency.DRAM, 1);
    x = Operands.floats(arena, rows * k, 2);
    y = Operands.zeros(arena, rows * n);
    widened = new WidenedProduct(arena, dtype);
    Rates.flops(2.0 * rows * n * k);
  }

  /** Frees the operands. */
  @TearDown
  public void close() {
    arena.close();
  }

  /**
   * One product.
   *
   * @return the result
   */
  @Benchmark
  public MemorySegment sgemm() {
    long at = w.next();
    switch (implementation) {
      case SCALAR, ACTIVE ->
          Kernels.gemv(type, w.memory(), at, k, n, k, x, 0, k, rows, 1, 0, y, 0, n);
      case OPENBLAS -> widened.multiply(x, rows, w.memory(), at, n, k, y);
      case JAVA -> PlainJava.gemv(dtype, w.memory(), at, n, k, x, rows, y);
    }
    return y;
  }
}
