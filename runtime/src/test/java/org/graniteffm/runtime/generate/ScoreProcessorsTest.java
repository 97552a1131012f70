package org.graniteffm.runtime.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Each processor against what is worked out by hand. */
class ScoreProcessorsTest {
  private static final float OUT = Float.NEGATIVE_INFINITY;

  private static GenerationConfig.Builder config() {
    return GenerationConfig.builder();
  }

  /** A prompt of two tokens, ten tokens at most, and the tokens so far. */
  private static float[] apply(GenerationConfig config, int[] tokens, float... scores) {
    return apply(config, List.of(), tokens, scores);
  }

  private static float[] apply(
      GenerationConfig config, List<LogitsProcessor> custom, int[] tokens, float... scores) {
    // in the middle of a larger array, as rows of a batch are
    int[] all = new int[tokens.length + 5];
    Arrays.fill(all, scores.length - 1);
    System.arraycopy(tokens, 0, all, 3, tokens.length);
    new ScoreProcessors(config, scores.length, 2, 10, custom)
        .apply(0, all, 3, tokens.length, scores);
    return scores;
  }

  private static int[] tokens(int... tokens) {
    return tokens;
  }

  @Test
  void withoutOptionsNothingChanges() {
    assertArrayEquals(new float[] {1, -2, 3}, apply(config().build(), tokens(0, 1, 2), 1, -2, 3));
  }

  @Test
  void repetitionPenaltyActsOnceOnEachTokenThatWasThere() {
    GenerationConfig config = config().repetitionPenalty(2).build();
    assertArrayEquals(new float[] {3, -4, 5}, apply(config, tokens(0, 1, 0, 0), 6, -2, 5));
  }

  @Test
  void sequenceBiasNeedsTheTokensBefore() {
    GenerationConfig config =
        config()
            .sequenceBias(
                List.of(
                    new SequenceBias(List.of(0), 1),
                    new SequenceBias(List.of(2, 1), 10),
                    new SequenceBias(List.of(0, 2, 1), 100)))
            .build();
    assertArrayEquals(new float[] {2, 1, 1}, apply(config, tokens(2, 0), 1, 1, 1));
    // as long as the text and one token: left alone although all but the last token match
    assertArrayEquals(new float[] {2, 11, 1}, apply(config, tokens(0, 2), 1, 1, 1));
    assertArrayEquals(new float[] {2, 111, 1}, apply(config, tokens(1, 0, 2), 1, 1, 1));
  }

  @Test
  void noRepeatNgramBansWhatWouldCompleteOne() {
    GenerationConfig three = config().noRepeatNgramSize(3).build();
    assertArrayEquals(
        new float[] {1, 1, OUT, 1}, apply(three, tokens(0, 1, 2, 3, 0, 1), 1, 1, 1, 1));
    assertArrayEquals(new float[] {1, 1, 1, 1}, apply(three, tokens(0, 1, 2, 3), 1, 1, 1, 1));
    assertArrayEquals(new float[] {1, 1}, apply(three, tokens(0), 1, 1));
    GenerationConfig one = config().noRepeatNgramSize(1).build();
    assertArrayEquals(new float[] {OUT, OUT, 1}, apply(one, tokens(0, 1, 1), 1, 1, 1));
    GenerationConfig two = config().noRepeatNgramSize(2).build();
    assertArrayEquals(
        new float[] {1, OUT, OUT}, apply(two, tokens(0, 1, 0, 2, 0), 1, 1, 1), "two followers");
  }

  @Test
  void badWordsAreBannedAtTheirLastTokenButNoEndTokenAlone() {
    GenerationConfig config =
        config()
            .eosTokenIds(List.of(3))
            .badWordsIds(List.of(List.of(0), List.of(1, 2), List.of(3)))
            .build();
    assertArrayEquals(new float[] {OUT, 1, OUT, 1}, apply(config, tokens(0, 1), 1, 1, 1, 1));
    assertArrayEquals(new float[] {OUT, 1, 1, 1}, apply(config, tokens(1, 0), 1, 1, 1, 1));
  }

  @Test
  void endTokensWaitForTheLeastLength() {
    GenerationConfig config =
        config().eosTokenIds(List.of(0, 2, 99)).minNewTokens(2).minLength(3).build();
    assertArrayEquals(new float[] {OUT, 1, OUT}, apply(config, tokens(1, 1, 1), 1, 1, 1));
    assertArrayEquals(new float[] {1, 1, 1}, apply(config, tokens(1, 1, 1, 1), 1, 1, 1));
  }

  @Test
  void forcedTokensComeSecondAndLast() {
    GenerationConfig config =
        config().forcedBosTokenId(OptionalInt.of(1)).forcedEosTokenIds(List.of(0, 2)).build();
    assertArrayEquals(new float[] {OUT, 0, OUT}, apply(config, tokens(2), 5, 5, 5));
    assertArrayEquals(new float[] {5, 5, 5}, apply(config, new int[8], 5, 5, 5));
    assertArrayEquals(new float[] {0, OUT, 0}, apply(config, new int[9], 5, 5, 5));
  }

  @Test
  void decayRaisesEndTokensWithLengthAndLeavesBannedOnesAlone() {
    GenerationConfig config =
        config()
            .eosTokenIds(List.of(0, 1))
            .exponentialDecayLengthPenalty(Optional.of(new LengthDecay(1, 2)))
            .build();
    assertArrayEquals(new float[] {3, -3, 3}, apply(config, new int[3], 3, -3, 3));
    // two tokens past the start: |score| * (2^2 - 1) on top
    assertArrayEquals(new float[] {12, 6, 3}, apply(config, new int[5], 3, -3, 3));
    assertArrayEquals(
        new float[] {12, OUT, 3},
        apply(
            config.toBuilder().badWordsIds(List.of(List.of(2, 1))).build(),
            tokens(2, 2, 2, 2, 2),
            3,
            -3,
            3));
  }

  @Test
  void suppressedTokensNeverComeAndThoseAtTheBeginNotFirst() {
    GenerationConfig config =
        config().suppressTokens(List.of(0)).beginSuppressTokens(List.of(1)).build();
    assertArrayEquals(new float[] {OUT, OUT, 1}, apply(config, tokens(2, 2), 1, 1, 1));
    assertArrayEquals(new float[] {OUT, 1, 1}, apply(config, tokens(2, 2, 2), 1, 1, 1));
  }

  @Test
  void customProcessorsSeeWhatTheOthersLeftAndCannotWriteTokens() {
    GenerationConfig config = config().suppressTokens(List.of(0)).build();
    LogitsProcessor custom =
        (sequence, tokens, scores) -> {
          assertEquals(0, sequence);
          assertTrue(tokens.isReadOnly());
          assertEquals(3, tokens.remaining());
          assertEquals(2, tokens.get(1));
          assertEquals(OUT, scores[0]);
          scores[1] = 7;
        };
    assertArrayEquals(
        new float[] {OUT, 7, 1}, apply(config, List.of(custom), tokens(1, 2, 1), 1, 1, 1));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY})
  void scoresThatAreNoNumbersAnyMoreAreRefused(float bad) {
    LogitsProcessor custom = (_, _, scores) -> scores[1] = bad;
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> apply(config().build(), List.of(custom), tokens(0, 0), 1, 1));
    assertTrue(e.getMessage().contains("token 1"), e.getMessage());
  }

  @Test
  void tokensOutsideTheVocabularyAreRefusedByName() {
    for (GenerationConfig.Builder builder :
        List.of(
            config().badWordsIds(List.of(List.of(0, 3))),
            config().sequenceBias(List.of(new SequenceBias(List.of(3), 1))),
            config().suppressTokens(List.of(3)),
            config().beginSuppressTokens(List.of(3)),
            config().forcedBosTokenId(OptionalInt.of(3)),
            config().forcedEosTokenIds(List.of(3)))) {
      GenerationConfig config = builder.build();
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> apply(config, tokens(0, 0), 1, 1, 1));
      assertTrue(e.getMessage().contains("3 is outside 0 to 2"), e.getMessage());
      assertFalse(e.getMessage().startsWith(":"), e.getMessage());
    }
  }
}
