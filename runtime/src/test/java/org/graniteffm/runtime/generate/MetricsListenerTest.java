package org.graniteffm.runtime.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.KvCache;
import org.junit.jupiter.api.Test;

class MetricsListenerTest {
  private static final int[][] PROMPTS = {{310, 420, 530}, {640, 750, 310}};
  private static final GenerationConfig CONFIG =
      GenerationConfig.builder().maxNewTokens(7).minNewTokens(7).build();

  @Test
  void eachGenerationIsToldOfOnce() throws IOException {
    List<GenerationMetrics> told = new ArrayList<>();
    GenerationHooks hooks = GenerationHooks.NONE.withMetrics(told::add);
    try (GraniteForCausalLM model = GraniteForCausalLM.load(DemoModel.directory());
        Generator generator = new Generator(model)) {
      Generation one =
          generator.generate(PROMPTS, null, CONFIG, hooks, (_, _) -> true, () -> false);
      assertEquals(1, told.size());
      GenerationMetrics metrics = told.getFirst();
      assertEquals(2, metrics.sequences());
      assertEquals(6, metrics.promptTokens());
      assertEquals(14, metrics.newTokens());
      assertEquals(6, metrics.passes());
      assertEquals(Duration.ofNanos(one.prefillNanos()), metrics.timeToFirstToken());
      assertEquals(6e9 / one.prefillNanos(), metrics.prefillTokensPerSecond(), 1e-6);
      assertEquals(12e9 / one.decodeNanos(), metrics.decodeTokensPerSecond(), 1e-6);
      assertTrue(
          metrics.cacheBytes() >= KvCache.byteSize(model.config(), model.cacheDtype(), 2, 9));

      try (TokenStream stream = generator.stream(PROMPTS, null, CONFIG, hooks)) {
        stream.next();
        assertEquals(1, told.size());
      }
      assertEquals(2, told.size(), "a stream that is closed early");
      try (TokenStream stream = generator.stream(PROMPTS, null, CONFIG, hooks)) {
        stream.forEachRemaining(_ -> {});
      }
      assertEquals(3, told.size(), "a stream to its end, and closed");
      assertEquals(14, told.getLast().newTokens());
    }
  }

  @Test
  void failureIsNotTold() throws IOException {
    List<GenerationMetrics> told = new ArrayList<>();
    GenerationHooks hooks = GenerationHooks.NONE.withMetrics(told::add);
    IllegalStateException failure = new IllegalStateException("the listener's");
    try (GraniteForCausalLM model = GraniteForCausalLM.load(DemoModel.directory());
        Generator generator = new Generator(model)) {
      IllegalStateException thrown =
          assertThrows(
              IllegalStateException.class,
              () ->
                  generator.generate(
                      PROMPTS,
                      null,
                      CONFIG,
                      hooks,
                      (_, _) -> {
                        throw failure;
                      },
                      () -> false));
      assertSame(failure, thrown);
      GenerationHooks throwing =
          GenerationHooks.NONE.with(
              (LogitsProcessor)
                  (_, _, _) -> {
                    throw failure;
                  });
      try (TokenStream stream =
          generator.stream(PROMPTS, null, CONFIG, throwing.withMetrics(told::add))) {
        assertThrows(IllegalStateException.class, stream::hasNext);
      }
      assertEquals(List.of(), told);
    }
  }

  @Test
  void whatItThrowsGoesToTheCallerAndLeavesTheGeneratorFree() throws IOException {
    try (GraniteForCausalLM model = GraniteForCausalLM.load(DemoModel.directory());
        Generator generator = new Generator(model)) {
      GenerationHooks hooks =
          GenerationHooks.NONE.withMetrics(_ -> {
            throw new IllegalStateException("no more");
          });
      assertThrows(
          IllegalStateException.class,
          () -> generator.generate(PROMPTS, null, CONFIG, hooks, (_, _) -> true, () -> false));
      assertEquals(7, generator.generate(PROMPTS[0], CONFIG, (_, _) -> true).newTokens());
    }
  }

  @Test
  void nothingTimedIsNoRate() {
    GenerationMetrics metrics = new GenerationMetrics(1, 4, 0, 0, Duration.ZERO, Duration.ZERO, 0);
    assertTrue(Double.isNaN(metrics.prefillTokensPerSecond()));
    assertTrue(Double.isNaN(metrics.decodeTokensPerSecond()));
  }
}
