package org.graniteffm.bench;

import java.util.Collection;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.infra.IterationParams;
import org.openjdk.jmh.profile.InternalProfiler;
import org.openjdk.jmh.results.AggregationPolicy;
import org.openjdk.jmh.results.IterationResult;
import org.openjdk.jmh.results.ScalarResult;

/**
 * Turns the time of an iteration into the rates that its benchmark told {@link Rates} of, summed
 * over all threads. Costs nothing while the benchmark runs.
 */
public final class RateProfiler implements InternalProfiler {
  /** JMH makes one in each fork. */
  public RateProfiler() {}

  @Override
  public String getDescription() {
    return "GB/s, GFLOP/s and tok/s from what a benchmark says that an operation amounts to";
  }

  @Override
  public void beforeIteration(BenchmarkParams benchmark, IterationParams iteration) {}

  @Override
  public Collection<ScalarResult> afterIteration(
      BenchmarkParams benchmark, IterationParams iteration, IterationResult result) {
    double operationsPerSecond = operationsPerSecond(benchmark, result);
    return Rates.perOperation().entrySet().stream()
        .map(rate ->
            new ScalarResult(
                rate.getKey(),
                rate.getValue() * operationsPerSecond,
                rate.getKey(),
                AggregationPolicy.AVG))
        .toList();
  }

  private static double operationsPerSecond(BenchmarkParams benchmark, IterationResult result) {
    double score = result.getPrimaryResult().getScore();
    double unitsPerSecond = TimeUnit.SECONDS.toNanos(1) / (double) nanos(benchmark.getTimeUnit());
    // Throughput is that of all threads already, times are those of one thread.
    return benchmark.getMode() == Mode.Throughput
        ? score * unitsPerSecond
        : benchmark.getThreads() * unitsPerSecond / score;
  }

  private static long nanos(TimeUnit unit) {
    return unit.toNanos(1);
  }
}
