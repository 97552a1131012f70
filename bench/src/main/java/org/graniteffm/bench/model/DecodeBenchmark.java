package org.graniteffm.bench.model;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.graniteffm.bench.Forks;
import org.graniteffm.bench.Rates;
import org.graniteffm.runtime.model.KvCache;
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
 * One token more: the time between tokens of a text.
 *
 * <p>After 128 tokens the weights are all there is to read; 1024 show the cache as well. GB/s are
 * what {@link Costs} counts; they say little of a model that fits into a cache, as the demo model
 * does. Tokens are random, so that a mixture of experts reads as many experts as it would.
 *
 * <p>Two forks, because JVMs differ; five seconds an iteration, as a token of a large model may
 * take one.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 5)
@Measurement(iterations = 5, time = 5)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class DecodeBenchmark {
  /** JMH makes one for each thread. */
  public DecodeBenchmark() {}

  private static final int STEPS = 64;

  /** Tokens in the cache. */
  @Param({"128", "1024"})
  public int past;

  /** Threads to compute with; 0 is one for each physical core that may be used. */
  @Param("0")
  public int threads;

  private BenchmarkModel model;
  private KvCache cache;
  private int[][] steps;
  private int step;

  /**
   * Opens the model and fills the cache.
   *
   * @throws IOException if it cannot be read
   */
  @Setup
  public void setup() throws IOException {
    model = BenchmarkModel.open(threads);
    cache = model.model().newCache(1, past + 1);
    model.session().nextLogits(cache, model.tokens(past, 1), past, null, null, 0);
    steps = new int[STEPS][];
    for (int i = 0; i < STEPS; i++) {
      steps[i] = model.tokens(1, 2 + i);
    }
    Rates.bytes(model.costs().decodeBytes(1, past));
    Rates.amount("tok/s", 1);
  }

  /** Closes the model. */
  @TearDown
  public void close() {
    cache.close();
    model.close();
  }

  /**
   * One token.
   *
   * @return scores of the next one
   */
  @Benchmark
  public MemorySegment decode() {
    cache.truncate(past);
    step = (step + 1) % STEPS;
    return model.session().nextLogits(cache, steps[step], 1, null, null, 0);
  }
}
