package org.graniteffm.runtime;

import java.nio.file.Path;

/** Puts names from untrusted files into one-line messages. */
public final class Names {
  private static final int LONGEST = 200;

  private Names() {}

  /**
   * Quotes a name for a message: control characters, line separators and lone surrogates are
   * escaped, and what is beyond 200 characters is cut.
   *
   * @param name any text, or null
   * @return the name in double quotes, on one line
   */
  public static String quote(String name) {
    if (name == null) {
      return "null";
    }
    StringBuilder out = new StringBuilder(Math.min(name.length(), LONGEST) + 2).append('"');
    int used = 0;
    for (int i = 0; i < name.length(); ) {
      if (used >= LONGEST) {
        return out.append("…\"").toString();
      }
      int c = name.codePointAt(i);
      i += Character.charCount(c);
      int before = out.length();
      if (c == '"' || c == '\\') {
        out.append('\\').append((char) c);
      } else if (isPlain(c)) {
        out.appendCodePoint(c);
      } else if (c < 0x10000) {
        out.append(String.format("\\u%04x", c));
      } else {
        out.append(String.format("\\u{%x}", c));
      }
      used += out.length() - before;
    }
    return out.append('"').toString();
  }

  /**
   * A path for a message: as it is, or quoted if it would break or disguise the line.
   *
   * @param file any path
   * @return its text, on one line
   */
  public static String path(Path file) {
    String text = file.toString();
    return text.codePoints().allMatch(Names::isPrintable) ? text : quote(text);
  }

  private static boolean isPrintable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      default -> true;
    };
  }

  private static boolean isPlain(int c) {
    return switch (Character.getType(c)) {
      case Character.PRIVATE_USE, Character.UNASSIGNED -> false;
      default -> isPrintable(c);
    };
  }
}
