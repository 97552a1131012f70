package org.graniteffm.bindings;

import java.util.List;

/**
 * An instruction set tier was asked for that does not exist or that this CPU lacks.
 *
 * <p>The message is one line that holds who asked, the value, the tiers there are and the best tier
 * of this CPU.
 */
public final class UnsupportedIsaException extends IllegalArgumentException {
  private static final long serialVersionUID = 1;

  UnsupportedIsaException(String source, String value, List<String> tiers, String best) {
    super(
        "%s: \"%s\" is not available: the tiers are %s, and the best of this CPU is %s"
            .formatted(source, oneLine(value), String.join(", ", tiers), best));
  }

  private static String oneLine(String value) {
    String printable = value.replaceAll("\\p{Cntrl}", "?");
    return printable.length() <= 200 ? printable : printable.substring(0, 200) + "…";
  }
}
