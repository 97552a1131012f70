package org.graniteffm.runtime.safetensors;

import java.nio.file.Path;
import org.graniteffm.runtime.Names;

/** Checks of names, and paths for messages. */
final class Text {
  private Text() {}

  /** A path as it is, or quoted if it would break or disguise the line of a message. */
  static String of(Path file) {
    String text = file.toString();
    return text.codePoints().allMatch(Text::isPlain) ? text : Names.quote(text);
  }

  private static boolean isPlain(int codePoint) {
    return switch (Character.getType(codePoint)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }

  /** Whether a string is no Unicode text: JSON escapes can spell half of a surrogate pair. */
  static boolean hasLoneSurrogate(String text) {
    // Pairs arrive as one code point beyond the surrogates.
    return text.codePoints()
        .anyMatch(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE);
  }
}
