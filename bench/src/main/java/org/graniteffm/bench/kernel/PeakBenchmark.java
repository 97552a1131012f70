package org.graniteffm.bench.kernel;

import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Setup;

/**
 * Multiply-adds on registers alone: the limit of all f32 arithmetic of one thread, to hold GFLOP/s
 * of other benchmarks against. {@code -t} gives that of many, which may be less than as many times
 * one.
 *
 * <p>Some ten thousand rounds take long enough that the call does not show.
 */
public class PeakBenchmark extends KernelBenchmark {
  private static final long ROUNDS = 1 << 14;

  /**
   * Counts the operations.
   *
   * @param tier to count them of
   */
  @Setup
  public void setup(Tier tier) {
    Rates.flops((double) Kernels.probeFma(ROUNDS));
  }

  /**
   * Multiplies and adds.
   *
   * @param tier of the arithmetic
   * @return the operations done
   */
  @Benchmark
  public long fma(Tier tier) {
    return Kernels.probeFma(ROUNDS);
  }
}
