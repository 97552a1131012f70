package org.graniteffm.bench.kernel;

import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Setup;

/**
 * Products of bfloat16 matrices on registers alone: the limit of {@link GemmBf16Benchmark}. Tiers
 * without a unit for them do nothing, at 0 GFLOP/s.
 *
 * <p>Some ten thousand rounds take long enough that the call does not show.
 */
public class PeakBf16Benchmark extends KernelBenchmark {
  private static final long ROUNDS = 1 << 14;

  /**
   * Counts the operations.
   *
   * @param tier to count them of
   */
  @Setup
  public void setup(Tier tier) {
    Rates.flops((double) Kernels.probeBf16(ROUNDS));
  }

  /**
   * Multiplies and adds.
   *
   * @param tier of the arithmetic
   * @return the operations done
   */
  @Benchmark
  public long multiply(Tier tier) {
    return Kernels.probeBf16(ROUNDS);
  }
}
