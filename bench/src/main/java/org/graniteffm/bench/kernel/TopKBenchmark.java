package org.graniteffm.bench.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Routing of tokens to experts.
 *
 * <p>8 of 32 is 1b-a400m, 8 of 40 is 3b-a800m; one row is decoding, 512 a prompt. The kernel is
 * scalar on every tier, so there is one. Two forks: where pages lie and what the compiler chose
 * differ between JVMs more than between iterations.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class TopKBenchmark {
  /** JMH makes one for each thread. */
  public TopKBenchmark() {}

  /** Rows, which are tokens. */
  @Param({"1", "512"})
  public int rows;

  /** How many experts are chosen, and of how many. */
  @Param({"1b-a400m:8x32", "3b-a800m:8x40"})
  public String chosenByExperts;

  /** Who does it. */
  @Param({"ACTIVE", "JAVA"})
  public Implementation implementation;

  private Arena arena;
  private MemorySegment logits;
  private long k;
  private long experts;
  MemorySegment ids;
  MemorySegment weights;

  /** Makes the operands. */
  @Setup
  public void setup() {
    implementation.select();
    Shape size = Shape.parse(chosenByExperts);
    k = size.out();
    experts = size.in();
    arena = Arena.ofShared();
    logits = Operands.floats(arena, rows * experts, 1);
    ids = Operands.zeros(arena, rows * k); // integers are as large as floats
    weights = Operands.zeros(arena, rows * k);
    Rates.amount("Mtok/s", rows / 1e6);
  }

  /** Frees the operands. */
  @TearDown
  public void close() {
    arena.close();
  }

  /**
   * One choice for each row.
   *
   * @return the weights
   */
  @Benchmark
  public MemorySegment topK() {
    if (implementation == Implementation.JAVA) {
      PlainJava.topKSoftmax(logits, rows, (int) experts, (int) k, ids, weights);
    } else {
      Kernels.topKSoftmax(logits, 0, experts, rows, experts, k, ids, 0, weights, 0);
    }
    return weights;
  }
}
