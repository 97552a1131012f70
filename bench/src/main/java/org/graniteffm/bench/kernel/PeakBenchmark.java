package org.graniteffm.bench.kernel;

import java.util.concurrent.TimeUnit;
import org.graniteffm.bench.Forks;
import org.graniteffm.bench.Implementation;
import org.graniteffm.bench.Rates;
import org.graniteffm.bindings.Kernels;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Multiply-adds on registers alone: the limit of all f32 arithmetic of one thread, to hold GFLOP/s
 * of other benchmarks against. {@code -t} gives that of many, which may be less than as many times
 * one.
 *
 * <p>Some ten thousand rounds take long enough that the call does not show. Two forks: where pages
 * lie and what the compiler chose differ between JVMs more than between iterations.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class PeakBenchmark {
  /** JMH makes one for each thread. */
  public PeakBenchmark() {}

  private static final long ROUNDS = 1 << 14;

  /** Who does it. */
  @Param({"SCALAR", "ACTIVE"})
  public Implementation implementation;

  /** Selects the tier. */
  @Setup
  public void setup() {
    implementation.select();
    Rates.flops((double) Kernels.probeFma(ROUNDS));
  }

  /**
   * Multiplies and adds.
   *
   * @return the operations done
   */
  @Benchmark
  public long fma() {
    return Kernels.probeFma(ROUNDS);
  }
}
