package org.graniteffm.runtime.tokenizer;

import java.util.Objects;
import java.util.OptionalInt;

/**
 * Turns text into token ids and back, as {@code tokenizer.json} of a checkpoint says. Safe for use
 * by several threads. Get one from {@link Tokenizers#open}.
 */
public interface Tokenizer extends AutoCloseable {
  /** Longest text {@link #encode} takes, in UTF-16 units. */
  int LONGEST_TEXT = 1 << 22;

  /**
   * Encodes text. Special tokens are recognised where their names stand in the text, and none is
   * added.
   *
   * @param text any text without unpaired surrogates, at most {@link #LONGEST_TEXT} long
   * @return token ids, none for an empty text
   * @throws IllegalArgumentException if the text is too long or has an unpaired surrogate; gives
   *     its index
   * @throws org.graniteffm.runtime.ClosedException if the tokenizer is closed
   */
  int[] encode(String text);

  /**
   * Decodes some of the ids of an array. Bytes that are not UTF-8 become U+FFFD; ids that no token
   * has stand for no text; spaces are left as they are, whatever {@code
   * clean_up_tokenization_spaces} says.
   *
   * @param ids token ids, at least 0
   * @param from index of the first one to decode
   * @param to index after the last one
   * @param skipSpecialTokens whether special tokens are left out
   * @return the text
   * @throws IndexOutOfBoundsException if from and to are not a range of the array
   * @throws IllegalArgumentException if an id is negative
   * @throws org.graniteffm.runtime.ClosedException if the tokenizer is closed
   */
  String decode(int[] ids, int from, int to, boolean skipSpecialTokens);

  /**
   * Decodes ids, as {@link #decode(int[], int, int, boolean)} does.
   *
   * @param ids token ids, at least 0
   * @param skipSpecialTokens whether special tokens are left out
   * @return the text
   * @throws IllegalArgumentException if an id is negative
   * @throws org.graniteffm.runtime.ClosedException if the tokenizer is closed
   */
  default String decode(int[] ids, boolean skipSpecialTokens) {
    Objects.requireNonNull(ids, "ids");
    return decode(ids, 0, ids.length, skipSpecialTokens);
  }

  /**
   * Starts to decode ids as they come.
   *
   * @param skipSpecialTokens whether special tokens are left out
   * @return a decoder of its own state
   * @throws org.graniteffm.runtime.ClosedException if the tokenizer is closed
   */
  StreamDecoder streamDecoder(boolean skipSpecialTokens);

  /**
   * Returns how many tokens there are. A model's vocab_size may be larger.
   *
   * @return number of tokens, added ones included
   */
  int vocabSize();

  /**
   * Says whether a token is special: left out by decoding on request.
   *
   * @param id any number
   * @return false for ordinary and for unknown tokens
   */
  boolean isSpecial(int id);

  /**
   * Finds a special token.
   *
   * @param content its name, such as {@code <|end_of_text|>}
   * @return its id, if there is one
   */
  OptionalInt specialTokenId(String content);

  /** Releases native memory; waits for calls that are under way. Closing twice does nothing. */
  @Override
  void close();
}
