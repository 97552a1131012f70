package org.graniteffm.runtime.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.SplittableRandom;
import java.util.random.RandomGenerator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SamplerTest {
  private static final int DRAWS = 40_000;

  private static GenerationConfig.Builder sampling() {
    return GenerationConfig.builder().doSample(true).topK(0);
  }

  private static double[] frequencies(GenerationConfig config, float... logits) {
    Sampler sampler = sampler(config, logits.length);
    RandomGenerator random = new SplittableRandom(7);
    MemorySegment scores = MemorySegment.ofArray(logits);
    double[] frequencies = new double[logits.length];
    for (int i = 0; i < DRAWS; i++) {
      frequencies[next(sampler, scores, random)] += 1.0 / DRAWS;
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

  private static Sampler sampler(GenerationConfig config, int vocabulary) {
    return new Sampler(
        config, new ScoreProcessors(config, vocabulary, 1, 100, List.of()), vocabulary, null);
  }

  private static int next(Sampler sampler, MemorySegment scores, RandomGenerator random) {
    return sampler.next(scores, 0, 0, new int[] {0}, 0, 1, random);
  }

  private static int greedy(GenerationConfig config, float... logits) {
    return next(sampler(config, logits.length), MemorySegment.ofArray(logits), null);
  }

  @Test
  void greedyTakesTheFirstOfTheLargest() {
    assertEquals(1, greedy(GenerationConfig.builder().build(), 1, 3, 3, 2));
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
  void typicalPKeepsWhatIsNearestToTheEntropy() {
    // probabilities 0.6, 0.3, 0.1: entropy 0.898; surprises 0.51, 1.20, 2.30 are 0.387, 0.306 and
    // 1.40 away
    float[] logits = {(float) Math.log(0.6), (float) Math.log(0.3), (float) Math.log(0.1)};
    assertDistribution(
        new double[] {0, 1, 0}, frequencies(sampling().typicalP(0.25).build(), logits));
    assertDistribution(
        new double[] {0.6 / 0.9, 0.3 / 0.9, 0},
        frequencies(sampling().typicalP(0.5).build(), logits));
  }

  @Test
  void typicalPKeepsAllThatAreEquallyNear() {
    assertDistribution(
        new double[] {0.25, 0.25, 0.25, 0.25},
        frequencies(sampling().typicalP(0.1).build(), 1, 1, 1, 1));
  }

  @Test
  void cutoffsDropTheUnlikelyButNeverAll() {
    float[] logits = {(float) Math.log(0.6), (float) Math.log(0.3), (float) Math.log(0.1)};
    assertDistribution(
        new double[] {0.6 / 0.9, 0.3 / 0.9, 0},
        frequencies(sampling().epsilonCutoff(0.2).build(), logits));
    assertDistribution(
        new double[] {1, 0, 0}, frequencies(sampling().epsilonCutoff(0.9).build(), logits));
    // eta: min(0.2, sqrt(0.2) * exp(-0.898)) = 0.18
    assertDistribution(
        new double[] {0.6 / 0.9, 0.3 / 0.9, 0},
        frequencies(sampling().etaCutoff(0.2).build(), logits));
    // min(0.05, ...) keeps 0.1
    assertDistribution(
        new double[] {0.6, 0.3, 0.1}, frequencies(sampling().etaCutoff(0.05).build(), logits));
  }

  @Test
  void processedScoresAreDividedRestIsBannedAndTheSumIsOneIfAsked() {
    GenerationConfig config = sampling().topK(2).temperature(2).build();
    float[] scores = {1, 4, 2};
    LogitsProcessors.apply(config, 1, new int[] {0}, scores);
    assertArrayEquals(new float[] {Float.NEGATIVE_INFINITY, 2, 1}, scores);
    scores = new float[] {0, 0, -9};
    LogitsProcessors.apply(
        config.toBuilder().renormalizeLogits(true).build(), 1, new int[] {0}, scores);
    float half = (float) -Math.log(2);
    assertArrayEquals(new float[] {half, half, Float.NEGATIVE_INFINITY}, scores, 1e-6f);
  }

  @Test
  void nothingLeftIsAnError() {
    GenerationConfig.Builder all = GenerationConfig.builder().suppressTokens(List.of(0, 1));
    for (GenerationConfig config : List.of(all.build(), all.doSample(true).build())) {
      Sampler sampler = sampler(config, 2);
      MemorySegment scores = MemorySegment.ofArray(new float[] {1, 2});
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class, () -> next(sampler, scores, new SplittableRandom(1)));
      assertTrue(e.getMessage().contains("no token is left"), e.getMessage());
    }
  }

  @Test
  void oneSeedGivesOneSequence() {
    float[] logits = new float[100];
    MemorySegment scores = MemorySegment.ofArray(logits);
    GenerationConfig config = sampling().build();
    int[] first = new int[50];
    int[] second = new int[50];
    int[] other = new int[50];
    Sampler sampler = sampler(config, 100);
    RandomGenerator a = new SplittableRandom(3);
    RandomGenerator b = new SplittableRandom(3);
    RandomGenerator c = new SplittableRandom(4);
    for (int i = 0; i < 50; i++) {
      first[i] = next(sampler, scores, a);
      second[i] = next(sampler, scores, b);
      other[i] = next(sampler, scores, c);
    }
    assertArrayEquals(first, second);
    assertTrue(!java.util.Arrays.equals(first, other));
  }

  @ParameterizedTest
  @ValueSource(floats = {Float.NaN, Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY})
  void scoresThatAreNotFiniteAreAnErrorThatNamesTheToken(float bad) {
    Sampler sampler = sampler(GenerationConfig.builder().build(), 3);
    MemorySegment scores = MemorySegment.ofArray(new float[] {1, 2, bad});
    NonFiniteLogitsException e =
        assertThrows(NonFiniteLogitsException.class, () -> next(sampler, scores, null));
    assertTrue(e.getMessage().contains("token 2"), e.getMessage());
  }

  /** Draws from one distribution, kept or drawn again, are draws from the other. */
  @Test
  void speculativeSamplingKeepsTheDistribution() {
    float[] own = {0.5f, 0.3f, 0.15f, 0.05f, 0};
    float[] other = {0.1f, 0.3f, 0, 0.4f, 0.2f};
    float[] logits = new float[own.length];
    for (int i = 0; i < own.length; i++) {
      logits[i] = own[i] == 0 ? -200 : (float) Math.log(own[i]);
    }
    Sampler sampler = sampler(GenerationConfig.builder().doSample(true).build(), own.length);
    MemorySegment scores = MemorySegment.ofArray(logits);
    RandomGenerator random = new SplittableRandom(7);
    int draws = 200_000;
    int[] counts = new int[own.length];
    int kept = 0;
    for (int n = 0; n < draws; n++) {
      double point = random.nextDouble();
      int draft = 0;
      while (draft < other.length - 1 && point >= other[draft]) {
        point -= other[draft++];
      }
      int id = sampler.next(scores, 0, 0, new int[] {0}, 0, 1, random, draft, other);
      counts[id]++;
      kept += id == draft ? 1 : 0;
    }
    for (int i = 0; i < own.length; i++) {
      double sigma = Math.sqrt(own[i] * (1 - own[i]) / draws);
      assertEquals(own[i], counts[i] / (double) draws, 5 * sigma + 1e-6, "token " + i);
    }
    // what is kept is what both have: 0.1 + 0.3 + 0 + 0.05
    assertEquals(0.45, kept / (double) draws, 5 * Math.sqrt(0.45 * 0.55 / draws));
  }
}
