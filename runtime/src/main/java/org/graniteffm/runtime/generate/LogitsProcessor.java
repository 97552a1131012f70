package org.graniteffm.runtime.generate;

import java.nio.IntBuffer;

/**
 * A caller's own change to the scores of the next token. It runs behind the processors that options
 * ask for, and before temperature and the filters of sampling.
 */
@FunctionalInterface
public interface LogitsProcessor {
  /**
   * Changes scores in place; negative infinity bans a token.
   *
   * <p>Called on the thread that called {@code generate}. An exception ends the generation and
   * reaches its caller; model and generator stay usable.
   *
   * @param sequence which of the sequences being generated, from 0; those of one prompt are
   *     neighbours, and with beam search a number stands for a place, not for a text
   * @param tokens the sequence so far, prompt and padding included; read-only, valid during the
   *     call
   * @param scores one for each token of the vocabulary: logits, or with beam search log
   *     probabilities
   */
  void process(int sequence, IntBuffer tokens, float[] scores);
}
