package org.graniteffm.runtime.safetensors;

/** Checks of names. */
final class Text {
  private Text() {}

  /** Whether a string is no Unicode text: JSON escapes can spell half of a surrogate pair. */
  static boolean hasLoneSurrogate(String text) {
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i); // of a pair it is one beyond the surrogates
      if (c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE) {
        return true;
      }
      i += Character.charCount(c);
    }
    return false;
  }
}
