package org.graniteffm.runtime.cli;

import java.io.PrintWriter;
import java.util.Collection;
import java.util.Map;
import org.graniteffm.runtime.Names;

/** Prints what {@link Json} prints, for people: a line for each name, groups indented. */
final class Facts {
  private static final int WIDTH = 26;
  private static final int LINE = 78;
  private static final String BYTES = "_bytes";

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
          boolean bytes = name.endsWith(BYTES);
          out.println(indent + plain(bytes ? withoutBytes(name) : name));
          for (Map.Entry<?, ?> member : group.entrySet()) {
            String key = String.valueOf(member.getKey());
            String shown = show(bytes ? "bytes" : key, member.getValue());
            boolean inBytes = member.getValue() instanceof Long && key.endsWith(BYTES);
            out.println(line(indent + "  ", inBytes ? withoutBytes(key) : key, shown));
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
            printText(out, plain(String.valueOf(element)), indent + "  ");
          }
        }
      } else {
        boolean bytes = value instanceof Long && name.endsWith(BYTES);
        out.println(line(indent, bytes ? withoutBytes(name) : name, show(name, value)));
      }
    }
  }

  /** A size has its unit behind it. */
  private static String withoutBytes(String name) {
    return name.substring(0, name.length() - BYTES.length());
  }

  /** Words, a few to the line; what is longer than a line stays in one piece. */
  private static void printText(PrintWriter out, String text, String indent) {
    StringBuilder line = new StringBuilder(indent);
    for (String word : text.split(" ", -1)) {
      if (line.length() > indent.length() && line.length() + word.length() > LINE) {
        out.println(line.toString().stripTrailing());
        line.setLength(0);
        line.append(indent).append("  ");
      }
      line.append(word).append(' ');
    }
    out.println(line.toString().stripTrailing());
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
