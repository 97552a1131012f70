package org.graniteffm.runtime.chat.jinja;

import org.graniteffm.runtime.tokenizer.Tokenizer;

/** What one rendering may use up. Going over a limit is an error, before the work is done. */
final class Budget {
  /** Expressions, statements, and elements of lists that are made or looked at. */
  static final long STEPS = 5_000_000;

  /** Characters of a text: as many as a tokenizer takes. */
  static final int LONGEST = Tokenizer.LONGEST_TEXT;

  /** Characters of all texts that are made or searched on the way, together. */
  static final long TEXT = 256L << 20;

  /** Expressions, statements, macro calls and nested values within each other. */
  static final int DEPTH = 400;

  /** Elements of a range. */
  static final int RANGE = 100_000;

  private long steps;
  private long text;
  private int depth;

  void step() {
    steps(1);
  }

  void steps(long count) {
    if (count < 0 || count > STEPS - steps) {
      throw new TemplateException("takes more than " + STEPS + " steps");
    }
    steps += count;
  }

  /** To be called before a text is made. */
  void text(long length) {
    if (length > LONGEST) {
      throw new TemplateException("makes a text of more than " + LONGEST + " characters");
    }
    search(length);
  }

  /** To be called before a text is searched. */
  void search(long length) {
    if (length < 0 || length > TEXT - text) {
      throw new TemplateException("goes through more than " + TEXT + " characters of text");
    }
    text += length;
  }

  void enter() {
    if (++depth > DEPTH) {
      throw new TemplateException("is nested more than " + DEPTH + " deep");
    }
  }

  void leave() {
    depth--;
  }
}
