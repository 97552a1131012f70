package org.graniteffm.runtime.tokenizer;

/**
 * Decodes UTF-8 byte by byte. What is malformed becomes U+FFFD, one for each maximal part that some
 * text could begin with, as in Python and Rust; Java's own decoder makes one of a whole encoded
 * surrogate, where these make three.
 *
 * <p>Source: the WHATWG Encoding Standard, section 8.1.1, UTF-8 decoder.
 */
final class Utf8 {
  private int needed;
  private int codePoint;
  private int least = 0x80;
  private int most = 0xBF;

  /**
   * Takes one byte and appends what became complete: nothing, a character, or one or two U+FFFD.
   */
  void push(byte value, StringBuilder out) {
    int b = value & 0xFF;
    if (needed > 0) {
      if (b >= least && b <= most) {
        least = 0x80;
        most = 0xBF;
        codePoint = (codePoint << 6) | (b & 0x3F);
        if (--needed == 0) {
          out.appendCodePoint(codePoint);
        }
        return;
      }
      finish(out);
    }
    if (b < 0x80) {
      out.append((char) b);
    } else if (b >= 0xC2 && b <= 0xDF) {
      begin(1, b & 0x1F);
    } else if (b >= 0xE0 && b <= 0xEF) {
      begin(2, b & 0xF);
      if (b == 0xE0) {
        least = 0xA0;
      } else if (b == 0xED) {
        most = 0x9F;
      }
    } else if (b >= 0xF0 && b <= 0xF4) {
      begin(3, b & 0x7);
      if (b == 0xF0) {
        least = 0x90;
      } else if (b == 0xF4) {
        most = 0x8F;
      }
    } else {
      out.append('\uFFFD');
    }
  }

  /** Ends the text: a character that was begun becomes U+FFFD. Then it is as new. */
  void finish(StringBuilder out) {
    if (needed > 0) {
      needed = 0;
      least = 0x80;
      most = 0xBF;
      out.append('\uFFFD');
    }
  }

  /** Returns the index of the first surrogate that has no partner, or -1. */
  static int unpairedSurrogate(String text) {
    int i = 0;
    while (i < text.length()) {
      // a code point in the surrogates' range is one without a partner
      int c = text.codePointAt(i);
      if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
        return i;
      }
      i += Character.charCount(c);
    }
    return -1;
  }

  private void begin(int following, int bits) {
    needed = following;
    codePoint = bits;
  }
}
