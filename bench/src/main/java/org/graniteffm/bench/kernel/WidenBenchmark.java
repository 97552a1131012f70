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
 * Widening of a panel of weights, which happens before every product of a prompt on the scalar
 * tier, and of what a cache in bfloat16 holds when it is read out.
 *
 * <p>256 x 1024 is the panel of the runtime, whose f32 copy is 1 MiB and is written to the same
 * place every time. A conversion counts as one operation.
 */
public class WidenBenchmark extends KernelBenchmark {
  /** Rows and columns. */
  @Param("panel:256x1024")
  public String rowsByCols;

  /** Type of the weights. */
  @Param({"BF16", "F16"})
  public DType dtype;

  /** Where the weights are. If cached, so many rows of them as fit with their copy. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  private Operands.Pool weights;
  private int type;
  private long rows;
  private long cols;
  private MemorySegment panel;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape size = Shape.parse(rowsByCols);
    cols = size.in();
    rows = residency.rows(size.out(), cols * (dtype.byteSize() + Float.BYTES));
    type = Linear.kernelType(dtype);
    long count = rows * cols;
    weights = new Operands.Pool(arena, dtype, count, residency.copies(count * dtype.byteSize()), 1);
    panel = Operands.zeros(arena, count);
    Rates.bytes((double) count * (dtype.byteSize() + Float.BYTES));
    Rates.flops((double) count);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the panel
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    Kernels.widen(weights.next(), 0, type, cols, rows, cols, panel, 0, cols);
    return panel;
  }

  /**
   * With the Vector API.
   *
   * @return the panel
   */
  @Benchmark
  public MemorySegment vectorApi() {
    VectorApi.widen(dtype, weights.next(), rows * cols, panel);
    return panel;
  }

  /**
   * By a loop.
   *
   * @return the panel
   */
  @Benchmark
  public MemorySegment plainJava() {
    PlainJava.widen(dtype, weights.next(), 0, rows * cols, panel);
    return panel;
  }
}
