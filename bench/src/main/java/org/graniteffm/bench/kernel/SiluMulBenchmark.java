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
 * The gate of the feed-forward layer.
 *
 * <p>One row is decoding, 128 a prompt; 512 columns are an expert. The exponential is the work,
 * though it counts as one of the five operations of an element.
 */
public class SiluMulBenchmark extends KernelBenchmark {
  /** Rows and columns, which are tokens and features. */
  @Param({
    "2b-token:1x8192",
    "2b-prompt:128x8192",
    "8b-token:1x12800",
    "powerlm-3b-token:1x9216",
    "1b-a400m-expert:1x512"
  })
  public String rowsByCols;

  /** Where the operands are. If cached, so many rows of them as fit. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  private Operands.Pool gate;
  private Operands.Pool up;
  private Operands.Pool out;
  private long rows;
  private long cols;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape size = Shape.parse(rowsByCols);
    cols = size.in();
    long rowBytes = 3 * cols * Float.BYTES;
    rows = residency.rows(size.out(), rowBytes);
    long count = rows * cols;
    int copies = residency.copies(rows * rowBytes);
    gate = new Operands.Pool(arena, count, copies, 1);
    up = new Operands.Pool(arena, count, copies, 2);
    out = new Operands.Pool(arena, count, copies, 3);
    Rates.bytes(3.0 * rows * cols * Float.BYTES);
    Rates.flops(5.0 * rows * cols);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the gated rows
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    MemorySegment to = out.next();
    Kernels.siluMul(gate.next(), 0, cols, up.next(), 0, cols, rows, cols, to, 0, cols);
    return to;
  }

  /**
   * With the Vector API.
   *
   * @return the gated rows
   */
  @Benchmark
  public MemorySegment vectorApi() {
    MemorySegment to = out.next();
    VectorApi.siluMul(gate.next(), up.next(), rows * cols, to);
    return to;
  }

  /**
   * By a loop.
   *
   * @return the gated rows
   */
  @Benchmark
  public MemorySegment plainJava() {
    MemorySegment to = out.next();
    PlainJava.siluMul(gate.next(), up.next(), 0, rows * cols, to);
    return to;
  }
}
