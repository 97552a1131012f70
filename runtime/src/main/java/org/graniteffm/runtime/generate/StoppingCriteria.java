package org.graniteffm.runtime.generate;

import java.nio.IntBuffer;

/** A caller's own reason to end a sequence, asked after each token. */
@FunctionalInterface
public interface StoppingCriteria {
  /**
   * Says whether a sequence is complete.
   *
   * <p>Called on the thread that called {@code generate}. An exception ends the generation and
   * reaches its caller; model and generator stay usable.
   *
   * @param sequence which of the sequences being generated, from 0; with beam search the place of
   *     the beam that the candidate continues
   * @param tokens the sequence, prompt and newest token included; read-only, valid during the call
   * @return true ends it, with {@link FinishReason#STOP}
   */
  boolean isComplete(int sequence, IntBuffer tokens);
}
