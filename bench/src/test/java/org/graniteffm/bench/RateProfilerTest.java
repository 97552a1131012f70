package org.graniteffm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Collection;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.graniteffm.bench.kernel.PeakBenchmark;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

class RateProfilerTest {
  @BeforeEach
  void forgetRates() {
    Rates.clear();
  }

  @ParameterizedTest
  @EnumSource(
      value = Mode.class,
      names = {"Throughput", "AverageTime"})
  void ratesFollowFromTimes(Mode mode) throws RunnerException {
    Collection<RunResult> results =
        new Runner(
                new OptionsBuilder()
                    .include(PeakBenchmark.class.getName())
                    .mode(mode)
                    .timeUnit(TimeUnit.MICROSECONDS)
                    .threads(2)
                    .forks(0)
                    .warmupIterations(0)
                    .measurementIterations(1)
                    .measurementTime(TimeValue.milliseconds(50))
                    .addProfiler(RateProfiler.class)
                    .verbosity(VerboseMode.SILENT)
                    .build())
            .run();
    assertEquals(1, results.size());
    RunResult result = results.iterator().next();
    assertEquals(Set.of("GFLOP/s"), result.getSecondaryResults().keySet());
    double score = result.getPrimaryResult().getScore();
    double perMicrosecond = mode == Mode.Throughput ? score : 2 / score; // two threads
    double expected = Rates.perOperation().get("GFLOP/s") * perMicrosecond * 1e6;
    double rate = result.getSecondaryResults().get("GFLOP/s").getScore();
    assertEquals(expected, rate, expected * 1e-6);
  }
}
