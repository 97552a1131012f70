package org.graniteffm.runtime.generate;

import java.util.Arrays;
import java.util.random.RandomGenerator;

/**
 * The tokens sampling chooses from, best first: temperature, top-k, top-p, min-p, typical-p,
 * epsilon and eta cutoff, each on what the one before left. Allocates nothing per token.
 */
final class Candidates {
  private final GenerationConfig config;
  private final int least;
  private final float[] largest; // min-heap of the k largest scores
  private final int[] ids;
  private final double[] weights; // probabilities, up to a factor
  private float[] scores;
  private int count;

  /**
   * Makes an empty list.
   *
   * @param config options
   * @param vocabulary number of scores
   * @param least how many tokens no filter goes below, at least 1
   */
  Candidates(GenerationConfig config, int vocabulary, int least) {
    this.config = config;
    this.least = least;
    int k = config.topK() == 0 ? vocabulary : Math.min(Math.max(config.topK(), least), vocabulary);
    largest = new float[k];
    ids = new int[vocabulary];
    weights = new double[vocabulary];
  }

  /**
   * Finds the tokens that are left by all filters.
   *
   * @param newScores not changed
   * @throws IllegalArgumentException if all tokens are banned
   */
  void select(float[] newScores) {
    scores = newScores;
    count = selectTopK();
    if (count == 0) {
      throw Sampler.noTokenLeft();
    }
    sort();
    double max = scores[ids[0]];
    for (int i = 0; i < count; i++) {
      weights[i] = Math.exp((scores[ids[i]] - max) / config.temperature());
    }
    if (config.topP() < 1) {
      keepTopP();
    }
    if (config.minP().isPresent()) {
      dropBelow(config.minP().getAsDouble() * weights[0]);
    }
    if (config.typicalP() < 1) {
      keepTypical();
    }
    if (config.epsilonCutoff() > 0) {
      dropBelow(config.epsilonCutoff() * total());
    }
    if (config.etaCutoff() > 0) {
      double epsilon = config.etaCutoff();
      double total = total();
      double eta = Math.min(epsilon, Math.sqrt(epsilon) * Math.exp(-entropy(total)));
      dropBelow(eta * total);
    }
  }

  /** Draws one of the selected tokens. */
  int draw(RandomGenerator random) {
    double point = random.nextDouble() * total();
    int i = 0;
    while (i < count - 1 && point >= weights[i]) {
      point -= weights[i++];
    }
    return ids[i];
  }

  /**
   * Speculative sampling: keeps a draft or draws another token, so that the result is distributed
   * as a draw from these candidates (Leviathan et al. 2023, algorithm 1).
   *
   * @param draft a draw from the other distribution
   * @param other that distribution's probability of each token
   * @param random the source of chance
   */
  int drawOver(int draft, float[] other, RandomGenerator random) {
    if (random.nextDouble() * other[draft] < probability(draft)) {
      return draft;
    }
    // what is more likely here than there has come too seldom so far
    double total = total();
    for (int i = 0; i < count; i++) {
      weights[i] = Math.max(0, weights[i] / total - other[ids[i]]);
    }
    return total() > 0 ? draw(random) : draft; // none is, but for rounding
  }

  /** The probability of a token. */
  double probability(int id) {
    for (int i = 0; i < count; i++) {
      if (ids[i] == id) {
        return weights[i] / total();
      }
    }
    return 0;
  }

  /** Writes the probability of each token. */
  void probabilities(float[] target) {
    double total = total();
    Arrays.fill(target, 0);
    for (int i = 0; i < count; i++) {
      target[ids[i]] = (float) (weights[i] / total);
    }
  }

  /** Bans what was not selected, and divides the scores of what was by the temperature. */
  void apply(float[] target) {
    for (int i = 0; i < count; i++) {
      weights[i] = target[ids[i]] / config.temperature();
    }
    Arrays.fill(target, Float.NEGATIVE_INFINITY);
    for (int i = 0; i < count; i++) {
      target[ids[i]] = (float) weights[i];
    }
  }

  private double total() {
    double total = 0;
    for (int i = 0; i < count; i++) {
      total += weights[i];
    }
    return total;
  }

  private double entropy(double total) {
    double sum = 0;
    for (int i = 0; i < count; i++) {
      double p = weights[i] / total;
      sum -= p == 0 ? 0 : p * Math.log(p);
    }
    return sum;
  }

  private void dropBelow(double weight) {
    while (count > least && weights[count - 1] < weight) {
      count--;
    }
  }

  /** Drops from the small end while what is dropped adds up to no more than 1 - p. */
  private void keepTopP() {
    double droppable = (1 - config.topP()) * total();
    double dropped = 0;
    while (count > least && dropped + weights[count - 1] <= droppable) {
      dropped += weights[--count];
    }
  }

  /**
   * Keeps the tokens whose surprise is nearest to the entropy, up to the one at which the mass is
   * reached, and those as near as that one. Surprise grows along the list, so they are neighbours.
   */
  private void keepTypical() {
    double total = total();
    double entropy = entropy(total);
    int end = 0; // the first that is rarer than typical, then the end of what is kept
    while (end < count && -Math.log(weights[end] / total) < entropy) {
      end++;
    }
    int start = end;
    double kept = 0;
    double farthest = 0;
    while (end - start < count && (end - start < least || kept < config.typicalP())) {
      double below = start > 0 ? distance(start - 1, total, entropy) : Double.POSITIVE_INFINITY;
      double above = end < count ? distance(end, total, entropy) : Double.POSITIVE_INFINITY;
      boolean takeBelow = start > 0 && (end == count || below <= above);
      farthest = takeBelow ? below : above;
      kept += weights[takeBelow ? --start : end++] / total;
    }
    while (start > 0 && distance(start - 1, total, entropy) <= farthest) {
      start--;
    }
    while (end < count && distance(end, total, entropy) <= farthest) {
      end++;
    }
    count = end - start;
    System.arraycopy(ids, start, ids, 0, count);
    System.arraycopy(weights, start, weights, 0, count);
  }

  private double distance(int i, double total, double entropy) {
    return Math.abs(-Math.log(weights[i] / total) - entropy);
  }

  /**
   * Puts the ids whose score is not below the k-th largest into the list; scores that tie with it
   * stay.
   */
  private int selectTopK() {
    float least = kthLargest();
    int found = 0;
    for (int i = 0; i < scores.length; i++) {
      if (scores[i] >= least && scores[i] > Float.NEGATIVE_INFINITY) {
        ids[found++] = i;
      }
    }
    return found;
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
  private void sort() {
    for (int i = count / 2 - 1; i >= 0; i--) {
      sinkId(i, count);
    }
    for (int end = count - 1; end > 0; end--) {
      int worst = ids[0];
      ids[0] = ids[end];
      ids[end] = worst;
      sinkId(0, end);
    }
  }

  private void sinkId(int i, int size) {
    int id = ids[i];
    int child;
    while ((child = 2 * i + 1) < size) {
      if (child + 1 < size && worse(ids[child + 1], ids[child])) {
        child++;
      }
      if (!worse(ids[child], id)) {
        break;
      }
      ids[i] = ids[child];
      i = child;
    }
    ids[i] = id;
  }

  private boolean worse(int a, int b) {
    return scores[a] < scores[b] || (scores[a] == scores[b] && a > b);
  }
}
