package org.graniteffm.bench.model;

import static org.graniteffm.bench.Agreement.assertAgree;
import static org.graniteffm.bench.Agreement.floats;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.Set;
import org.graniteffm.bench.Rates;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Runs each benchmark of a model once, small, on the demo model. */
class ModelBenchmarksTest {
  @BeforeEach
  void forgetRates() {
    Rates.clear();
  }

  @Test
  void promptsRepeatExactly() throws IOException {
    PrefillBenchmark benchmark = new PrefillBenchmark();
    benchmark.promptTokens = 20;
    benchmark.threads = 0;
    benchmark.setup();
    try {
      float[] first = floats(benchmark.prefill());
      assertAgree(first, floats(benchmark.prefill()), 0, "the same prompt again");
    } finally {
      benchmark.close();
    }
    assertEquals(Set.of("GFLOP/s", "tok/s"), Rates.perOperation().keySet());
    assertEquals(20, Rates.perOperation().get("tok/s"));
  }

  @Test
  void threadsDoNotChangeTheScores() throws IOException {
    assertAgree(decode(1), decode(2), 0, "threads");
    assertEquals(Set.of("GB/s", "tok/s"), Rates.perOperation().keySet());
  }

  private static float[] decode(int threads) throws IOException {
    DecodeBenchmark benchmark = new DecodeBenchmark();
    benchmark.past = 9;
    benchmark.threads = threads;
    benchmark.setup();
    try {
      benchmark.decode();
      return floats(benchmark.decode()); // in the place of the first, not after it
    } finally {
      benchmark.close();
    }
  }
}
