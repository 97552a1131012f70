package org.graniteffm.runtime.chat.jinja;

import java.time.ZonedDateTime;
import java.time.format.DateTimeFormatter;
import java.util.Locale;
import java.util.Map;
import org.graniteffm.runtime.Names;

/** Dates by Python's {@code strftime}, in the locale "C", without a zone. */
final class Strftime {
  // patterns of java.time for Python's directives
  private static final Map<Character, String> PATTERNS =
      Map.ofEntries(
          Map.entry('a', "EEE"),
          Map.entry('A', "EEEE"),
          Map.entry('b', "MMM"),
          Map.entry('B', "MMMM"),
          Map.entry('c', "EEE MMM ppd HH:mm:ss yyyy"),
          Map.entry('d', "dd"),
          Map.entry('D', "MM/dd/yy"),
          Map.entry('e', "ppd"),
          Map.entry('f', "SSSSSS"),
          Map.entry('F', "yyyy-MM-dd"),
          Map.entry('h', "MMM"),
          Map.entry('H', "HH"),
          Map.entry('I', "hh"),
          Map.entry('j', "DDD"),
          Map.entry('m', "MM"),
          Map.entry('M', "mm"),
          Map.entry('p', "a"),
          Map.entry('R', "HH:mm"),
          Map.entry('S', "ss"),
          Map.entry('T', "HH:mm:ss"),
          Map.entry('x', "MM/dd/yy"),
          Map.entry('X', "HH:mm:ss"),
          Map.entry('y', "yy"),
          Map.entry('Y', "yyyy"));

  // the same without the zero in front, as glibc writes for %-d
  private static final Map<Character, String> UNPADDED =
      Map.of('d', "d", 'm', "M", 'H', "H", 'I', "h", 'M', "m", 'S', "s", 'j', "D", 'e', "d");

  private static final Map<Character, String> CONSTANTS =
      Map.of('%', "%", 'n', "\n", 't', "\t", 'z', "", 'Z', "");

  private Strftime() {}

  static String format(String format, ZonedDateTime time, Budget budget) {
    Builder out = new Builder(budget);
    int i = 0;
    while (i < format.length()) {
      char c = format.charAt(i++);
      if (c != '%') {
        out.append(String.valueOf(c));
        continue;
      }
      boolean unpadded = i < format.length() && format.charAt(i) == '-';
      i += unpadded ? 1 : 0;
      char directive = i < format.length() ? format.charAt(i++) : 0;
      String pattern = (unpadded ? UNPADDED : PATTERNS).get(directive);
      if (pattern != null) {
        out.append(DateTimeFormatter.ofPattern(pattern, Locale.ENGLISH).format(time));
      } else if (!unpadded && CONSTANTS.containsKey(directive)) {
        out.append(CONSTANTS.get(directive));
      } else {
        throw TemplateException.unsupported(
            "strftime_now: a directive in " + Names.quote(format) + " is not supported");
      }
    }
    return out.toString();
  }
}
