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
 * The residual addition alone, as the last layer and mixtures of experts do it.
 *
 * <p>One row is decoding, 512 a block of a prompt. A multiply-add an element, which is nothing: the
 * three passes over memory are the work.
 */
public class AddScaledBenchmark extends KernelBenchmark {
  /** Rows and columns, which are tokens and features. */
  @Param({Shape.TOKEN_2B, Shape.PROMPT_2B, Shape.TOKEN_8B, Shape.TOKEN_1B, Shape.TOKEN_3B})
  public String rowsByCols;

  /** Where the operands are. If cached, so many rows of them as fit. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  private static final float SCALE = 0.22f; // residual_multiplier of all Granite 3

  private Operands.Pool x;
  private Operands.Pool y;
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
    y = new Operands.Pool(arena, count, copies, 2);
    Rates.bytes(3.0 * rows * cols * Float.BYTES);
    Rates.flops(2.0 * rows * cols);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the sum
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    MemorySegment to = x.next();
    Kernels.addScaled(to, 0, cols, y.next(), 0, cols, SCALE, rows, cols);
    return to;
  }

  /**
   * With the Vector API.
   *
   * @return the sum
   */
  @Benchmark
  public MemorySegment vectorApi() {
    MemorySegment to = x.next();
    VectorApi.addScaled(to, y.next(), SCALE, rows * cols);
    return to;
  }

  /**
   * By a loop.
   *
   * @return the sum
   */
  @Benchmark
  public MemorySegment plainJava() {
    MemorySegment to = x.next();
    PlainJava.addScaled(to, y.next(), SCALE, 0, rows * cols);
    return to;
  }
}
