package org.graniteffm.runtime.generate;

import java.util.List;

/**
 * An entry of sequence_bias: what is added to the score of the last token of a sequence where the
 * others came before it.
 *
 * @param tokens the sequence, at least one token
 * @param bias what to add
 */
public record SequenceBias(List<Integer> tokens, double bias) {
  /**
   * Copies the tokens.
   *
   * @param tokens the sequence, at least one token
   * @param bias what to add
   */
  public SequenceBias {
    tokens = List.copyOf(tokens);
  }
}
