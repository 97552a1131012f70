package org.graniteffm.runtime.generate;

import java.util.List;

/**
 * The result of a generation.
 *
 * @param sequences one for each prompt
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
   */
  public record Sequence(List<Integer> ids, FinishReason finishReason) {}

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
