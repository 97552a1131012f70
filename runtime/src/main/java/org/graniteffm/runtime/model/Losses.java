package org.graniteffm.runtime.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.tensor.Tensor;

/** Losses over a whole call, computed in double. */
final class Losses {
  /** The label that counts for nothing. */
  static final int IGNORED = -100;

  private Losses() {}

  /**
   * Mean cross-entropy of the labels, each against the logits one position before.
   *
   * @param logits {@code [batch, tokens, V]} F32
   * @param labels {@code [batch][tokens]}
   * @return in nats; NaN if no label counts, as in the reference
   */
  static OptionalDouble languageModel(Tensor logits, int[][] labels) {
    long vocabulary = logits.size(2);
    double sum = 0;
    long count = 0;
    for (int sequence = 0; sequence < labels.length; sequence++) {
      for (int token = 1; token < labels[sequence].length; token++) {
        int label = labels[sequence][token];
        if (label != IGNORED) {
          long row = (sequence * logits.size(1) + token - 1) * vocabulary;
          sum += crossEntropy(logits.segment(), row, vocabulary, label);
          count++;
        }
      }
    }
    return OptionalDouble.of(sum / count);
  }

  /**
   * Negative log-probability of one id.
   *
   * @param logits f32
   * @param row index of the row's first element
   * @param vocabulary elements of the row
   * @param label the id
   * @return {@code logsumexp(row) - row[label]}
   */
  static double crossEntropy(MemorySegment logits, long row, long vocabulary, int label) {
    float max = Float.NEGATIVE_INFINITY;
    for (long i = 0; i < vocabulary; i++) {
      max = Math.max(max, logits.getAtIndex(ValueLayout.JAVA_FLOAT, row + i));
    }
    double sum = 0;
    for (long i = 0; i < vocabulary; i++) {
      sum += Math.exp(logits.getAtIndex(ValueLayout.JAVA_FLOAT, row + i) - (double) max);
    }
    return Math.log(sum) + max - logits.getAtIndex(ValueLayout.JAVA_FLOAT, row + label);
  }

  /**
   * The balancing loss over all layers and unmasked tokens together: {@code E · Σ_e (count_e / N) ·
   * (Σ prob_e / N)}.
   *
   * @param config E and k
   * @param routerLogits for each layer {@code [batch * tokens, E]} F32
   * @param mask {@code [batch][tokens]} or null
   * @param tokens per sequence
   * @return k in perfect balance
   */
  static OptionalDouble loadBalancing(
      GraniteMoeConfig config, List<Tensor> routerLogits, int[][] mask, int tokens) {
    int experts = config.numLocalExperts();
    long[] chosen = new long[experts];
    double[] probabilities = new double[experts];
    long rows = 0;
    for (Tensor layer : routerLogits) {
      float[] logits = layer.toFloatArray();
      for (int row = 0; row < layer.size(0); row++) {
        if (mask == null || mask[row / tokens][row % tokens] != 0) {
          addRow(logits, row * experts, config.numExpertsPerTok(), chosen, probabilities);
          rows++;
        }
      }
    }
    double loss = 0;
    for (int e = 0; e < experts; e++) {
      loss += (double) chosen[e] / rows * (probabilities[e] / rows);
    }
    return OptionalDouble.of(loss * experts);
  }

  private static void addRow(
      float[] logits, int offset, int k, long[] chosen, double[] probabilities) {
    int experts = chosen.length;
    float[] sorted = Arrays.copyOfRange(logits, offset, offset + experts);
    Arrays.sort(sorted);
    float smallestChosen = sorted[experts - k];
    double sum = 0;
    for (int e = 0; e < experts; e++) {
      sum += Math.exp(logits[offset + e] - (double) sorted[experts - 1]);
    }
    int left = k;
    for (int e = 0; e < experts; e++) {
      float logit = logits[offset + e];
      probabilities[e] += Math.exp(logit - (double) sorted[experts - 1]) / sum;
      if (logit >= smallestChosen && left > 0) {
        chosen[e]++;
        left--;
      }
    }
  }
}
