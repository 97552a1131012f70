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
 * Attention of the query heads that share one key/value head: one slice of what a layer does.
 *
 * <p>Granite 3 2b has 4 query heads of 64 elements to a key head, 8b the same number of 128, the
 * mixtures of experts 2 and 3 of 64. One row after 511 or 4095 others is decoding, which reads keys
 * and values once. 128 and 512 rows with nothing before are prompts, whose arithmetic grows with
 * the square; the two products alone count.
 */
public class AttentionBenchmark extends KernelBenchmark {
  /** New rows, and rows before them. */
  @Param({"1after511", "1after4095", "128after0", "512after0"})
  public String rowsAfterPast;

  /** Query heads that share a key/value head, and elements of a head. */
  @Param({"2b:4x64", "8b:4x128", "1b-a400m:2x64", "3b-a800m:3x64"})
  public String heads;

  /** Type of keys and values. */
  @Param({"BF16", "F32"})
  public DType dtype;

  /** Where keys and values are. If cached, after so many rows as leave room. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  private Operands.Pool cache;
  MemorySegment q;
  private float[] scores;
  float scale;
  int type;
  long rows;
  long past;
  long queryHeads;
  long headDim;
  long valuesAt;
  MemorySegment out;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape head = Shape.parse(heads);
    queryHeads = head.out();
    headDim = head.in();
    scale = 1f / headDim; // attention_multiplier of Granite 3
    String[] parts = rowsAfterPast.split("after", -1);
    rows = Long.parseLong(parts[0]);
    type = Linear.kernelType(dtype);
    long rowBytes = 2 * headDim * dtype.byteSize();
    long keys = Math.max(rows, residency.rows(rows + Long.parseLong(parts[1]), rowBytes));
    past = keys - rows;
    valuesAt = keys * headDim * dtype.byteSize();
    int copies = residency.copies(keys * rowBytes);
    cache = new Operands.Pool(arena, dtype, 2 * keys * headDim, copies, 1);
    q = Operands.floats(arena, rows * queryHeads * headDim, 2);
    out = Operands.zeros(arena, rows * queryHeads * headDim);
    scores = new float[Math.toIntExact(keys)];
    double seen = rows * (double) past + rows * (rows + 1.0) / 2; // keys, over all rows
    Rates.flops(4 * seen * queryHeads * headDim);
    Rates.bytes((double) keys * rowBytes);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the mixed values
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    attend(cache.next());
    return out;
  }

  /** Calls the kernel. */
  void attend(MemorySegment kv) {
    long stride = queryHeads * headDim;
    Kernels.attention(
        q,
        0,
        stride,
        queryHeads,
        rows,
        kv,
        0,
        kv,
        valuesAt,
        type,
        headDim,
        past,
        null,
        0,
        headDim,
        scale,
        out,
        0,
        stride);
  }

  /**
   * By a loop.
   *
   * @return the mixed values
   */
  @Benchmark
  public MemorySegment plainJava() {
    PlainJava.attention(
        dtype, q, queryHeads, rows, cache.next(), valuesAt, past, headDim, scale, scores, out);
    return out;
  }
}
