package org.graniteffm.runtime.cli;

import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Collectors;
import picocli.CommandLine;

/** Lets tests of other packages see the examples in the help of the commands. */
public final class CommandHelp {
  private CommandHelp() {}

  /** By command, what is indented below "Examples:". */
  public static Map<String, String> examples() {
    Map<String, String> examples = new TreeMap<>();
    for (Map.Entry<String, CommandLine> command : Main.allCommands().getSubcommands().entrySet()) {
      String[] footer = command.getValue().getCommandSpec().usageMessage().footer();
      examples.put(
          command.getKey(),
          String.join("\n", footer)
              .lines()
              .dropWhile(line -> !line.equals("Examples:"))
              .skip(1)
              .takeWhile(line -> line.startsWith("  "))
              .map(line -> line.substring(2))
              .collect(Collectors.joining("\n")));
    }
    return examples;
  }
}
