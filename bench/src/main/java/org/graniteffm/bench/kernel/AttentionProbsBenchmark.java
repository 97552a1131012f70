package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.tensor.DType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * The probabilities of attention alone, for those who ask a forward pass for its attentions.
 *
 * <p>No model needs them, so the kernel is scalar on every tier, and the sizes are those of 2b
 * alone. The product of queries and keys counts.
 */
public class AttentionProbsBenchmark extends KernelBenchmark {
  /** New rows, and rows before them. */
  @Param({"128after0", "1after511"})
  public String rowsAfterPast;

  /** Query heads that share a key/value head, and elements of a head. */
  @Param({"2b:4x64"})
  public String heads;

  /** Where keys are. If cached, after so many rows as leave room. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  private Operands.Pool cache;
  private MemorySegment q;
  private float[] scores;
  private float scale;
  private long rows;
  private long past;
  private long queryHeads;
  private long headDim;
  private MemorySegment probabilities;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape head = Shape.parse(heads);
    queryHeads = head.out();
    headDim = head.in();
    scale = 1f / headDim; // attention_multiplier of Granite 3
    String[] parts = rowsAfterPast.split("after", -1);
    rows = Long.parseLong(parts[0]);
    long rowBytes = headDim * Float.BYTES;
    long keys = Math.max(rows, residency.rows(rows + Long.parseLong(parts[1]), rowBytes));
    past = keys - rows;
    cache = new Operands.Pool(arena, keys * headDim, residency.copies(keys * rowBytes), 1);
    q = Operands.floats(arena, rows * queryHeads * headDim, 2);
    long count = queryHeads * rows * keys;
    probabilities = Operands.zeros(arena, count);
    scores = new float[Math.toIntExact(keys)];
    double seen = rows * (double) past + rows * (rows + 1.0) / 2; // keys, over all rows
    Rates.flops(2 * seen * queryHeads * headDim);
    Rates.bytes(keys * (double) rowBytes + count * (double) Float.BYTES);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the probabilities
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    Kernels.attentionProbs(
        q,
        0,
        queryHeads * headDim,
        queryHeads,
        rows,
        cache.next(),
        0,
        Kernels.F32,
        headDim,
        past,
        null,
        0,
        headDim,
        scale,
        probabilities,
        0,
        rows * (past + rows));
    return probabilities;
  }

  /**
   * By a loop.
   *
   * @return the probabilities
   */
  @Benchmark
  public MemorySegment plainJava() {
    PlainJava.attentionProbs(
        DType.F32, q, queryHeads, rows, cache.next(), past, headDim, scale, scores, probabilities);
    return probabilities;
  }
}
