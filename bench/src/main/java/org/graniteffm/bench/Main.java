package org.graniteffm.bench;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.graniteffm.bindings.NativeLibraries;

/**
 * JMH's own program, with rates beside times, all tiers that this CPU has, and the facts that
 * results are to be quoted with.
 */
public final class Main {
  private Main() {}

  /**
   * Runs benchmarks.
   *
   * @param args as JMH takes them; {@code -h} lists them
   * @throws IOException if JMH cannot read or write a file
   */
  public static void main(String[] args) throws IOException {
    List<String> all = new ArrayList<>(Arrays.asList(args));
    if (all.stream().noneMatch(Main::onlyAsks)) {
      all.addAll(List.of("-prof", RateProfiler.class.getName()));
      if (all.stream().noneMatch(argument -> argument.startsWith("tier="))) {
        all.addAll(List.of("-p", "tier=" + String.join(",", NativeLibraries.availableIsas())));
      }
      Facts.ofThisMachine()
          .forEach((name, value) -> System.out.println("# " + name + ": " + value));
    }
    org.openjdk.jmh.Main.main(all.toArray(String[]::new));
  }

  private static boolean onlyAsks(String argument) {
    return switch (argument) {
      case "-h", "-l", "-lp", "-lprof", "-lrf" -> true;
      default -> false;
    };
  }
}
