package org.graniteffm.bench.report;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;

/** Text for the page. */
final class Html {
  /** What stands for a value that there is not. */
  static final String NONE = "–";

  private Html() {}

  /** Text that may stand between tags and in quoted attributes. */
  static String escape(String text) {
    StringBuilder escaped = new StringBuilder(text.length());
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      switch (c) {
        case '&' -> escaped.append("&amp;");
        case '<' -> escaped.append("&lt;");
        case '>' -> escaped.append("&gt;");
        case '"' -> escaped.append("&quot;");
        case '\'' -> escaped.append("&#39;");
        default -> escaped.append(c);
      }
    }
    return escaped.toString();
  }

  /** Three digits, which is more than most measurements have. */
  static String three(double value) {
    return Double.isFinite(value)
        ? new BigDecimal(value).round(new MathContext(3)).stripTrailingZeros().toPlainString()
        : NONE;
  }

  /** A duration in the unit that suits it. */
  static String time(double seconds) {
    if (!Double.isFinite(seconds)) {
      return NONE;
    } else if (seconds < 1e-6) {
      return three(seconds * 1e9) + " ns";
    } else if (seconds < 1e-3) {
      return three(seconds * 1e6) + " µs";
    } else if (seconds < 1) {
      return three(seconds * 1e3) + " ms";
    }
    return three(seconds) + " s";
  }

  /** A share in percent. */
  static String percent(double share) {
    return Double.isFinite(share) ? String.format(Locale.ROOT, "%.0f %%", share * 100) : NONE;
  }

  /** A coordinate. */
  static String at(double value) {
    return String.format(Locale.ROOT, "%.1f", value);
  }
}
