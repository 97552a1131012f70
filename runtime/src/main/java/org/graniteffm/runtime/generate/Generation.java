package org.graniteffm.runtime.generate;

import java.util.List;
import java.util.OptionalDouble;

/**
 * The result of a generation.
 *
 * @param sequences those of the first prompt, best first with beam search, then those of the next;
 *     num_return_sequences for each
 * @param promptTokens tokens of all prompts together, padding included
 * @param prefillNanos time until the first scores were there
 * @param decodeNanos time from then on
 * @param steps passes over the weights after the first one
 */
public record Generation(
    List<Sequence> sequences, int promptTokens, long prefillNanos, long decodeNanos, int steps) {

  /**
   * What came for one prompt.
   *
   * @param ids new tokens, the end token included
   * @param finishReason why it ended
   * @param score beam search: the sum of the log probabilities over length^length_penalty; else
   *     empty
   */
  public record Sequence(List<Integer> ids, FinishReason finishReason, OptionalDouble score) {}

  /**
   * New tokens of all sequences.
   *
   * @return end tokens included
   */
  public int newTokens() {
    int sum = 0;
    for (Sequence sequence : sequences) {
      sum += sequence.ids().size();
    }
    return sum;
  }
}
