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
 * Routing of tokens to experts.
 *
 * <p>8 of 32 is 1b-a400m, 8 of 40 is 3b-a800m; one row is decoding, 512 a prompt. The kernel is
 * scalar on every tier. An exponential and a quotient for each expert chosen count, comparisons do
 * not. The router wrote its scores a moment ago, so they are cached.
 */
public class TopKBenchmark extends KernelBenchmark {
  /** Rows, which are tokens. */
  @Param({"512", "1"})
  public int tokens;

  /** How many experts are chosen, and of how many. */
  @Param({"1b-a400m:8x32", "3b-a800m:8x40"})
  public String chosenByExperts;

  /** Where the scores are. If cached, those of so many tokens as fit. */
  @Param("CACHED")
  public Residency residency;

  private Operands.Pool logits;
  private long rows;
  private long k;
  private long experts;
  private MemorySegment weights;
  MemorySegment ids;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape size = Shape.parse(chosenByExperts);
    k = size.out();
    experts = size.in();
    long rowBytes = experts * Float.BYTES;
    rows = residency.rows(tokens, rowBytes);
    logits = new Operands.Pool(arena, rows * experts, residency.copies(rows * rowBytes), 1);
    ids = Operands.zeros(arena, rows * k); // integers are as large as floats
    weights = Operands.zeros(arena, rows * k);
    Rates.bytes((double) rows * (experts + 2 * k) * Float.BYTES);
    Rates.flops(2.0 * rows * k);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the weights of the experts chosen
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    Kernels.topKSoftmax(logits.next(), 0, experts, rows, experts, k, ids, 0, weights, 0);
    return weights;
  }

  /**
   * By a loop.
   *
   * @return the weights of the experts chosen
   */
  @Benchmark
  public MemorySegment plainJava() {
    PlainJava.topKSoftmax(logits.next(), rows, (int) experts, (int) k, ids, weights);
    return weights;
  }
}
