package org.graniteffm.runtime.cli;

import java.io.PrintWriter;
import java.util.Collection;
import java.util.Map;
import org.graniteffm.runtime.Names;

/** Prints what {@link Json} prints, for people: a line for each name, groups indented. */
final class Facts {
  private static final int WIDTH = 26;

  private Facts() {}

  static void print(PrintWriter out, Map<?, ?> facts) {
    print(out, facts, "");
  }

  private static void print(PrintWriter out, Map<?, ?> facts, String indent) {
    for (Map.Entry<?, ?> fact : facts.entrySet()) {
      String name = String.valueOf(fact.getKey());
      Object value = fact.getValue();
      if (value instanceof Map<?, ?> group) {
        if (!group.isEmpty()) {
          out.println(indent + plain(name));
          boolean bytes = name.endsWith("bytes");
          for (Map.Entry<?, ?> member : group.entrySet()) {
            String key = String.valueOf(member.getKey());
            String shown = show(bytes ? "bytes" : key, member.getValue());
            out.println(line(indent + "  ", key, shown));
          }
        }
      } else if (value instanceof Collection<?> list) {
        out.println(indent + plain(name));
        for (Object element : list) {
          if (element instanceof Map<?, ?> map && map.containsKey("name")) {
            out.println(
                line(
                    indent + "  ",
                    String.valueOf(map.get("name")),
                    show("bytes", map.get("bytes"))));
          } else {
            out.println(indent + "  " + plain(String.valueOf(element)));
          }
        }
      } else {
        out.println(line(indent, name, show(name, value)));
      }
    }
  }

  private static String line(String indent, String name, String value) {
    StringBuilder line = new StringBuilder(indent).append(plain(name));
    do {
      line.append(' ');
    } while (line.length() < WIDTH);
    return line.append(value).toString();
  }

  private static String show(String name, Object value) {
    return switch (value) {
      case Long bytes when name.endsWith("bytes") -> Units.bytes(bytes);
      case Long count when count >= 1_000_000 -> count + " (" + Units.count(count) + ")";
      case Double number ->
          number == Math.rint(number) ? String.valueOf(Math.round(number)) : String.valueOf(number);
      case Boolean b -> b ? "yes" : "no";
      case null -> "none";
      default -> plain(value.toString());
    };
  }

  /** Names and texts of files may hold anything. */
  private static String plain(String text) {
    String quoted = Names.quote(text);
    String inner = quoted.substring(1, quoted.length() - 1);
    return inner.equals(text) ? text : quoted;
  }
}
