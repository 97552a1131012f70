package org.graniteffm.bench.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.graniteffm.bench.Forks;
import org.graniteffm.bench.Implementation;
import org.graniteffm.bench.Rates;
import org.graniteffm.bindings.Kernels;
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
 * Normalisation, alone and with the residual addition before it.
 *
 * <p>One row is decoding, 512 a block of a prompt; 1024 columns are the hidden size of 1b-a400m,
 * 2048 that of 2b. Activations were written a moment ago, so one row is in a cache; 512 rows of
 * 2048 are 4 MiB each. Two forks: where pages lie and what the compiler chose differ between JVMs
 * more than between iterations.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class RmsNormBenchmark {
  /** JMH makes one for each thread. */
  public RmsNormBenchmark() {}

  /** Rows and columns. */
  @Param({"1x1024", "1x2048", "512x2048"})
  public String rowsByCols;

  /** Whether a residual is added first, in the same pass. */
  @Param({"false", "true"})
  public boolean addFirst;

  /** Who does it. */
  @Param({"SCALAR", "ACTIVE", "JAVA"})
  public Implementation implementation;

  private static final float EPS = 1e-5f;
  private static final float RESIDUAL_MULTIPLIER = 0.22f; // of all Granite 3

  private Arena arena;
  private MemorySegment residual;
  private MemorySegment weight;
  private long rows;
  private long cols;
  MemorySegment x;
  MemorySegment out;

  /** Makes the operands. */
  @Setup
  public void setup() {
    implementation.select();
    Shape size = Shape.parse(rowsByCols);
    rows = size.out();
    cols = size.in();
    arena = Arena.ofShared();
    x = Operands.floats(arena, rows * cols, 1);
    residual = Operands.floats(arena, rows * cols, 2);
    weight = Operands.floats(arena, cols, 3);
    out = Operands.zeros(arena, rows * cols);
    int passes = addFirst ? 4 : 2; // reads x and residual, writes x and out; reads x, writes out
    Rates.bytes((double) passes * rows * cols * Float.BYTES);
  }

  /** Frees the operands. */
  @TearDown
  public void close() {
    arena.close();
  }

  /**
   * One normalisation.
   *
   * @return the result
   */
  @Benchmark
  public MemorySegment rmsNorm() {
    if (implementation == Implementation.JAVA) {
      if (addFirst) {
        PlainJava.addRmsNorm(x, residual, RESIDUAL_MULTIPLIER, weight, EPS, rows, cols, out);
      } else {
        PlainJava.rmsNorm(x, weight, EPS, rows, cols, out);
      }
    } else if (addFirst) {
      Kernels.addRmsNorm(
          x,
          0,
          cols,
          residual,
          0,
          cols,
          RESIDUAL_MULTIPLIER,
          weight,
          0,
          EPS,
          rows,
          cols,
          out,
          0,
          cols);
    } else {
      Kernels.rmsNorm(x, 0, cols, weight, 0, EPS, rows, cols, out, 0, cols);
    }
    return out;
  }
}
