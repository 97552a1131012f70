package org.graniteffm.runtime.generate;

import java.util.List;

/**
 * Guesses that what came after the newest tokens before comes after them again: transformers'
 * prompt lookup. The longest n-gram that was there before counts, and of several places the first.
 *
 * @see <a href="https://github.com/apoorvumang/prompt-lookup-decoding">Saxena 2023</a>
 */
final class PromptLookup implements Drafter {
  private final int guesses;
  private final int longest;
  private final List<Integer> ends;

  PromptLookup(GenerationConfig config) {
    guesses = config.promptLookupNumTokens().getAsInt();
    longest = config.maxMatchingNgramSize();
    ends = config.eosTokenIds();
  }

  @Override
  public int draft(int[] tokens, int length, int most) {
    for (int size = Math.min(longest, length - 1); size > 0; size--) {
      int behind = firstMatch(tokens, length, size);
      if (behind < length) {
        return copy(tokens, behind, length, Math.min(most, guesses));
      }
    }
    return 0;
  }

  /** Where the newest tokens were before, behind them; the length if they were not. */
  private static int firstMatch(int[] tokens, int length, int size) {
    int newest = length - size;
    for (int start = 0; start < newest; start++) {
      int i = 0;
      while (i < size && tokens[start + i] == tokens[newest + i]) {
        i++;
      }
      if (i == size) {
        return start + size;
      }
    }
    return length;
  }

  /** Copies up to the sequence's end, or before an end token: the model may say that itself. */
  private int copy(int[] tokens, int from, int length, int most) {
    int count = Math.min(most, length - from);
    for (int i = 0; i < count; i++) {
      if (StopRules.isEnd(tokens[from + i], ends)) {
        return i;
      }
      tokens[length + i] = tokens[from + i];
    }
    return count;
  }

  @Override
  public float[] probabilities(int guess) {
    return null;
  }

  @Override
  public void checked(int drafted, int accepted) {
    // as many the next time
  }

  @Override
  public void close() {
    // holds nothing
  }
}
