package org.graniteffm.runtime.chat.jinja;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.graniteffm.runtime.chat.jinja.Token.Kind;

/**
 * Cuts a template into tokens, and white space as Jinja does with {@code trim_blocks} (the newline
 * behind a block goes) and {@code lstrip_blocks} (blanks before a block that begins a line go).
 */
final class Lexer {
  /** Longest first where one begins with another. */
  private static final List<String> OPERATORS =
      List.of(
          "==", "!=", ">=", "<=", "//", "**", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{",
          "}", ">", "<", "=", ".", ":", "|", ",", ";");

  private final String source;
  private final List<Token> tokens = new ArrayList<>();
  private int at;
  private int line = 1;

  private Lexer(String source) {
    this.source = source;
  }

  static List<Token> tokens(String template) {
    String source = Text.normalizeNewlines(template);
    // one newline at the end is the file's, not the template's
    Lexer lexer =
        new Lexer(source.endsWith("\n") ? source.substring(0, source.length() - 1) : source);
    try {
      lexer.run();
    } catch (TemplateException e) {
      throw new TemplateException(e.kind(), "line " + lexer.line + ": " + e.getMessage());
    }
    return lexer.tokens;
  }

  private void run() {
    while (at < source.length()) {
      int begin = nextTag();
      data(begin);
      if (begin == source.length()) {
        break;
      }
      char kind = source.charAt(begin + 1);
      advance(begin + 2);
      if (at < source.length() && (source.charAt(at) == '-' || source.charAt(at) == '+')) {
        at++;
      }
      switch (kind) {
        case '#' -> comment();
        case '%' -> {
          if (!raw()) {
            inside(Kind.BLOCK_BEGIN, Kind.BLOCK_END, "%}");
          }
        }
        default -> inside(Kind.OUTPUT_BEGIN, Kind.OUTPUT_END, "}}");
      }
    }
    add(Kind.END, "");
  }

  /** Where the next tag begins, or the end. */
  private int nextTag() {
    for (int i = source.indexOf('{', at); i >= 0; i = source.indexOf('{', i + 1)) {
      if (i + 1 < source.length() && "%{#".indexOf(source.charAt(i + 1)) >= 0) {
        return i;
      }
    }
    return source.length();
  }

  /** The text up to a tag, without the white space that the tag takes. */
  private void data(int tag) {
    String text = source.substring(at, tag);
    if (tag < source.length()) {
      text = strip(text, tag);
    }
    if (!text.isEmpty()) {
      add(Kind.DATA, text);
    }
    advance(tag);
  }

  private String strip(String text, int tag) {
    char sign = tag + 2 < source.length() ? source.charAt(tag + 2) : ' ';
    if (sign == '-') {
      return Text.stripRight(text);
    }
    if (sign == '+' || source.charAt(tag + 1) == '{') {
      return text;
    }
    int lineStart = text.lastIndexOf('\n') + 1;
    boolean beginsLine = lineStart > 0 || at == 0 || source.charAt(at - 1) == '\n';
    boolean blank = Text.strip(text.substring(lineStart)).isEmpty();
    return beginsLine && blank ? text.substring(0, lineStart) : text;
  }

  private void comment() {
    int end = source.indexOf("#}", at);
    if (end < 0) {
      throw new TemplateException("a comment does not end");
    }
    boolean plus = end > at && source.charAt(end - 1) == '+';
    boolean minus = end > at && source.charAt(end - 1) == '-';
    advance(end + 2);
    afterTag(minus, plus);
  }

  /** White space that the tag just read takes from what follows. */
  private void afterTag(boolean minus, boolean plus) {
    int end = at;
    if (minus) {
      while (end < source.length() && Text.isWhitespace(source.charAt(end))) {
        end++;
      }
    } else if (!plus && end < source.length() && source.charAt(end) == '\n') {
      end++;
    }
    advance(end);
  }

  /** Text between {@code raw} and {@code endraw}, if that is what begins here. */
  private boolean raw() {
    int name = skipBlanks(at);
    if (!source.startsWith("raw", name)) {
      return false;
    }
    int end = skipBlanks(name + 3);
    boolean minus = source.startsWith("-%}", end);
    if (!minus && !source.startsWith("%}", end)) {
      return false;
    }
    advance(end + (minus ? 3 : 2));
    afterTag(minus, true); // a newline behind raw is part of the text
    for (int tag = source.indexOf("{%", at); tag >= 0; tag = source.indexOf("{%", tag + 1)) {
      int close = endOfEndraw(tag);
      if (close >= 0) {
        data(tag);
        advance(close);
        char sign = source.charAt(close - 3);
        afterTag(sign == '-', sign == '+');
        return true;
      }
    }
    throw new TemplateException("raw does not end");
  }

  /** The index behind an {@code endraw} tag, or -1 if there is none. */
  private int endOfEndraw(int tag) {
    int i = tag + 2;
    if (i < source.length() && (source.charAt(i) == '-' || source.charAt(i) == '+')) {
      i++;
    }
    i = skipBlanks(i);
    if (!source.startsWith("endraw", i)) {
      return -1;
    }
    i = skipBlanks(i + 6);
    if (i < source.length() && (source.charAt(i) == '-' || source.charAt(i) == '+')) {
      i++;
    }
    return source.startsWith("%}", i) ? i + 2 : -1;
  }

  private int skipBlanks(int from) {
    int i = from;
    while (i < source.length() && Text.isWhitespace(source.charAt(i))) {
      i++;
    }
    return i;
  }

  /** The tokens of a block or an output, up to its end. */
  private void inside(Kind begin, Kind end, String close) {
    add(begin, close.equals("%}") ? "{%" : "{{");
    boolean block = end == Kind.BLOCK_END;
    Deque<Character> open = new ArrayDeque<>();
    while (true) {
      advance(skipBlanks(at));
      if (at >= source.length()) {
        throw new TemplateException("a tag does not end: expected " + close);
      }
      char c = source.charAt(at);
      if (open.isEmpty()) {
        boolean minus = c == '-' && source.startsWith(close, at + 1);
        boolean plus = block && c == '+' && source.startsWith(close, at + 1);
        if (minus || plus || source.startsWith(close, at)) {
          add(end, close);
          advance(at + (minus || plus ? 3 : 2));
          afterTag(minus, plus || !block);
          return;
        }
      }
      if (c == '\'' || c == '"') {
        string(c);
      } else if (c >= '0' && c <= '9') {
        number();
      } else if (c == '_' || Character.isLetter(c)) {
        name();
      } else {
        operator(open);
      }
    }
  }

  private void name() {
    int end = at;
    while (end < source.length()
        && (source.charAt(end) == '_' || Character.isLetterOrDigit(source.charAt(end)))) {
      end++;
    }
    add(Kind.NAME, source.substring(at, end));
    at = end;
  }

  private void number() {
    int end = digits(at);
    boolean real = false;
    boolean afterDot = at > 0 && source.charAt(at - 1) == '.';
    if (!afterDot && end + 1 < source.length() && source.charAt(end) == '.') {
      int fraction = digits(end + 1);
      real = fraction > end + 1;
      end = real ? fraction : end;
    }
    if (!afterDot && end < source.length() && (source.charAt(end) | 0x20) == 'e') {
      int sign = end + 1;
      if (sign < source.length() && (source.charAt(sign) == '+' || source.charAt(sign) == '-')) {
        sign++;
      }
      int exponent = digits(sign);
      real |= exponent > sign;
      end = exponent > sign ? exponent : end;
    }
    if (end < source.length()
        && (source.charAt(end) == '_' || Character.isLetterOrDigit(source.charAt(end)))) {
      throw TemplateException.unsupported("a number in a form other than 12, 1.5 or 1e3");
    }
    add(real ? Kind.FLOAT : Kind.INTEGER, source.substring(at, end));
    at = end;
  }

  private int digits(int from) {
    int end = from;
    while (end < source.length() && source.charAt(end) >= '0' && source.charAt(end) <= '9') {
      end++;
    }
    return end;
  }

  private void operator(Deque<Character> open) {
    for (String operator : OPERATORS) {
      if (source.startsWith(operator, at)) {
        char c = operator.charAt(0);
        if ("([{".indexOf(c) >= 0) {
          open.push(c);
        } else if (")]}".indexOf(c) >= 0) {
          char expected = c == ')' ? '(' : c == ']' ? '[' : '{';
          if (open.isEmpty() || open.pop() != expected) {
            throw new TemplateException("unexpected '" + c + "'");
          }
        }
        add(Kind.OPERATOR, operator);
        at += operator.length();
        return;
      }
    }
    throw new TemplateException("unexpected character U+%04X".formatted(source.codePointAt(at)));
  }

  private void string(char quote) {
    StringBuilder text = new StringBuilder();
    int first = line;
    int i = at + 1;
    while (i < source.length() && source.charAt(i) != quote) {
      char c = source.charAt(i++);
      if (c == '\\' && i < source.length()) {
        i = escape(i, text);
      } else {
        text.append(c);
      }
    }
    if (i >= source.length()) {
      throw new TemplateException("a string does not end");
    }
    advance(i + 1);
    tokens.add(new Token(Kind.STRING, text.toString(), first));
  }

  /** Appends what an escape stands for in Python, and returns the index behind it. */
  private int escape(int i, StringBuilder text) {
    char c = source.charAt(i);
    switch (c) {
      case '\n' -> {} // the string goes on in the next line
      case '\\', '\'', '"' -> text.append(c);
      case 'a' -> text.append('\u0007');
      case 'b' -> text.append('\b');
      case 'f' -> text.append('\f');
      case 'n' -> text.append('\n');
      case 'r' -> text.append('\r');
      case 't' -> text.append('\t');
      case 'v' -> text.append('\u000b');
      case 'x' -> {
        return codePoint(i + 1, 2, 16, text);
      }
      case 'u' -> {
        return codePoint(i + 1, 4, 16, text);
      }
      case 'U' -> {
        return codePoint(i + 1, 8, 16, text);
      }
      case '0', '1', '2', '3', '4', '5', '6', '7' -> {
        int digits = 1;
        while (digits < 3
            && i + digits < source.length()
            && Character.digit(source.charAt(i + digits), 8) >= 0) {
          digits++;
        }
        return codePoint(i, digits, 8, text);
      }
      case 'N' -> throw TemplateException.unsupported("a character by its name, \\N");
      default -> text.append('\\').append(c);
    }
    return i + 1;
  }

  private int codePoint(int from, int digits, int radix, StringBuilder text) {
    int value = 0;
    for (int i = from; i < from + digits; i++) {
      int digit = i < source.length() ? Character.digit(source.charAt(i), radix) : -1;
      if (digit < 0 || value > Character.MAX_CODE_POINT) {
        throw new TemplateException("a malformed escape in a string");
      }
      value = value * radix + digit;
    }
    if (!Character.isValidCodePoint(value)
        || (value >= Character.MIN_SURROGATE && value <= Character.MAX_SURROGATE)) {
      throw new TemplateException("an escape in a string that is no character");
    }
    text.appendCodePoint(value);
    return from + digits;
  }

  private void add(Kind kind, String text) {
    tokens.add(new Token(kind, text, line));
  }

  private void advance(int to) {
    for (int i = at; i < to; i++) {
      if (source.charAt(i) == '\n') {
        line++;
      }
    }
    at = to;
  }
}
