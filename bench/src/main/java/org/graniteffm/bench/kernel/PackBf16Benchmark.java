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
 * Rounding of activations to bfloat16 and packing for a matrix unit, once for all products with the
 * same activations.
 *
 * <p>512 rows are a block of a prompt. Rounding counts as one operation.
 */
public class PackBf16Benchmark extends KernelBenchmark {
  /** Rows and columns, which are tokens and features. */
  @Param({Shape.PROMPT_2B, "8b-prompt:512x4096", "1b-a400m-prompt:512x1024"})
  public String rowsByCols;

  /** Where the operands are. If cached, so many rows of them as fit. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  private Operands.Pool x;
  private Operands.Pool packed;
  private long rows;
  private long cols;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape size = Shape.parse(rowsByCols);
    cols = size.in();
    long rowBytes = cols * (Float.BYTES + Short.BYTES);
    rows = residency.rows(size.out(), rowBytes);
    int copies = residency.copies(rows * rowBytes);
    x = new Operands.Pool(arena, rows * cols, copies, 1);
    packed = new Operands.Pool(arena, Kernels.packedBytes(rows, cols) / Float.BYTES, copies, 2);
    Rates.bytes((double) rows * rowBytes);
    Rates.flops((double) rows * cols);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the packed rows
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    MemorySegment to = packed.next();
    Kernels.packBf16(x.next(), 0, cols, rows, null, 0, rows, cols, to, 0);
    return to;
  }

  /**
   * By a loop.
   *
   * @return the packed rows
   */
  @Benchmark
  public MemorySegment plainJava() {
    MemorySegment to = packed.next();
    PlainJava.packBf16(x.next(), rows, cols, to);
    return to;
  }
}
