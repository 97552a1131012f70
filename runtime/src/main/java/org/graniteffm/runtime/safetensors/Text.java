package org.graniteffm.runtime.safetensors;

/** Checks of names. */
final class Text {
  private Text() {}

  /** Whether a string is no Unicode text: JSON escapes can spell half of a surrogate pair. */
  static boolean hasLoneSurrogate(String text) {
    // Pairs arrive as one code point beyond the surrogates.
    return text.codePoints()
        .anyMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE);
  }
}
