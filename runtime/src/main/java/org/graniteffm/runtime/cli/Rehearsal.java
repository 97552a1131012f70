package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.util.List;
import org.graniteffm.runtime.demo.DemoModel;

/**
 * What most calls of the program do, with the demo model, for the JVM to remember: the launcher has
 * it write an ahead-of-time cache of the classes that this loads.
 */
final class Rehearsal {
  private Rehearsal() {}

  /**
   * Runs it; what it prints is nothing to read.
   *
   * @param args not used
   * @throws IOException if there is no demo model
   */
  public static void main(String[] args) throws IOException {
    int exitCode = Main.DONE;
    for (List<String> command : commands()) {
      exitCode = Math.max(exitCode, Main.runOnStandardStreams(command.toArray(String[]::new)));
    }
    System.exit(exitCode);
  }

  static List<List<String>> commands() throws IOException {
    String model = DemoModel.directory().toString();
    return List.of(
        List.of("run", "--max-new-tokens", "16", "Once upon a time"),
        List.of("generate", model, "--ids", "310,420,530", "--max-new-tokens", "2"),
        List.of("generate", model, "--prompt", "Once", "--max-new-tokens", "2", "--json"));
  }
}
