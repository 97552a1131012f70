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
 * A prompt through the whole model, up to the scores of the next token: time to the first token,
 * once the files are in memory.
 *
 * <p>128 tokens are a question, 512 one block of a long document: longer prompts are cut into such
 * blocks. GFLOP/s are what {@link Costs} counts.
 *
 * <p>Two forks, because JVMs differ; five seconds an iteration, as a prompt may take one.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 2, time = 5)
@Measurement(iterations = 5, time = 5)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class PrefillBenchmark {
  /** JMH makes one for each thread. */
  public PrefillBenchmark() {}

  /** Tokens of the prompt. */
  @Param({"128", "512"})
  public int promptTokens;

  /** Threads to compute with; 0 is one for each physical core that may be used. */
  @Param("0")
  public int threads;

  private BenchmarkModel model;
  private KvCache cache;
  private int[] ids;

  /**
   * Opens the model.
   *
   * @throws IOException if it cannot be read
   */
  @Setup
  public void setup() throws IOException {
    model = BenchmarkModel.open(threads);
    cache = model.model().newCache(1, promptTokens);
    ids = model.tokens(promptTokens, 1);
    Rates.flops(model.costs().prefillFlops(1, promptTokens, 0));
    Rates.amount("tok/s", promptTokens);
  }

  /** Closes the model. */
  @TearDown
  public void close() {
    cache.close();
    model.close();
  }

  /**
   * One prompt.
   *
   * @return scores of the next token
   */
  @Benchmark
  public MemorySegment prefill() {
    cache.truncate(0);
    return model.session().nextLogits(cache, ids, promptTokens, null, null, 0);
  }
}
