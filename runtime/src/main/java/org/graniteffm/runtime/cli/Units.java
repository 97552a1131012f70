package org.graniteffm.runtime.cli;

import java.math.BigDecimal;
import java.math.MathContext;
import java.util.Locale;

/** Numbers for people. */
final class Units {
  private static final String[] BYTES = {"B", "kB", "MB", "GB", "TB"};

  private Units() {}

  /** Three significant digits, more before the point if need be: 0.123, 12.3, 1235. */
  static String three(double value) {
    if (!Double.isFinite(value)) {
      return "?";
    }
    if (Math.abs(value) >= 999.5) {
      return String.valueOf(Math.round(value));
    }
    BigDecimal rounded = new BigDecimal(value).round(new MathContext(3));
    int magnitude = rounded.precision() - rounded.scale() - 1;
    return rounded.setScale(Math.max(0, 2 - magnitude)).toPlainString();
  }

  /** A time in the unit that suits it. */
  static String time(long nanos) {
    return nanos < 1_000_000_000 ? three(nanos / 1e6) + " ms" : three(nanos / 1e9) + " s";
  }

  /** A size in powers of 1000. */
  static String bytes(long bytes) {
    int unit = 0;
    double value = (double) bytes;
    while (value >= 999.5 && unit + 1 < BYTES.length) {
      value /= 1000;
      unit++;
    }
    return (unit == 0 ? String.format(Locale.ROOT, "%.0f", value) : three(value))
        + " "
        + BYTES[unit];
  }

  /** A count in millions or billions. */
  static String count(long count) {
    if (count < 1_000_000) {
      return String.valueOf(count);
    }
    return count < 1_000_000_000
        ? three(count / 1e6) + " million"
        : three(count / 1e9) + " billion";
  }
}
