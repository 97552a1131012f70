package org.graniteffm.runtime.tokenizer;

/**
 * Turns token ids into text as they come. Each call returns the text that became final; a character
 * whose bytes are spread over several tokens is held back until it is complete, at most three
 * bytes. The pieces together are always what {@link Tokenizer#decode} makes of all ids.
 *
 * <p>Each call costs as much as its token is long. For one thread at a time; still usable after its
 * tokenizer was closed. Get one from {@link Tokenizer#streamDecoder}.
 */
public final class StreamDecoder {
  private final Vocabulary vocabulary;
  private final boolean skipSpecialTokens;
  private final Utf8 utf8 = new Utf8();

  StreamDecoder(Vocabulary vocabulary, boolean skipSpecialTokens) {
    this.vocabulary = vocabulary;
    this.skipSpecialTokens = skipSpecialTokens;
  }

  /**
   * Takes the next token.
   *
   * @param id a token; one the tokenizer does not know stands for no text
   * @return what became final, often empty
   * @throws IllegalArgumentException if the id is negative
   */
  public String push(int id) {
    StringBuilder out = new StringBuilder();
    vocabulary.append(id, skipSpecialTokens, utf8, out);
    return out.toString();
  }

  /**
   * Ends the text. The decoder may then be used for another one.
   *
   * @return U+FFFD if a character was left incomplete, else nothing
   */
  public String flush() {
    StringBuilder out = new StringBuilder();
    utf8.finish(out);
    return out.toString();
  }
}
