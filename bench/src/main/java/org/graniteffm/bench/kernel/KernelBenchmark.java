package org.graniteffm.bench.kernel;

import java.lang.foreign.Arena;
import java.util.concurrent.TimeUnit;
import org.graniteffm.bench.Forks;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * What the benchmarks of kernels have in common. Each is a class with a method for each way to do
 * the same job, on the same operands:
 *
 * <ul>
 *   <li>{@code kernel}, on each tier, of which the first is scalar C;
 *   <li>{@code plainJava}, a loop as one writes it at first;
 *   <li>{@code vectorApi}, where that loop is worth the effort;
 *   <li>{@code openblas}, where it has such a function.
 * </ul>
 *
 * <p>The first value of a parameter is the one that the quick mode measures; of a parameter named
 * {@code residency} it measures all.
 *
 * <p>Two forks: where pages lie and what the compiler chose differ between JVMs more than between
 * iterations.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(
    value = 2,
    jvmArgsAppend = {Forks.NATIVE_ACCESS, Forks.VECTOR_API})
public abstract class KernelBenchmark implements AutoCloseable {
  /** Owns the operands. */
  final Arena arena = Arena.ofShared();

  /** For the benchmarks alone. */
  KernelBenchmark() {}

  /** Frees the operands. */
  @Override
  @TearDown
  public void close() {
    arena.close();
  }
}
