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
 * A few rows of activations times a weight matrix: what decoding consists of.
 *
 * <p>Shapes are the projections of Granite 3 2b and an expert of 1b-a400m. One row is plain
 * decoding; 4 and 8 are beams, batches and draft tokens, which should cost little more while memory
 * is the limit. GB/s count the weights alone, and compare with {@link BandwidthBenchmark}.
 *
 * <p>From {@link Implementation#OPENBLAS}, f32 weights are multiplied where they are, 16-bit ones
 * after widening panel by panel, as prompts are: where that overtakes the kernel is the row count
 * to change over at.
 *
 * <p>Two forks: where pages lie and what the compiler chose differ between JVMs more than between
 * iterations.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class GemvBenchmark {
  /** JMH makes one for each thread. */
  public GemvBenchmark() {}

  /** Output and input features, after the model they come from. */
  @Param({Shape.ATTENTION_2B, Shape.UP_2B, Shape.DOWN_2B, Shape.EXPERT_UP_1B, Shape.EXPERT_DOWN_1B})
  public String shape;

  /** Type of the weights. */
  @Param({"BF16", "F16", "F32"})
  public DType dtype;

  /** Rows of activations. */
  @Param({"1", "4", "8"})
  public int rows;

  /** Where the weights are. If cached, so many rows of them as fit. */
  @Param({"CACHED", "DRAM"})
  public Residency weights;

  /** Who does it. */
  @Param({"SCALAR", "ACTIVE", "OPENBLAS", "JAVA"})
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
    k = whole.in();
    n = weights.rows(whole.out(), k * dtype.byteSize());
    type = Linear.kernelType(dtype);
    arena = Arena.ofShared();
    w = new Operands.Pool(arena, dtype, n * k, weights, 1);
    x = Operands.floats(arena, rows * k, 2);
    y = Operands.zeros(arena, rows * n);
    widened = new WidenedProduct(arena, dtype);
    Rates.bytes((double) n * k * dtype.byteSize());
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
  public MemorySegment gemv() {
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
