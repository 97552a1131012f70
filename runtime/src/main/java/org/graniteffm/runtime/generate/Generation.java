package org.graniteffm.runtime.generate;

import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;

/**
 * The result of a generation.
 *
 * @param sequences those of the first prompt, best first with beam search, then those of the next;
 *     num_return_sequences for each
 * @param promptTokens tokens of all prompts together, padding included
 * @param prefillNanos time until the first scores were there
 * @param decodeNanos time from then on
 * @param steps passes over the weights after the first one; fewer than tokens where an assistant or
 *     a look-up guessed some of them
 * @param scores with output_scores what each token was chosen by: logits that went through
 *     processors, with sampling temperature and filters, and renormalisation; with beam search log
 *     probabilities that did, without the beam's own score; else empty
 * @param logits with output_logits the model's own scores; else empty
 */
public record Generation(
    List<Sequence> sequences,
    int promptTokens,
    long prefillNanos,
    long decodeNanos,
    int steps,
    Optional<StepScores> scores,
    Optional<StepScores> logits) {

  /**
   * What came for one prompt.
   *
   * @param ids new tokens, the end token included
   * @param finishReason why it ended
   * @param score beam search: the sum of the log probabilities over length^length_penalty; else
   *     empty
   * @param beamIndices beam search: for each token the beam it continued, a row of {@link
   *     StepScores}; else empty
   */
  public record Sequence(
      List<Integer> ids,
      FinishReason finishReason,
      OptionalDouble score,
      List<Integer> beamIndices) {
    /**
     * The new tokens as a tokenizer takes them.
     *
     * @return {@link #ids}, copied
     */
    public int[] idArray() {
      return ids.stream().mapToInt(Integer::intValue).toArray();
    }
  }

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
