package org.graniteffm.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.graniteffm.bindings.NativeLibraries;

/** JMH's own program, with rates beside times and the facts that results are to be quoted with. */
public final class Main {
  private Main() {}

  /**
   * Runs benchmarks.
   *
   * @param args as JMH takes them; {@code -h} lists them
   * @throws IOException if JMH cannot read or write a file
   */
  public static void main(String[] args) throws IOException {
    String[] all = Arrays.copyOf(args, args.length + 2);
    all[args.length] = "-prof";
    all[args.length + 1] = RateProfiler.class.getName();
    if (Arrays.stream(args).noneMatch(Main::onlyAsks)) {
      System.out.println(facts());
    }
    org.openjdk.jmh.Main.main(all);
  }

  private static boolean onlyAsks(String argument) {
    return switch (argument) {
      case "-h", "-l", "-lp", "-lprof", "-lrf" -> true;
      default -> false;
    };
  }

  private static String facts() {
    return "# Kernels: tier %s, best %s; %s%n# CPU: %s; DRAM means more than %d MiB"
        .formatted(
            NativeLibraries.activeIsa(),
            NativeLibraries.bestIsa(),
            NativeLibraries.kernelsSource(),
            cpu(),
            Residency.dramBytes() >> 20);
  }

  private static String cpu() {
    try (BufferedReader in = Files.newBufferedReader(Path.of("/proc/cpuinfo"))) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        if (line.startsWith("model name")) {
          return line.substring(line.indexOf(':') + 1).strip();
        }
      }
    } catch (IOException e) {
      return "unknown"; // not Linux
    }
    return "unknown";
  }
}
