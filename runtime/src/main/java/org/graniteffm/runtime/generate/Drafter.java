package org.graniteffm.runtime.generate;

/**
 * Guesses how a sequence goes on, for the model to check all guesses in one pass. What is guessed
 * changes no text, only the time it takes.
 */
interface Drafter extends AutoCloseable {
  /**
   * Writes guesses behind a sequence.
   *
   * @param tokens holds the sequence from its start on, and has room behind it
   * @param length tokens of the sequence, prompt included
   * @param most how many guesses there may be
   * @return how many there are, from 0
   */
  int draft(int[] tokens, int length, int most);

  /**
   * The distribution that a guess was drawn from, where it was drawn.
   *
   * @param guess which one of the latest, from 0
   * @return a probability for each token; or null
   */
  float[] probabilities(int guess);

  /**
   * Hears how good the latest guesses were.
   *
   * @param drafted how many there were, at least 1
   * @param accepted how many came true, from the first on
   */
  void checked(int drafted, int accepted);

  @Override
  void close();
}
