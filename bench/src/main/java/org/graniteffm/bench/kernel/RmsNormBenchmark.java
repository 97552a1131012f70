package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * Normalisation of the stream between layers.
 *
 * <p>One row is decoding, 512 a block of a prompt. Four operations an element: its square into the
 * sum, and two factors.
 */
public class RmsNormBenchmark extends KernelBenchmark {
  /** Rows and columns, which are tokens and features. */
  @Param({Shape.TOKEN_2B, Shape.PROMPT_2B, Shape.TOKEN_8B, Shape.TOKEN_1B, Shape.TOKEN_3B})
  public String rowsByCols;

  /** Where the operands are. If cached, so many rows of them as fit. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  static final float EPS = 1e-5f;

  private Operands.Pool x;
  private Operands.Pool out;
  private MemorySegment weight;
  private long rows;
  private long cols;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape size = Shape.parse(rowsByCols);
    cols = size.in();
    long rowBytes = 2 * cols * Float.BYTES;
    rows = residency.rows(size.out(), rowBytes);
    long count = rows * cols;
    int copies = residency.copies(rows * rowBytes);
    x = new Operands.Pool(arena, count, copies, 1);
    out = new Operands.Pool(arena, count, copies, 2);
    weight = Operands.floats(arena, cols, 3);
    Rates.bytes(2.0 * rows * cols * Float.BYTES);
    Rates.flops(4.0 * rows * cols);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the normalised rows
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    MemorySegment to = out.next();
    Kernels.rmsNorm(x.next(), 0, cols, weight, 0, EPS, rows, cols, to, 0, cols);
    return to;
  }

  /**
   * With the Vector API.
   *
   * @return the normalised rows
   */
  @Benchmark
  public MemorySegment vectorApi() {
    MemorySegment to = out.next();
    VectorApi.rmsNorm(x.next(), weight, EPS, rows, cols, to);
    return to;
  }

  /**
   * By a loop.
   *
   * @return the normalised rows
   */
  @Benchmark
  public MemorySegment plainJava() {
    MemorySegment to = out.next();
    PlainJava.rmsNorm(x.next(), weight, EPS, rows, cols, to);
    return to;
  }
}
