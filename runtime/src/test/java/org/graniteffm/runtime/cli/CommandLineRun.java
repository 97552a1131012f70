package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/**
 * One run of the program within this JVM.
 *
 * @param exitCode what it returned
 * @param out what it wrote to standard output
 * @param err what it wrote to standard error
 */
record CommandLineRun(int exitCode, String out, String err) {
  static CommandLineRun of(String... args) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int exitCode =
        Main.run(
            args,
            new PrintStream(out, false, StandardCharsets.UTF_8),
            new PrintStream(err, false, StandardCharsets.UTF_8));
    return new CommandLineRun(
        exitCode, out.toString(StandardCharsets.UTF_8), err.toString(StandardCharsets.UTF_8));
  }

  /** Checks that it went well, and returns standard output. */
  String done() {
    assertEquals(Main.DONE, exitCode, err);
    return out;
  }

  /** Checks that it failed with one line that has all these parts. */
  void failed(String... parts) {
    refused(Main.FAILED, parts);
  }

  /** Checks that it was called wrongly, and said so in one line that has all these parts. */
  void misused(String... parts) {
    refused(Main.USAGE, parts);
  }

  private void refused(int expected, String... parts) {
    assertEquals(expected, exitCode, err);
    assertEquals("", out);
    assertEquals(1, err.lines().count(), err);
    assertFalse(err.contains("Exception"), err);
    assertFalse(err.contains("internal error"), err);
    for (String part : parts) {
      assertTrue(err.contains(part), () -> part + " is not in: " + err);
    }
  }
}
