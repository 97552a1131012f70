package org.graniteffm.runtime.chat.jinja;

import java.util.ArrayList;
import java.util.List;

/** Strings as Python has them: sequences of code points, with its idea of white space. */
final class Text {
  private Text() {}

  static boolean isWhitespace(int c) {
    return switch (c) {
      case ' ', 0x85, 0xA0, 0x1680, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000 -> true;
      default ->
          (c >= 0x09 && c <= 0x0D) || (c >= 0x1C && c <= 0x1F) || (c >= 0x2000 && c <= 0x200A);
    };
  }

  private static boolean isLineBreak(char c) {
    return switch (c) {
      case '\n', '\r', 0x0B, 0x0C, 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029 -> true;
      default -> false;
    };
  }

  static String normalizeNewlines(String text) {
    return text.replace("\r\n", "\n").replace('\r', '\n');
  }

  static String strip(String text) {
    return stripLeft(stripRight(text));
  }

  static String stripLeft(String text) {
    int start = 0;
    while (start < text.length() && isWhitespace(text.charAt(start))) {
      start++;
    }
    return text.substring(start);
  }

  static String stripRight(String text) {
    int end = text.length();
    while (end > 0 && isWhitespace(text.charAt(end - 1))) {
      end--;
    }
    return text.substring(0, end);
  }

  /** Strips any of some characters; null for white space. */
  static String strip(String text, String characters, boolean left, boolean right) {
    if (characters == null) {
      String result = left ? stripLeft(text) : text;
      return right ? stripRight(result) : result;
    }
    int start = 0;
    int end = text.length();
    while (left && start < end && characters.indexOf(text.codePointAt(start)) >= 0) {
      start += Character.charCount(text.codePointAt(start));
    }
    while (right && start < end && characters.indexOf(text.codePointBefore(end)) >= 0) {
      end -= Character.charCount(text.codePointBefore(end));
    }
    return text.substring(start, end);
  }

  static int length(String text) {
    return text.codePointCount(0, text.length());
  }

  static String slice(String text, int from, int to) {
    int start = text.offsetByCodePoints(0, from);
    return text.substring(start, text.offsetByCodePoints(start, to - from));
  }

  static List<String> lines(String text) {
    List<String> lines = new ArrayList<>();
    int start = 0;
    for (int i = 0; i < text.length(); i++) {
      if (isLineBreak(text.charAt(i))) {
        lines.add(text.substring(start, i));
        if (text.startsWith("\r\n", i)) {
          i++;
        }
        start = i + 1;
      }
    }
    if (start < text.length()) {
      lines.add(text.substring(start));
    }
    return lines;
  }

  /** Splits at runs of white space, most times at most; -1 for all. */
  static List<String> split(String text, long most) {
    List<String> parts = new ArrayList<>();
    int start = skip(text, 0, true);
    while (start < text.length()) {
      if (parts.size() == most) {
        parts.add(text.substring(start));
        return parts;
      }
      int end = skip(text, start, false);
      parts.add(text.substring(start, end));
      start = skip(text, end, true);
    }
    return parts;
  }

  private static int skip(String text, int from, boolean whitespace) {
    int end = from;
    while (end < text.length() && isWhitespace(text.charAt(end)) == whitespace) {
      end++;
    }
    return end;
  }

  /** Splits at a separator, most times at most; -1 for all. */
  static List<String> split(String text, String separator, long most) {
    List<String> parts = new ArrayList<>();
    int start = 0;
    int end = text.indexOf(separator);
    while (end >= 0 && parts.size() != most) {
      parts.add(text.substring(start, end));
      start = end + separator.length();
      end = text.indexOf(separator, start);
    }
    parts.add(text.substring(start));
    return parts;
  }

  /** Splits at a separator from the right, most times at most; -1 for all. */
  static List<String> splitRight(String text, String separator, long most) {
    List<String> parts = new ArrayList<>();
    int end = text.length();
    int start = text.lastIndexOf(separator);
    while (start >= 0 && parts.size() != most) {
      parts.addFirst(text.substring(start + separator.length(), end));
      end = start;
      start = text.lastIndexOf(separator, end - separator.length());
    }
    parts.addFirst(text.substring(0, end));
    return parts;
  }
}
