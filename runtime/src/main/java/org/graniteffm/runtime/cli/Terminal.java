package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import picocli.CommandLine.Model.UsageMessageSpec;

/** Which of the standard streams are a person's: the JVM only tells of all of them together. */
final class Terminal {
  private Terminal() {}

  /** Whether standard input is a keyboard. */
  static boolean isInput() {
    return is(0);
  }

  /** Whether standard output is a screen. */
  static boolean isOutput() {
    return is(1);
  }

  /** Whether standard error is a screen. */
  static boolean isError() {
    return is(2);
  }

  /**
   * Whether to write in colour: to a screen that knows colours, unless its user wants none, as <a
   * href="https://no-color.org">no-color.org</a> has it.
   *
   * @param environment gives the value of an environment variable, or null
   */
  static boolean hasColours(UnaryOperator<String> environment) {
    String none = environment.apply("NO_COLOR");
    return isOutput()
        && (none == null || none.isEmpty())
        && !"dumb".equals(environment.apply("TERM"));
  }

  /** The width of the terminal, at least 55, 80 if it is not known. */
  static int columns() {
    return new UsageMessageSpec().autoWidth(true).width();
  }

  private static boolean is(int descriptor) {
    try {
      String target = Files.readSymbolicLink(Path.of("/proc/self/fd/" + descriptor)).toString();
      return target.startsWith("/dev/pts/") || target.startsWith("/dev/tty");
    } catch (IOException e) {
      return false; // not Linux, where plain lines will do
    }
  }
}
