package org.graniteffm.runtime.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SamplerTest {
  private static final int DRAWS = 40_000;

  private static GenerationConfig.Builder sampling() {
    return GenerationConfig.builder().doSample(true).topK(0);
  }

  private static double[] frequencies(GenerationConfig config, float... logits) {
    Sampler sampler = new Sampler(config, logits.length, 7);
    MemorySegment scores = MemorySegment.ofArray(logits);
    double[] frequencies = new double[logits.length];
    for (int i = 0; i < DRAWS; i++) {
      frequencies[sampler.next(scores, 0, true)] += 1.0 / DRAWS;
    }
    return frequencies;
  }

  /**
   * Each frequency within five standard deviations of its probability; what has none never comes.
   */
  private static void assertDistribution(double[] want, double[] got) {
    for (int i = 0; i < want.length; i++) {
      double deviation = Math.sqrt(want[i] * (1 - want[i]) / DRAWS) + 1e-9;
      assertEquals(want[i], got[i], 5 * deviation, "token " + i);
    }
  }

  private static double[] softmax(double... scores) {
    double sum = 0;
    double[] p = new double[scores.length];
    for (int i = 0; i < p.length; i++) {
      p[i] = Math.exp(scores[i]);
      sum += p[i];
    }
    for (int i = 0; i < p.length; i++) {
      p[i] /= sum;
    }
    return p;
  }

  private static final double OUT = Double.NEGATIVE_INFINITY;

  private static int greedy(GenerationConfig config, boolean endAllowed, float... logits) {
    return new Sampler(config, logits.length, 0).next(MemorySegment.ofArray(logits), 0, endAllowed);
  }

  @Test
  void greedyTakesTheFirstOfTheLargest() {
    assertEquals(1, greedy(GenerationConfig.builder().build(), true, 1, 3, 3, 2));
  }

  @Test
  void endTokensAreHeldBackUntilAllowed() {
    GenerationConfig config = GenerationConfig.builder().eosTokenIds(List.of(1, 2)).build();
    assertEquals(3, greedy(config, false, 1, 9, 8, 2));
    assertEquals(1, greedy(config, true, 1, 9, 8, 2));
  }

  @Test
  void repetitionPenaltyDividesPositiveAndMultipliesNegativeScoresOnce() {
    GenerationConfig config = GenerationConfig.builder().repetitionPenalty(2).build();
    Sampler sampler = new Sampler(config, 3, 0);
    sampler.see(0);
    sampler.see(0);
    // 6 / 2 = 3 beats 2.9; divided twice it would not
    assertEquals(0, sampler.next(MemorySegment.ofArray(new float[] {6, 2.9f, 0}), 0, true));
    assertEquals(1, sampler.next(MemorySegment.ofArray(new float[] {5, 2.9f, 0}), 0, true));
    // -1 * 2 = -2 loses against -1.5
    assertEquals(1, sampler.next(MemorySegment.ofArray(new float[] {-1, -1.5f, -9}), 0, true));
  }

  @Test
  void withoutFiltersDrawsFollowTheSoftmax() {
    assertDistribution(softmax(0, 1, -1, 2), frequencies(sampling().build(), 0, 1, -1, 2));
  }

  @Test
  void temperatureDividesTheScores() {
    assertDistribution(
        softmax(0, 0.5, -0.5, 1), frequencies(sampling().temperature(2).build(), 0, 1, -1, 2));
  }

  @Test
  void topKKeepsWhatTiesWithTheLastOne() {
    assertDistribution(
        softmax(1, OUT, 1, 2, OUT, 1), frequencies(sampling().topK(2).build(), 1, 0, 1, 2, 0, 1));
  }

  @Test
  void topPDropsTheSmallEndUpToOneMinusP() {
    // probabilities 0.5, 0.3, 0.15, 0.05: the last adds up to no more than 0.1, the last two to
    // more
    float[] logits = new float[4];
    double[] p = {0.15, 0.5, 0.05, 0.3};
    for (int i = 0; i < 4; i++) {
      logits[i] = (float) Math.log(p[i]);
    }
    assertDistribution(
        new double[] {0.15 / 0.95, 0.5 / 0.95, 0, 0.3 / 0.95},
        frequencies(sampling().topP(0.9).build(), logits));
    assertDistribution(
        new double[] {0, 1, 0, 0}, frequencies(sampling().topP(0.01).build(), logits));
  }

  @Test
  void minPIsMeasuredAgainstTheLargest() {
    float[] logits = {(float) Math.log(0.6), (float) Math.log(0.25), (float) Math.log(0.15)};
    assertDistribution(
        new double[] {0.6 / 0.85, 0.25 / 0.85, 0},
        frequencies(sampling().minP(0.3).build(), logits));
  }

  @Test
  void oneSeedGivesOneSequence() {
    float[] logits = new float[100];
    MemorySegment scores = MemorySegment.ofArray(logits);
    GenerationConfig config = sampling().build();
    int[] first = new int[50];
    int[] second = new int[50];
    int[] other = new int[50];
    Sampler a = new Sampler(config, 100, 3);
    Sampler b = new Sampler(config, 100, 3);
    Sampler c = new Sampler(config, 100, 4);
    for (int i = 0; i < 50; i++) {
      first[i] = a.next(scores, 0, true);
      second[i] = b.next(scores, 0, true);
      other[i] = c.next(scores, 0, true);
    }
    assertArrayEquals(first, second);
    assertTrue(!java.util.Arrays.equals(first, other));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void scoresThatAreNotFiniteAreAnErrorThatNamesTheToken(float bad) {
    Sampler sampler = new Sampler(GenerationConfig.builder().build(), 3, 0);
    MemorySegment scores = MemorySegment.ofArray(new float[] {1, 2, bad});
    NonFiniteLogitsException e =
        assertThrows(NonFiniteLogitsException.class, () -> sampler.next(scores, 0, true));
    assertTrue(e.getMessage().contains("token 2"), e.getMessage());
  }
}
