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
 * The residual addition and the normalisation after it in one pass, which is how layers join.
 *
 * <p>One row is decoding, 512 a block of a prompt. It reads the stream and the residual and writes
 * the stream and its norm, six operations an element.
 */
public class AddRmsNormBenchmark extends KernelBenchmark {
  /** Rows and columns, which are tokens and features. */
  @Param({Shape.TOKEN_2B, Shape.PROMPT_2B, Shape.TOKEN_8B, Shape.TOKEN_1B, Shape.TOKEN_3B})
  public String rowsByCols;

  /** Where the operands are. If cached, so many rows of them as fit. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  private static final float RESIDUAL_MULTIPLIER = 0.22f; // of all Granite 3

  private Operands.Pool residual;
  private Operands.Pool out;
  private MemorySegment weight;
  private long rows;
  private long cols;
  Operands.Pool x;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape size = Shape.parse(rowsByCols);
    cols = size.in();
    long rowBytes = 3 * cols * Float.BYTES;
    rows = residency.rows(size.out(), rowBytes);
    long count = rows * cols;
    int copies = residency.copies(rows * rowBytes);
    x = new Operands.Pool(arena, count, copies, 1);
    residual = new Operands.Pool(arena, count, copies, 2);
    out = new Operands.Pool(arena, count, copies, 3);
    weight = Operands.floats(arena, cols, 4);
    Rates.bytes(4.0 * rows * cols * Float.BYTES);
    Rates.flops(6.0 * rows * cols);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the normalised rows
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    MemorySegment stream = x.next();
    MemorySegment add = residual.next();
    MemorySegment to = out.next();
    float eps = RmsNormBenchmark.EPS;
    Kernels.addRmsNorm(
        stream,
        0,
        cols,
        add,
        0,
        cols,
        RESIDUAL_MULTIPLIER,
        weight,
        0,
        eps,
        rows,
        cols,
        to,
        0,
        cols);
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
    float eps = RmsNormBenchmark.EPS;
    VectorApi.addRmsNorm(
        x.next(), residual.next(), RESIDUAL_MULTIPLIER, weight, eps, rows, cols, to);
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
    float eps = RmsNormBenchmark.EPS;
    PlainJava.addRmsNorm(
        x.next(), residual.next(), RESIDUAL_MULTIPLIER, weight, eps, rows, cols, to);
    return to;
  }
}
