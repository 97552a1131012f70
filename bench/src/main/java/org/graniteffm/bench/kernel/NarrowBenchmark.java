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
 * Values on their way into the cache.
 *
 * <p>A call of the runtime takes those of one token: a row for each key/value head. A conversion
 * counts as one operation.
 */
public class NarrowBenchmark extends KernelBenchmark {
  /** Rows and columns, which are heads and their elements. */
  @Param({"2b:8x64", "8b:8x128", "powerlm-3b:36x64"})
  public String rowsByCols;

  /** Type of the cache. */
  @Param({"BF16", "F32"})
  public DType dtype;

  /** Where the values are. If cached, so many rows of them as fit with their copy. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  private Operands.Pool values;
  private Operands.Pool cache;
  private int type;
  private long rows;
  private long cols;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape size = Shape.parse(rowsByCols);
    cols = size.in();
    long rowBytes = cols * (Float.BYTES + dtype.byteSize());
    rows = residency.rows(size.out(), rowBytes);
    type = Linear.kernelType(dtype);
    int copies = residency.copies(rows * rowBytes);
    values = new Operands.Pool(arena, rows * cols, copies, 1);
    cache = new Operands.Pool(arena, dtype, rows * cols, copies, 2);
    Rates.bytes((double) rows * rowBytes);
    Rates.flops((double) rows * cols);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the values in the cache
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    MemorySegment to = cache.next();
    Kernels.narrow(values.next(), 0, cols, rows, cols, to, 0, type, cols);
    return to;
  }

  /**
   * By a loop.
   *
   * @return the values in the cache
   */
  @Benchmark
  public MemorySegment plainJava() {
    MemorySegment to = cache.next();
    PlainJava.narrow(dtype, values.next(), rows * cols, to);
    return to;
  }
}
