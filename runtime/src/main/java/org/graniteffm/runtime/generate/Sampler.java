package org.graniteffm.runtime.generate;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;

/**
 * Chooses the next token of one sequence from its scores, in the reference's order: repetition
 * penalty, least length, and then the largest score, or with sampling temperature, top-k, top-p,
 * min-p and a draw.
 *
 * <p>Holds the sequence's random numbers and the tokens it has seen. Allocates nothing per token.
 */
final class Sampler {
  private final GenerationConfig config;
  private final float[] scores;
  private final float[] largest; // min-heap of the k largest scores
  private final int[] candidates;
  private final double[] probabilities;
  private final BitSet seen; // null where no penalty asks for it
  private final RandomGenerator random;

  /**
   * Makes a sampler.
   *
   * @param config options
   * @param vocabulary number of scores
   * @param seed of the random numbers
   */
  Sampler(GenerationConfig config, int vocabulary, long seed) {
    this.config = config;
    scores = new float[vocabulary];
    if (config.doSample()) {
      int k = config.topK() == 0 ? vocabulary : Math.min(config.topK(), vocabulary);
      largest = new float[k];
      candidates = new int[vocabulary];
      probabilities = new double[vocabulary];
      random = RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
    } else {
      largest = null;
      candidates = null;
      probabilities = null;
      random = null;
    }
    seen = config.repetitionPenalty() == 1 ? null : new BitSet(vocabulary);
  }

  /** Counts a token of the prompt or of the output as seen. */
  void see(int id) {
    if (seen != null) {
      seen.set(id);
    }
  }

  /**
   * Chooses.
   *
   * @param logits f32
   * @param offset in bytes, of the sequence's first score
   * @param endAllowed whether an end token may come now
   * @return the token
   * @throws NonFiniteLogitsException if a score is no finite number
   */
  int next(MemorySegment logits, long offset, boolean endAllowed) {
    MemorySegment.copy(logits, ValueLayout.JAVA_FLOAT, offset, scores, 0, scores.length);
    checkFinite();
    penalizeRepetition();
    if (!endAllowed) {
      for (int i = 0; i < config.eosTokenIds().size(); i++) {
        int id = config.eosTokenIds().get(i);
        if (id < scores.length) {
          scores[id] = Float.NEGATIVE_INFINITY;
        }
      }
    }
    return config.doSample() ? draw() : argmax();
  }

  private void checkFinite() {
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

  private void penalizeRepetition() {
    if (seen == null) {
      return;
    }
    float penalty = (float) config.repetitionPenalty();
    for (int id = seen.nextSetBit(0); id >= 0; id = seen.nextSetBit(id + 1)) {
      scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty;
    }
  }

  private int argmax() {
    int best = 0;
    for (int i = 1; i < scores.length; i++) {
      if (scores[i] > scores[best]) {
        best = i;
      }
    }
    return best;
  }

  private int draw() {
    int count = selectTopK();
    sortCandidates(count);
    double temperature = config.temperature();
    double max = scores[candidates[0]];
    double total = 0;
    for (int i = 0; i < count; i++) {
      probabilities[i] = Math.exp((scores[candidates[i]] - max) / temperature);
      total += probabilities[i];
    }
    count = keepTopP(count, total);
    if (config.minP().isPresent()) {
      double least = config.minP().getAsDouble() * probabilities[0];
      while (count > 1 && probabilities[count - 1] < least) {
        count--;
      }
    }
    double left = 0;
    for (int i = 0; i < count; i++) {
      left += probabilities[i];
    }
    double point = random.nextDouble() * left;
    int i = 0;
    while (i < count - 1 && point >= probabilities[i]) {
      point -= probabilities[i++];
    }
    return candidates[i];
  }

  /**
   * Puts the ids whose score is not below the k-th largest into candidates; scores that tie with it
   * stay.
   */
  private int selectTopK() {
    float least = kthLargest();
    int count = 0;
    for (int i = 0; i < scores.length; i++) {
      if (scores[i] >= least && scores[i] > Float.NEGATIVE_INFINITY) {
        candidates[count++] = i;
      }
    }
    return count;
  }

  private float kthLargest() {
    int k = largest.length;
    if (k == scores.length) {
      return Float.NEGATIVE_INFINITY;
    }
    System.arraycopy(scores, 0, largest, 0, k);
    for (int i = k / 2 - 1; i >= 0; i--) {
      sink(i);
    }
    for (int i = k; i < scores.length; i++) {
      if (scores[i] > largest[0]) {
        largest[0] = scores[i];
        sink(0);
      }
    }
    return largest[0];
  }

  private void sink(int i) {
    float value = largest[i];
    int child;
    while ((child = 2 * i + 1) < largest.length) {
      if (child + 1 < largest.length && largest[child + 1] < largest[child]) {
        child++;
      }
      if (largest[child] >= value) {
        break;
      }
      largest[i] = largest[child];
      i = child;
    }
    largest[i] = value;
  }

  /** Heap sort of the candidates by falling score; of equal scores the lower id first. */
  private void sortCandidates(int count) {
    for (int i = count / 2 - 1; i >= 0; i--) {
      sinkCandidate(i, count);
    }
    for (int end = count - 1; end > 0; end--) {
      int worst = candidates[0];
      candidates[0] = candidates[end];
      candidates[end] = worst;
      sinkCandidate(0, end);
    }
  }

  private void sinkCandidate(int i, int count) {
    int id = candidates[i];
    int child;
    while ((child = 2 * i + 1) < count) {
      if (child + 1 < count && worse(candidates[child + 1], candidates[child])) {
        child++;
      }
      if (!worse(candidates[child], id)) {
        break;
      }
      candidates[i] = candidates[child];
      i = child;
    }
    candidates[i] = id;
  }

  private boolean worse(int a, int b) {
    return scores[a] < scores[b] || (scores[a] == scores[b] && a > b);
  }

  /**
   * Drops from the small end while what is dropped adds up to no more than 1 - p; at least one
   * stays.
   */
  private int keepTopP(int count, double total) {
    double droppable = (1 - config.topP()) * total;
    double dropped = 0;
    while (config.topP() < 1 && count > 1 && dropped + probabilities[count - 1] <= droppable) {
      dropped += probabilities[--count];
    }
    return count;
  }
}
