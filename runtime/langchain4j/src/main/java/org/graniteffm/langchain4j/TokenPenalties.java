package org.graniteffm.langchain4j;

import java.nio.IntBuffer;
import java.util.BitSet;
import org.graniteffm.runtime.generate.LogitsProcessor;

/**
 * Penalties of tokens that the answer has already: {@code score - count · frequency - (count > 0) ·
 * presence}, as OpenAI documents them. The prompt does not count.
 *
 * @param promptLength tokens before the answer
 * @param frequency for each time that a token is there
 * @param presence once
 */
record TokenPenalties(int promptLength, double frequency, double presence)
    implements LogitsProcessor {
  @Override
  public void process(int sequence, IntBuffer tokens, float[] scores) {
    BitSet present = new BitSet(scores.length);
    for (int i = promptLength; i < tokens.limit(); i++) {
      int id = tokens.get(i);
      double penalty = present.get(id) ? frequency : frequency + presence;
      present.set(id);
      scores[id] -= (float) penalty;
    }
  }
}
