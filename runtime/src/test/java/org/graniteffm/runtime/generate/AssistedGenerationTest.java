package org.graniteffm.runtime.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import java.util.concurrent.atomic.AtomicInteger;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Guessed tokens change passes, not texts. */
class AssistedGenerationTest {
  private static final int NEW_TOKENS = 60;
  private static GraniteForCausalLM model;
  private static GraniteForCausalLM stranger; // of the same vocabulary, and knows nothing
  private static Tokenizer tokenizer;
  private static int[] prompt;

  @BeforeAll
  static void load() throws IOException {
    model = GraniteForCausalLM.load(DemoModel.directory());
    GraniteConfig small =
        GraniteConfig.builder()
            .vocabSize(model.config().vocabSize())
            .hiddenSize(32)
            .intermediateSize(64)
            .numHiddenLayers(1)
            .numAttentionHeads(2)
            .numKeyValueHeads(1)
            .build();
    stranger = GraniteForCausalLM.random(small, DType.F32, 3);
    tokenizer = Tokenizers.open(DemoModel.directory());
    prompt =
        tokenizer.encode("The king had three sons. The king had three sons. The king had three");
  }

  @AfterAll
  static void close() {
    tokenizer.close();
    stranger.close();
    model.close();
  }

  /** Who guesses. */
  enum Guesser {
    LOOKUP,
    TWIN,
    STRANGER;

    Generator generator() {
      return switch (this) {
        case LOOKUP -> new Generator(model);
        case TWIN -> new Generator(model, model);
        case STRANGER -> new Generator(model, stranger);
      };
    }

    GenerationConfig config(GenerationConfig.Builder builder) {
      if (this == LOOKUP) {
        return builder.promptLookupNumTokens(OptionalInt.of(10)).build();
      }
      return builder.numAssistantTokens(5).assistantConfidenceThreshold(0).build();
    }
  }

  private static GenerationConfig.Builder greedy() {
    return GenerationConfig.builder().maxNewTokens(NEW_TOKENS);
  }

  /** Everything a caller can see of a generation but its time and passes. */
  private record Seen(
      List<Generation.Sequence> sequences, List<Integer> heard, List<Integer> asked) {}

  private static Seen run(
      Generator generator, GenerationConfig config, int[] prompt, int[] mask, int stopAfter) {
    List<Integer> heard = new ArrayList<>();
    List<Integer> asked = new ArrayList<>(); // what processors and criteria saw, in order
    GenerationHooks hooks =
        GenerationHooks.NONE
            .with(tokenizer)
            .with(
                (LogitsProcessor)
                    (row, tokens, scores) -> {
                      asked.add(tokens.remaining());
                      asked.add(tokens.get(tokens.remaining() - 1));
                      scores[17] += 0.25f;
                    })
            .with(
                (StoppingCriteria)
                    (row, tokens) -> {
                      asked.add(-tokens.remaining());
                      return false;
                    });
    Generation generation =
        generator.generate(
            new int[][] {prompt},
            mask == null ? null : new int[][] {mask},
            config,
            hooks,
            (row, id) -> {
              heard.add(id);
              return heard.size() < stopAfter;
            },
            () -> heard.size() == stopAfter + 1);
    return new Seen(generation.sequences(), heard, asked);
  }

  private static void assertSame(Guesser guesser, GenerationConfig.Builder options) {
    assertSame(guesser, options, prompt, null, Integer.MAX_VALUE);
  }

  private static void assertSame(
      Guesser guesser, GenerationConfig.Builder options, int[] prompt, int[] mask, int stopAfter) {
    Seen want;
    try (Generator plain = new Generator(model)) {
      want = run(plain, options.build(), prompt, mask, stopAfter);
    }
    try (Generator assisted = guesser.generator()) {
      GenerationConfig config = guesser.config(options);
      assertEquals(want, run(assisted, config, prompt, mask, stopAfter));
      assertEquals(want, run(assisted, config, prompt, mask, stopAfter), "a second time");
    }
  }

  @ParameterizedTest
  @EnumSource
  void greedyTextIsTheSame(Guesser guesser) {
    assertSame(guesser, greedy());
    assertSame(guesser, greedy().maxNewTokens(1));
    assertSame(guesser, greedy().maxNewTokens(2));
    assertSame(guesser, greedy(), new int[] {5}, null, Integer.MAX_VALUE);
  }

  @ParameterizedTest
  @EnumSource
  void processorsAndLengthsActAsWithoutGuesses(Guesser guesser) throws IOException {
    int end = GenerationConfig.load(DemoModel.directory(), model.config()).eosTokenIds().get(0);
    assertSame(
        guesser,
        greedy()
            .repetitionPenalty(1.3)
            .noRepeatNgramSize(3)
            .eosTokenIds(List.of(end))
            .minNewTokens(30)
            .forcedEosTokenIds(List.of(end))
            .suppressTokens(List.of(14, 15)));
  }

  @ParameterizedTest
  @EnumSource
  void endTokensAndStopStringsEndTheTextWhereTheyDo(Guesser guesser) {
    List<Integer> free;
    try (Generator plain = new Generator(model)) {
      free = plain.generate(prompt, greedy().build(), (r, id) -> true).sequences().get(0).ids();
    }
    for (int at : new int[] {0, 3, 11}) {
      assertSame(guesser, greedy().eosTokenIds(List.of(free.get(at))));
    }
    String text = tokenizer.decode(free.stream().mapToInt(id -> id).toArray(), true);
    assertSame(guesser, greedy().stopStrings(List.of(text.substring(20, 27))));
  }

  @ParameterizedTest
  @EnumSource
  void listenerAndCancellationEndItBetweenGuessedTokens(Guesser guesser) {
    for (int after = 1; after < 9; after++) {
      assertSame(guesser, greedy(), prompt, null, after);
    }
    try (Generator assisted = guesser.generator()) {
      AtomicInteger heard = new AtomicInteger();
      Generation cancelled =
          assisted.generate(
              new int[][] {prompt},
              null,
              guesser.config(greedy()),
              GenerationHooks.NONE,
              (row, id) -> heard.incrementAndGet() > 0,
              () -> heard.get() == 4);
      assertEquals(4, cancelled.newTokens());
      assertEquals(FinishReason.CANCELLED, cancelled.sequences().get(0).finishReason());
    }
  }

  @ParameterizedTest
  @EnumSource
  void paddedPromptIsContinuedAsWithoutGuesses(Guesser guesser) {
    int[] padded = new int[prompt.length + 3];
    int[] mask = new int[padded.length];
    System.arraycopy(prompt, 0, padded, 3, prompt.length);
    Arrays.fill(mask, 3, mask.length, 1);
    assertSame(guesser, greedy(), padded, mask, Integer.MAX_VALUE);
  }

  @Test
  void sampledTextWithLookupIsThatOfItsSeed() {
    assertSame(Guesser.LOOKUP, greedy().doSample(true).temperature(0.8).topK(20).seed(4));
  }

  @Test
  void scoresAreBitForBitTheSame() {
    GenerationConfig.Builder options = greedy().outputLogits(true).outputScores(true);
    try (Generator plain = new Generator(model);
        Generator assisted = new Generator(model, model)) {
      Generation want = plain.generate(prompt, options.build(), (r, id) -> true);
      Generation got = assisted.generate(prompt, Guesser.TWIN.config(options), (r, id) -> true);
      for (int step = 0; step < NEW_TOKENS; step++) {
        assertArrayEquals(want.logits().get().row(step, 0), got.logits().get().row(step, 0));
      }
      assertEquals(NEW_TOKENS, got.scores().get().steps());
    }
  }

  /** A processor that says what comes makes any text; here one that repeats itself. */
  @Test
  void lookupSavesTenPassesOfElevenWhereTheTextRepeatsItself() {
    int period = 20;
    GenerationHooks periodic =
        GenerationHooks.NONE.with(
            (LogitsProcessor)
                (row, tokens, scores) -> scores[100 + tokens.remaining() % period] = 1e6f);
    int[] text = new int[2 * period];
    for (int i = 0; i < text.length; i++) {
      text[i] = 100 + i % period;
    }
    GenerationConfig plain = greedy().maxNewTokens(111).build();
    GenerationConfig lookup = plain.toBuilder().promptLookupNumTokens(OptionalInt.of(10)).build();
    try (Generator generator = new Generator(model)) {
      int[][] ids = {text};
      Generation want =
          generator.generate(ids, null, plain, periodic, (r, id) -> true, () -> false);
      Generation got =
          generator.generate(ids, null, lookup, periodic, (r, id) -> true, () -> false);
      assertEquals(want.sequences(), got.sequences());
      assertEquals(110, want.steps());
      assertEquals(10, got.steps(), "each pass takes 10 guesses and one token more");
    }
  }

  @Test
  void lookupSavesPassesOnTheModelsOwnText() {
    GenerationConfig plain = greedy().maxNewTokens(200).build();
    GenerationConfig lookup = plain.toBuilder().promptLookupNumTokens(OptionalInt.of(7)).build();
    try (Generator generator = new Generator(model)) {
      Generation want = generator.generate(prompt, plain, (r, id) -> true);
      Generation got = generator.generate(prompt, lookup, (r, id) -> true);
      assertEquals(want.sequences(), got.sequences());
      assertEquals(199, want.steps());
      assertTrue(got.steps() < 100, got.steps() + " passes"); // 38 on AVX2
    }
  }

  @Test
  void assistantThatIsAlwaysRightSavesAllItGuesses() {
    try (Generator generator = new Generator(model, model)) {
      Generation got = generator.generate(prompt, Guesser.TWIN.config(greedy()), (r, id) -> true);
      assertEquals(Math.ceilDiv(NEW_TOKENS - 1, 6), got.steps());
      // no more than 15 at a time, for the sake of equal bits
      Generation many =
          generator.generate(
              prompt,
              greedy().numAssistantTokens(200).assistantConfidenceThreshold(0).build(),
              (r, id) -> true);
      assertEquals(Math.ceilDiv(NEW_TOKENS - 1, 16), many.steps());
    }
  }

  @Test
  void guessesEndWithTheFirstThatTheAssistantDoubts() {
    try (Generator generator = new Generator(model, model)) {
      Generation got =
          generator.generate(
              prompt, greedy().assistantConfidenceThreshold(1).build(), (r, id) -> true);
      assertEquals(Math.ceilDiv(NEW_TOKENS - 1, 2), got.steps(), "one guess a pass");
    }
  }

  @Test
  void scheduleLengthensWhatIsRightAndIsKeptOrNot() {
    GenerationConfig.Builder options =
        greedy().maxNewTokens(1 + 2 + 4 + 6).numAssistantTokens(1).assistantConfidenceThreshold(0);
    for (AssistantTokensSchedule schedule : AssistantTokensSchedule.values()) {
      GenerationConfig config = options.numAssistantTokensSchedule(schedule).build();
      try (Generator generator = new Generator(model, model)) {
        int first = generator.generate(prompt, config, (r, id) -> true).steps();
        int second = generator.generate(prompt, config, (r, id) -> true).steps();
        switch (schedule) {
          case CONSTANT -> assertEquals(List.of(6, 6), List.of(first, second));
          case HEURISTIC -> assertEquals(List.of(3, 2), List.of(first, second));
          case HEURISTIC_TRANSIENT -> assertEquals(List.of(3, 3), List.of(first, second));
        }
      }
    }
    try (Generator generator = new Generator(model, stranger)) {
      GenerationConfig config =
          greedy()
              .numAssistantTokens(9)
              .numAssistantTokensSchedule(AssistantTokensSchedule.HEURISTIC)
              .build();
      assertEquals(
          NEW_TOKENS - 1,
          generator.generate(prompt, config, (r, id) -> true).steps(),
          "never right");
    }
  }

  @Test
  void samplingWithAnAssistantRepeatsWithItsSeedAndSavesPasses() {
    GenerationConfig config =
        greedy().doSample(true).temperature(0.7).seed(9).assistantConfidenceThreshold(0).build();
    try (Generator generator = new Generator(model, model)) {
      Generation first = generator.generate(prompt, config, (r, id) -> true);
      assertEquals(
          first.sequences(), generator.generate(prompt, config, (r, id) -> true).sequences());
      assertTrue(
          first.steps() < 8, "equal distributions are hardly ever refused: " + first.steps());
    }
  }

  @Test
  void whatCannotBeGuessedForIsRefusedByName() {
    try (Generator assisted = new Generator(model, stranger)) {
      refused(assisted, "num_beams: 3", greedy().numBeams(3), prompt);
      refused(
          assisted,
          "num_return_sequences: 2",
          greedy().doSample(true).numReturnSequences(2),
          prompt);
      refused(assisted, "input_ids: 2 sequences", greedy(), prompt, prompt);
      refused(assisted, "use_cache: false", greedy().useCache(false), prompt);
      refused(
          assisted,
          "prompt_lookup_num_tokens",
          greedy().promptLookupNumTokens(OptionalInt.of(3)),
          prompt);
      assertEquals(60, assisted.generate(prompt, greedy().build(), (r, id) -> true).newTokens());
    }
    try (Generator generator = new Generator(model)) {
      GenerationConfig.Builder lookup = greedy().promptLookupNumTokens(OptionalInt.of(3));
      refused(generator, "prompt_lookup_num_tokens", lookup.numBeams(2), prompt);
    }
    GraniteConfig small =
        GraniteConfig.builder()
            .vocabSize(99)
            .hiddenSize(32)
            .intermediateSize(32)
            .numHiddenLayers(1)
            .numAttentionHeads(2)
            .build();
    try (GraniteForCausalLM foreign = GraniteForCausalLM.random(small, DType.F32, 1)) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> new Generator(model, foreign));
      assertTrue(
          e.getMessage().contains("assistant_model: has a vocabulary of 99"), e.getMessage());
    }
  }

  private static void refused(
      Generator generator, String part, GenerationConfig.Builder options, int[]... prompts) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () ->
                generator.generate(
                    prompts,
                    null,
                    options.build(),
                    GenerationHooks.NONE,
                    (row, id) -> true,
                    () -> false));
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }

  @Test
  void exceptionAmongGuessesLeavesTheGeneratorUsable() {
    try (Generator generator = new Generator(model, model)) {
      GenerationHooks failing =
          GenerationHooks.NONE.with(
              (LogitsProcessor)
                  (row, tokens, scores) -> {
                    if (tokens.remaining() == prompt.length + 9) {
                      throw new IllegalStateException("mine");
                    }
                  });
      GenerationConfig config = Guesser.TWIN.config(greedy());
      int[][] ids = {prompt};
      assertThrows(
          IllegalStateException.class,
          () -> generator.generate(ids, null, config, failing, (r, id) -> true, () -> false));
      assertEquals(60, generator.generate(prompt, config, (r, id) -> true).newTokens());
    }
  }
}
