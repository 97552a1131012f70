package org.graniteffm.runtime.chat.jinja;

import java.math.BigDecimal;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Values as text: Python's {@code str}, {@code repr} and {@code json.dumps}. */
final class Printer {
  private final Budget budget;

  Printer(Budget budget) {
    this.budget = budget;
  }

  /** As <code>{{ value }}</code> shows it. */
  String string(Value value) {
    return switch (value) {
      case Value.Str(String text) -> text;
      case Value.Undefined _ -> "";
      default -> {
        Builder out = new Builder(budget);
        represent(value, out);
        yield out.toString();
      }
    };
  }

  private void represent(Value value, Builder out) {
    budget.enter();
    budget.step();
    switch (value) {
      case Value.None _ -> out.append("None");
      case Value.Bool(boolean b) -> out.append(b ? "True" : "False");
      case Value.Int(long n) -> out.append(Long.toString(n));
      case Value.Real(double n) -> out.append(real(n, "inf", "nan"));
      case Value.Str(String text) -> out.append(quoted(text));
      case Value.Undefined _ -> out.append("Undefined");
      case Value.Seq seq -> {
        out.append(seq.tuple() ? "(" : "[");
        String separator = "";
        for (Value item : seq.items()) {
          out.append(separator);
          represent(item, out);
          separator = ", ";
        }
        out.append(seq.tuple() ? seq.items().size() == 1 ? ",)" : ")" : "]");
      }
      case Value.Dict dict -> {
        out.append("{");
        String separator = "";
        for (Map.Entry<String, Value> entry : dict.entries().entrySet()) {
          out.append(separator).append(quoted(entry.getKey())).append(": ");
          represent(entry.getValue(), out);
          separator = ", ";
        }
        out.append("}");
      }
      case Value.Namespace _, Value.Function _, Value.Macro _, Value.Loop _ ->
          throw new TemplateException("cannot print " + Operators.kind(value));
    }
    budget.leave();
  }

  /** A float in its shortest form that reads back as the same. */
  private static String real(double value, String infinity, String nan) {
    if (!Double.isFinite(value)) {
      return Double.isNaN(value) ? nan : value > 0 ? infinity : "-" + infinity;
    }
    if (value == 0) {
      return 1 / value < 0 ? "-0.0" : "0.0";
    }
    BigDecimal exact = new BigDecimal(Double.toString(Math.abs(value))).stripTrailingZeros();
    String digits = exact.unscaledValue().toString();
    int exponent = digits.length() - exact.scale() - 1; // of the first digit
    String sign = value < 0 ? "-" : "";
    if (exponent < -4 || exponent >= 16) {
      String fraction = digits.length() == 1 ? "" : "." + digits.substring(1);
      return "%s%s%se%s%02d"
          .formatted(
              sign, digits.charAt(0), fraction, exponent < 0 ? "-" : "+", Math.abs(exponent));
    }
    String plain = exact.toPlainString();
    return sign + (plain.contains(".") ? plain : plain + ".0");
  }

  private String quoted(String text) {
    budget.text(text.length());
    char quote = text.contains("'") && !text.contains("\"") ? '"' : '\'';
    StringBuilder out = new StringBuilder().append(quote);
    text.codePoints()
        .forEach(c -> {
          switch (c) {
            case '\\' -> out.append("\\\\");
            case '\n' -> out.append("\\n");
            case '\r' -> out.append("\\r");
            case '\t' -> out.append("\\t");
            default -> {
              if (c == quote) {
                out.append('\\').append(quote);
              } else if (isPrintable(c)) {
                out.appendCodePoint(c);
              } else {
                String form = c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x";
                out.append(form.formatted(c));
              }
            }
          }
        });
    return out.append(quote).toString();
  }

  private static boolean isPrintable(int c) {
    return switch (Character.getType(c)) {
      case Character.CONTROL,
          Character.FORMAT,
          Character.SURROGATE,
          Character.PRIVATE_USE,
          Character.UNASSIGNED,
          Character.LINE_SEPARATOR,
          Character.PARAGRAPH_SEPARATOR ->
          false;
      case Character.SPACE_SEPARATOR -> c == ' ';
      default -> true;
    };
  }

  /** How to write JSON; the indent is null for everything in one line. */
  record JsonStyle(
      boolean ensureAscii, String indent, String comma, String colon, boolean sortKeys) {}

  /** As {@code json.dumps} writes it. */
  String json(Value value, JsonStyle style) {
    Builder out = new Builder(budget);
    json(value, style, "\n", out);
    return out.toString();
  }

  private void json(Value value, JsonStyle style, String newline, Builder out) {
    budget.enter();
    budget.step();
    switch (value) {
      case Value.None _ -> out.append("null");
      case Value.Bool(boolean b) -> out.append(b ? "true" : "false");
      case Value.Int(long n) -> out.append(Long.toString(n));
      case Value.Real(double n) -> out.append(real(n, "Infinity", "NaN"));
      case Value.Str(String text) -> jsonString(text, style, out);
      case Value.Seq seq -> jsonList(seq.items(), style, newline, out);
      case Value.Dict dict -> jsonObject(dict.entries(), style, newline, out);
      case Value.Undefined _, Value.Namespace _, Value.Function _, Value.Macro _, Value.Loop _ ->
          throw new TemplateException("tojson: cannot write " + Operators.kind(value));
    }
    budget.leave();
  }

  private void jsonList(List<Value> items, JsonStyle style, String newline, Builder out) {
    if (items.isEmpty()) {
      out.append("[]");
      return;
    }
    String inner = style.indent() == null ? "" : newline + style.indent();
    out.append("[");
    String separator = inner;
    for (Value item : items) {
      out.append(separator);
      json(item, style, inner, out);
      separator = style.comma() + inner;
    }
    out.append(style.indent() == null ? "]" : newline + "]");
  }

  private void jsonObject(
      Map<String, Value> entries, JsonStyle style, String newline, Builder out) {
    if (entries.isEmpty()) {
      out.append("{}");
      return;
    }
    String inner = style.indent() == null ? "" : newline + style.indent();
    out.append("{");
    Map<String, Value> ordered = style.sortKeys() ? new TreeMap<>(entries) : entries;
    Iterator<Map.Entry<String, Value>> rest = ordered.entrySet().iterator();
    while (rest.hasNext()) {
      Map.Entry<String, Value> entry = rest.next();
      out.append(inner);
      jsonString(entry.getKey(), style, out);
      out.append(style.colon());
      json(entry.getValue(), style, inner, out);
      out.append(rest.hasNext() ? style.comma() : "");
    }
    out.append(style.indent() == null ? "}" : newline + "}");
  }

  private void jsonString(String text, JsonStyle style, Builder out) {
    budget.text(text.length());
    StringBuilder escaped = new StringBuilder(text.length() + 2).append('"');
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '"' -> escaped.append("\\\"");
        case '\\' -> escaped.append("\\\\");
        case '\n' -> escaped.append("\\n");
        case '\r' -> escaped.append("\\r");
        case '\t' -> escaped.append("\\t");
        case '\f' -> escaped.append("\\f");
        case '\b' -> escaped.append("\\b");
        default -> {
          if (c < 0x20 || (style.ensureAscii() && c > 0x7E)) {
            escaped.append("\\u%04x".formatted((int) c));
          } else {
            escaped.append(c);
          }
        }
      }
    }
    out.append(escaped.append('"').toString());
  }
}
