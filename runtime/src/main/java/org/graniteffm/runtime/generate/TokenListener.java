package org.graniteffm.runtime.generate;

/**
 * Told of each token as it is chosen, on the thread that called {@code generate}, which waits: no
 * other token is chosen before the listener returns, so a slow one holds up the generation and
 * nothing piles up. (Guesses may have been checked in the same pass, and beams are told of at the
 * end.)
 */
@FunctionalInterface
public interface TokenListener {
  /**
   * One token.
   *
   * <p>An exception ends the generation and reaches its caller; model and session stay usable.
   *
   * @param sequence which of the prompts, from 0
   * @param id the token, end tokens included
   * @return false ends the whole generation
   */
  boolean onToken(int sequence, int id);
}
