package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Which of the standard streams are a person's: the JVM only tells of all of them together. */
final class Terminal {
  private Terminal() {}

  /** Whether standard input is a keyboard. */
  static boolean isInput() {
    return is(0);
  }

  /** Whether standard error is a screen. */
  static boolean isError() {
    return is(2);
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
