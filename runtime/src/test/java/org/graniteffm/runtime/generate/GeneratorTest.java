package org.graniteffm.runtime.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.locks.LockSupport;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.ConcurrentUseException;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.KvCache;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GeneratorTest {
  private static final int[] PROMPT = {310, 420, 530, 640, 750};
  private static final GenerationConfig GREEDY =
      GenerationConfig.builder().maxNewTokens(40).build();
  private static GraniteForCausalLM model;

  @BeforeAll
  static void load() throws IOException {
    model = GraniteForCausalLM.load(DemoModel.directory());
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static List<Integer> greedy(GraniteForCausalLM model) {
    try (Generator generator = new Generator(model)) {
      return generator.generate(PROMPT, GREEDY, (row, id) -> true).sequences().get(0).ids();
    }
  }

  @Test
  void listenerHearsWhatTheResultHolds() {
    List<Integer> heard = new ArrayList<>();
    try (Generator generator = new Generator(model)) {
      Generation result = generator.generate(PROMPT, GREEDY, (row, id) -> heard.add(id));
      assertEquals(40, heard.size());
      assertEquals(heard, result.sequences().get(0).ids());
      assertEquals(FinishReason.LENGTH, result.sequences().get(0).finishReason());
      assertEquals(39, result.steps());
      assertEquals(5, result.promptTokens());
    }
  }

  @Test
  void cacheWithTheBeginningOfThePromptChangesNothing() {
    try (Generator generator = new Generator(model);
        KvCache cache = model.newCache(1, 0)) {
      GenerationHooks hooks = GenerationHooks.NONE.with(cache);
      List<Integer> first = withHooks(generator, PROMPT, hooks);
      assertEquals(greedy(model), first);
      assertEquals(PROMPT.length + first.size() - 1, cache.length());
      for (int kept : new int[] {PROMPT.length - 1, 2, 0}) {
        cache.truncate(kept);
        assertEquals(first, withHooks(generator, PROMPT, hooks));
      }
      // a later turn: the prompt is what came before, and something new
      int[] longer = {310, 420, 530, 640, 750, first.get(0), first.get(1), 99};
      List<Integer> expected =
          generator.generate(longer, GREEDY, (row, id) -> true).sequences().get(0).ids();
      cache.truncate(longer.length - 1);
      assertEquals(expected, withHooks(generator, longer, hooks));
    }
  }

  @Test
  void cacheMustFitThePrompt() {
    try (Generator generator = new Generator(model);
        KvCache cache = model.newCache(1, 0);
        KvCache two = model.newCache(2, 0)) {
      withHooks(generator, PROMPT, GenerationHooks.NONE.with(cache));
      cache.truncate(PROMPT.length);
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> withHooks(generator, PROMPT, GenerationHooks.NONE.with(cache)));
      assertTrue(e.getMessage().contains("past_key_values: of 5 tokens"), e.getMessage());
      assertEquals(PROMPT.length, cache.length());
      assertThrows(
          IllegalArgumentException.class,
          () -> withHooks(generator, PROMPT, GenerationHooks.NONE.with(two)));
    }
  }

  private static List<Integer> withHooks(Generator generator, int[] prompt, GenerationHooks hooks) {
    return generator.generate(prompt, GREEDY, hooks, (row, id) -> true).sequences().get(0).ids();
  }

  @Test
  void anyOfTheEndTokensEndsIt() {
    List<Integer> free = greedy(model);
    int end = free.get(10);
    GenerationConfig config = GREEDY.toBuilder().eosTokenIds(List.of(4095, end)).build();
    try (Generator generator = new Generator(model)) {
      Generation.Sequence got =
          generator.generate(PROMPT, config, (row, id) -> true).sequences().get(0);
      assertEquals(free.subList(0, free.indexOf(end) + 1), got.ids());
      assertEquals(FinishReason.EOS, got.finishReason());
    }
  }

  @Test
  void seededSamplingRepeatsAndOtherSeedsDiffer() {
    GenerationConfig config =
        GREEDY.toBuilder().doSample(true).temperature(1.5).topK(100).seed(11).build();
    try (Generator generator = new Generator(model)) {
      List<Integer> first =
          generator.generate(PROMPT, config, (r, id) -> true).sequences().get(0).ids();
      List<Integer> second =
          generator.generate(PROMPT, config, (r, id) -> true).sequences().get(0).ids();
      List<Integer> other =
          generator
              .generate(PROMPT, config.toBuilder().seed(12).build(), (r, id) -> true)
              .sequences()
              .get(0)
              .ids();
      assertEquals(first, second);
      assertFalse(first.equals(other));
    }
  }

  @Test
  void paddedBatchGivesEachPromptWhatItGetsAlone() {
    int[] shorter = {640, 750};
    int[][] ids = {PROMPT, {0, 0, 0, 640, 750}};
    int[][] mask = {{1, 1, 1, 1, 1}, {0, 0, 0, 1, 1}};
    try (Generator generator = new Generator(model)) {
      Generation batch =
          generator.generate(ids, mask, GREEDY, GenerationHooks.NONE, (r, id) -> true, () -> false);
      assertEquals(greedy(model), batch.sequences().get(0).ids());
      assertEquals(
          generator.generate(shorter, GREEDY, (r, id) -> true).sequences().get(0).ids(),
          batch.sequences().get(1).ids());
    }
  }

  @Test
  void promptsOfAnyLengthsGiveWhatTheyGiveAlone() {
    List<int[]> prompts = List.of(new int[] {640, 750}, PROMPT, new int[] {7});
    try (Generator generator = new Generator(model)) {
      Generation batch =
          generator.generate(prompts, GREEDY, GenerationHooks.NONE, (r, id) -> true, () -> false);
      for (int row = 0; row < prompts.size(); row++) {
        assertEquals(
            generator.generate(prompts.get(row), GREEDY, (r, id) -> true).sequences().get(0).ids(),
            batch.sequences().get(row).ids());
      }
      for (List<int[]> wrong : List.of(List.<int[]>of(), List.of(PROMPT, new int[0]))) {
        assertThrows(
            IllegalArgumentException.class,
            () ->
                generator.generate(
                    wrong, GREEDY, GenerationHooks.NONE, (r, id) -> true, () -> false));
      }
    }
  }

  @Test
  void outputDoesNotDependOnTheNumberOfThreads() throws IOException {
    List<Integer> want = greedy(model);
    for (int threads : new int[] {1, 3, 5}) {
      try (Workers workers = Workers.of(threads);
          GraniteForCausalLM other = GraniteForCausalLM.load(DemoModel.directory(), workers)) {
        assertEquals(want, greedy(other), threads + " threads");
      }
    }
  }

  @Test
  void parallelGeneratorsGiveWhatTheyGiveAlone() throws Exception {
    List<Integer> want = greedy(model);
    try (ExecutorService callers = Executors.newFixedThreadPool(4)) {
      List<Future<List<Integer>>> results = new ArrayList<>();
      for (int i = 0; i < 12; i++) {
        results.add(callers.submit(() -> greedy(model)));
      }
      for (Future<List<Integer>> result : results) {
        assertEquals(want, result.get());
      }
    }
  }

  @Test
  void listenerEndsItByReturningFalse() {
    try (Generator generator = new Generator(model)) {
      AtomicInteger count = new AtomicInteger();
      Generation result =
          generator.generate(PROMPT, GREEDY, (row, id) -> count.incrementAndGet() < 3);
      assertEquals(3, result.newTokens());
      assertEquals(FinishReason.CANCELLED, result.sequences().get(0).finishReason());
    }
  }

  @Test
  void cancellationAndInterruptEndItBetweenTokens() {
    try (Generator generator = new Generator(model)) {
      AtomicInteger count = new AtomicInteger();
      Generation cancelled =
          generator.generate(
              new int[][] {PROMPT},
              null,
              GREEDY,
              GenerationHooks.NONE,
              (row, id) -> count.incrementAndGet() > 0,
              () -> count.get() == 4);
      assertEquals(4, cancelled.newTokens());
      assertEquals(FinishReason.CANCELLED, cancelled.sequences().get(0).finishReason());

      Thread.currentThread().interrupt();
      Generation interrupted = generator.generate(PROMPT, GREEDY, (row, id) -> true);
      assertTrue(Thread.interrupted(), "the interrupt is left for the caller to see");
      assertEquals(0, interrupted.newTokens());
      assertEquals(40, generator.generate(PROMPT, GREEDY, (row, id) -> true).newTokens());
    }
  }

  @Test
  void cancellationThatACallbackThrowsReachesTheCaller() {
    CancellationException mine = new CancellationException("mine");
    GenerationHooks throwing =
        GenerationHooks.NONE.with(
            (LogitsProcessor)
                (row, tokens, scores) -> {
                  throw mine;
                });
    for (GenerationConfig config : List.of(GREEDY, beams().build())) {
      assertSame(mine, assertThrows(CancellationException.class, () -> generate(config, throwing)));
    }
  }

  @Test
  void exceptionOfTheListenerReachesTheCallerAndTheGeneratorStaysUsable() {
    try (Generator generator = new Generator(model)) {
      IllegalStateException mine = new IllegalStateException("mine");
      assertSame(
          mine,
          assertThrows(
              IllegalStateException.class,
              () ->
                  generator.generate(
                      PROMPT,
                      GREEDY,
                      (row, id) -> {
                        throw mine;
                      })));
      assertEquals(40, generator.generate(PROMPT, GREEDY, (row, id) -> true).newTokens());
    }
  }

  @Test
  void generatorsAreRefusedToASecondThreadAndToTheirOwnListener() {
    try (Generator generator = new Generator(model)) {
      assertThrows(
          ConcurrentUseException.class,
          () ->
              generator.generate(
                  PROMPT,
                  GREEDY,
                  (row, id) -> {
                    try (ExecutorService other = Executors.newSingleThreadExecutor()) {
                      Future<Generation> second =
                          other.submit(() -> generator.generate(PROMPT, GREEDY, (r, i) -> true));
                      second.get();
                    } catch (Exception e) {
                      if (e.getCause() instanceof ConcurrentUseException c) {
                        throw c;
                      }
                      throw new AssertionError(e);
                    }
                    return true;
                  }));
    }
  }

  @Test
  void modelIsNotClosedFromItsOwnListener() {
    try (Generator generator = new Generator(model)) {
      assertThrows(
          ClosedException.class,
          () ->
              generator.generate(
                  PROMPT,
                  GREEDY,
                  (row, id) -> {
                    model.close();
                    return true;
                  }));
    }
    assertEquals(40, greedy(model).size());
  }

  @Test
  void closingFromAnotherThreadEndsARunningGenerationAtItsNextToken() throws Exception {
    for (int round = 0; round < 20; round++) {
      GraniteForCausalLM own = GraniteForCausalLM.load(DemoModel.directory());
      try (ExecutorService other = Executors.newSingleThreadExecutor();
          Generator generator = new Generator(own)) {
        GenerationConfig config = GREEDY.toBuilder().maxNewTokens(900).build();
        Future<?>[] closing = new Future<?>[1];
        assertThrows(
            ClosedException.class,
            () ->
                generator.generate(
                    PROMPT,
                    config,
                    (row, id) -> {
                      if (closing[0] == null) {
                        closing[0] = other.submit(own::close);
                      }
                      LockSupport.parkNanos(
                          1_000_000); // leaves the other thread seconds to get there
                      return true;
                    }));
        closing[0].get();
        assertThrows(ClosedException.class, own::newSession);
        own.close();
      }
    }
  }

  @Test
  void badPromptsAreRefusedByName() {
    try (Generator generator = new Generator(model)) {
      assertMessage(generator, new int[0], "prompt");
      assertMessage(generator, new int[] {4096}, "token id 4096 at [0, 0], legal are 0 to 4095");
      assertMessage(generator, new int[] {1, -1}, "token id -1 at [0, 1]");
      assertMessage(
          generator,
          new int[1025],
          "prompt: 1025 tokens, the model's max_position_embeddings is 1024");
    }
  }

  private static void assertMessage(Generator generator, int[] prompt, String part) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> generator.generate(prompt, GREEDY, (row, id) -> true));
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }

  @Test
  void optionsThatWouldBeIgnoredAreRefused(@TempDir Path folder) throws IOException {
    Files.writeString(folder.resolve("generation_config.json"), "{\"guidance_scale\": 2}");
    GenerationConfig guided = GenerationConfig.load(folder, model.config());
    try (Generator generator = new Generator(model)) {
      UnsupportedOptionException e =
          assertThrows(
              UnsupportedOptionException.class,
              () -> generator.generate(PROMPT, guided, (row, id) -> true));
      assertTrue(e.getMessage().contains("guidance_scale"), e.getMessage());
    }
  }

  private static Generation generate(GenerationConfig config, GenerationHooks hooks) {
    try (Generator generator = new Generator(model)) {
      return generator.generate(PROMPT, config, hooks, (row, id) -> true);
    }
  }

  @Test
  void stopStringsEndItWithTheTokenThatCompletesThem() throws IOException {
    try (Tokenizer tokenizer = Tokenizers.open(DemoModel.directory())) {
      GenerationHooks hooks = GenerationHooks.NONE.with(tokenizer);
      List<Integer> free = greedy(model);
      String text = tokenizer.decode(free.stream().mapToInt(id -> id).toArray(), false);
      for (int length : new int[] {1, 4, 9}) { // within one token and across several
        String stop = text.substring(5, 5 + length);
        GenerationConfig config = GREEDY.toBuilder().stopStrings(List.of("#~#", stop)).build();
        Generation.Sequence got = generate(config, hooks).sequences().get(0);
        int tokens = 0;
        StringBuilder soFar = new StringBuilder();
        while (soFar.indexOf(stop) < 0) {
          soFar.append(tokenizer.decode(new int[] {free.get(tokens++)}, false));
        }
        assertEquals(free.subList(0, tokens), got.ids(), stop);
        assertEquals(FinishReason.STOP, got.finishReason());
      }
      GenerationConfig config = GREEDY.toBuilder().stopStrings(List.of("x")).build();
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class, () -> generate(config, GenerationHooks.NONE));
      assertTrue(e.getMessage().contains("stop_strings"), e.getMessage());
    }
  }

  @Test
  void noTimeLeavesOneToken() {
    Generation.Sequence got =
        generate(GREEDY.toBuilder().maxTime(OptionalDouble.of(0)).build(), GenerationHooks.NONE)
            .sequences()
            .get(0);
    assertEquals(1, got.ids().size());
    assertEquals(FinishReason.TIME, got.finishReason());
  }

  @Test
  void callersProcessorsAndCriteriaAct() {
    GenerationHooks hooks =
        GenerationHooks.NONE
            .with(
                (LogitsProcessor)
                    (sequence, tokens, scores) -> scores[tokens.remaining() + 100] = 1000)
            .with((StoppingCriteria) (sequence, tokens) -> tokens.get(tokens.limit() - 1) == 107);
    Generation.Sequence got = generate(GREEDY, hooks).sequences().get(0);
    assertEquals(List.of(105, 106, 107), got.ids());
    assertEquals(FinishReason.STOP, got.finishReason());
  }

  @Test
  void severalSamplesOfAPromptAreThoseOfARepeatedPrompt() {
    GenerationConfig config =
        GREEDY.toBuilder().doSample(true).seed(5).maxNewTokens(12).topK(100).build();
    int[][] repeated = {PROMPT, PROMPT, PROMPT};
    try (Generator generator = new Generator(model)) {
      Generation want =
          generator.generate(
              repeated, null, config, GenerationHooks.NONE, (row, id) -> true, () -> false);
      Generation got =
          generator.generate(
              PROMPT, config.toBuilder().numReturnSequences(3).build(), (row, id) -> true);
      assertEquals(want.sequences(), got.sequences());
      assertEquals(5, got.promptTokens(), "the prompt goes through the model once");
      assertEquals(3, got.sequences().stream().distinct().count());
    }
  }

  private static GenerationConfig.Builder beams() {
    return GREEDY.toBuilder().maxNewTokens(12).numBeams(4).numReturnSequences(3);
  }

  @Test
  void beamsComeBestFirstAndBeatGreedy() {
    List<Generation.Sequence> got = generate(beams().build(), GenerationHooks.NONE).sequences();
    assertEquals(3, got.size());
    double last = 0;
    for (Generation.Sequence sequence : got) {
      assertTrue(sequence.score().getAsDouble() < (last == 0 ? 0 : last + 1e-9));
      last = sequence.score().getAsDouble();
      assertEquals(12, sequence.ids().size());
    }
  }

  @Test
  void beamsWithoutACacheAndInABatchAreTheSame() {
    Generation want = generate(beams().build(), GenerationHooks.NONE);
    Generation uncached = generate(beams().useCache(false).build(), GenerationHooks.NONE);
    int[][] ids = {{0, 0, 640, 750, 1}, PROMPT};
    int[][] mask = {{0, 0, 1, 1, 1}, {1, 1, 1, 1, 1}};
    try (Generator generator = new Generator(model)) {
      Generation batch =
          generator.generate(
              ids, mask, beams().build(), GenerationHooks.NONE, (row, id) -> true, () -> false);
      assertEquals(6, batch.sequences().size());
      for (int i = 0; i < 3; i++) {
        assertEquals(want.sequences().get(i).ids(), uncached.sequences().get(i).ids());
        assertEquals(want.sequences().get(i).ids(), batch.sequences().get(3 + i).ids());
      }
    }
  }

  @Test
  void cancelledBeamsGiveWhatThereIs() {
    try (Generator generator = new Generator(model)) {
      AtomicInteger asked = new AtomicInteger();
      List<Integer> heard = new ArrayList<>();
      Generation got =
          generator.generate(
              new int[][] {PROMPT},
              null,
              beams().build(),
              GenerationHooks.NONE,
              (row, id) -> heard.add(id),
              () -> asked.incrementAndGet() > 8);
      assertEquals(3, got.sequences().size());
      assertEquals(FinishReason.CANCELLED, got.sequences().get(0).finishReason());
      assertEquals(got.newTokens(), heard.size());
      assertTrue(got.newTokens() > 0);
    }
  }

  @Test
  void sampledBeamsRepeatWithTheirSeed() {
    GenerationConfig config = beams().doSample(true).topK(1).seed(3).build();
    List<Generation.Sequence> first = generate(config, GenerationHooks.NONE).sequences();
    assertEquals(first, generate(config, GenerationHooks.NONE).sequences());
    assertFalse(
        first.equals(
            generate(config.toBuilder().topK(50).seed(4).build(), GenerationHooks.NONE)
                .sequences()));
  }

  @Test
  void tooManyRowsAreRefused() {
    GenerationConfig config = GREEDY.toBuilder().numBeams(513).build();
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> generate(config, GenerationHooks.NONE));
    assertTrue(e.getMessage().contains("513"), e.getMessage());
  }
}
