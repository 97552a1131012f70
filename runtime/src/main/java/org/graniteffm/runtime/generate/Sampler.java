package org.graniteffm.runtime.generate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.random.RandomGenerator;

/**
 * Chooses next tokens from scores: processors first, and then the largest score, or with sampling
 * the filters and a draw. Allocates nothing per token, unless a caller's processor asks for it.
 */
final class Sampler {
  private final GenerationConfig config;
  private final ScoreProcessors processors;
  private final Candidates candidates; // null without sampling
  private final ScoreRecorder recorder; // null if nothing is kept
  private final float[] scores;

  /**
   * Makes a sampler.
   *
   * @param config options
   * @param processors of the same options
   * @param vocabulary number of scores
   * @param recorder keeps what is asked for; or null
   */
  Sampler(
      GenerationConfig config, ScoreProcessors processors, int vocabulary, ScoreRecorder recorder) {
    this.config = config;
    this.processors = processors;
    this.recorder = recorder;
    // a beam must be able to go on where all its end tokens are taken
    int least = config.numBeams() > 1 ? Math.max(2, 1 + config.eosTokenIds().size()) : 1;
    candidates =
        config.doSample() ? new Candidates(config, vocabulary, Math.min(least, vocabulary)) : null;
    scores = new float[vocabulary];
  }

  /**
   * Chooses.
   *
   * @param logits f32
   * @param offset in bytes, of the sequence's first score
   * @param sequence what to call the sequence
   * @param tokens holds the sequence so far
   * @param from index of its first token
   * @param length its number of tokens
   * @param random of the sequence; null without sampling
   * @return the token
   * @throws NonFiniteLogitsException if a score is no finite number
   * @throws IllegalArgumentException if all tokens are banned
   */
  int next(
      MemorySegment logits,
      long offset,
      int sequence,
      int[] tokens,
      int from,
      int length,
      RandomGenerator random) {
    return next(logits, offset, sequence, tokens, from, length, random, 0, null);
  }

  /**
   * Chooses, where another distribution has drawn a draft already: the same choice as without, or
   * in sampling the same distribution of choices.
   *
   * @param draft what was drawn
   * @param other its distribution: a probability for each token; null chooses as if there were no
   *     draft
   */
  int next(
      MemorySegment logits,
      long offset,
      int sequence,
      int[] tokens,
      int from,
      int length,
      RandomGenerator random,
      int draft,
      float[] other) {
    read(logits, offset);
    if (recorder != null) {
      recorder.logits(sequence, length, scores);
    }
    processors.apply(sequence, tokens, from, length, scores);
    // renormalisation moves all scores alike, and so changes no choice
    int id;
    if (candidates == null) {
      id = argmax();
    } else {
      candidates.select(scores);
      id = other == null ? candidates.draw(random) : candidates.drawOver(draft, other, random);
    }
    if (recorder != null && recorder.keepsScores()) {
      filter(scores);
      recorder.scores(sequence, length, scores);
    }
    return id;
  }

  /** The probability that the latest choice gave a token. */
  double probability(int id) {
    return candidates == null ? softmax(id) : candidates.probability(id);
  }

  /** The probabilities that the latest draw was from, for each token. */
  void probabilities(float[] target) {
    candidates.probabilities(target);
  }

  /** Number of scores. */
  int vocabulary() {
    return scores.length;
  }

  /**
   * Processes log probabilities, for beam search.
   *
   * @param logits f32
   * @param offset in bytes, of the sequence's first score
   * @param sequence what to call the sequence
   * @param tokens holds the sequence so far
   * @param from index of its first token
   * @param length its number of tokens
   * @return scores of all tokens, valid until the next call; negative infinity for what is banned
   * @throws NonFiniteLogitsException if a score is no finite number
   */
  float[] logProbabilities(
      MemorySegment logits, long offset, int sequence, int[] tokens, int from, int length) {
    read(logits, offset);
    if (recorder != null) {
      recorder.logits(sequence, length, scores);
    }
    logSoftmax(scores);
    process(sequence, tokens, from, length, scores);
    if (recorder != null) {
      recorder.scores(sequence, length, scores);
    }
    return scores;
  }

  /** Applies processors, filters and renormalisation to scores in place. */
  void process(int sequence, int[] tokens, int from, int length, float[] target) {
    processors.apply(sequence, tokens, from, length, target);
    if (candidates != null) {
      candidates.select(target);
    }
    filter(target);
  }

  /** Bans what was not selected, as far as there was a selection, and renormalises. */
  private void filter(float[] target) {
    if (candidates != null) {
      candidates.apply(target);
    }
    if (config.renormalizeLogits()) {
      logSoftmax(target);
    }
  }

  static IllegalArgumentException noTokenLeft() {
    return new IllegalArgumentException(
        "no token is left to choose: the options or a logits processor ban all of them");
  }

  private void read(MemorySegment logits, long offset) {
    MemorySegment.copy(logits, ValueLayout.JAVA_FLOAT, offset, scores, 0, scores.length);
    // the sum of finite numbers times zero is zero; with one that is not finite it is NaN
    float sum = 0;
    for (float score : scores) {
      sum += score * 0f;
    }
    if (sum == 0) {
      return;
    }
    for (int i = 0; i < scores.length; i++) {
      if (!Float.isFinite(scores[i])) {
        throw new NonFiniteLogitsException(i, scores[i]);
      }
    }
  }

  private int argmax() {
    int best = 0;
    for (int i = 1; i < scores.length; i++) {
      if (scores[i] > scores[best]) {
        best = i;
      }
    }
    if (scores[best] == Float.NEGATIVE_INFINITY) {
      throw noTokenLeft();
    }
    return best;
  }

  private double softmax(int id) {
    double sum = 0;
    for (float score : scores) {
      sum += Math.exp(score - scores[id]);
    }
    return 1 / sum;
  }

  private static void logSoftmax(float[] scores) {
    float max = Float.NEGATIVE_INFINITY;
    for (float score : scores) {
      max = Math.max(max, score);
    }
    if (max == Float.NEGATIVE_INFINITY) {
      return; // all are banned; whoever chooses says so
    }
    double sum = 0;
    for (float score : scores) {
      sum += Math.exp(score - max);
    }
    double shift = max + Math.log(sum);
    for (int i = 0; i < scores.length; i++) {
      scores[i] = (float) (scores[i] - shift);
    }
  }
}
