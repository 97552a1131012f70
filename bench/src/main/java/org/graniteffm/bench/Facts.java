package org.graniteffm.bench;

import java.io.BufferedReader;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.OperatingSystemMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.runtime.ops.Workers;

/** What results are to be quoted with. */
final class Facts {
  private static final String COMMIT_PROPERTY = "granite.bench.commit";
  private static final String LOAD_PROPERTY = "granite.bench.load"; // before the build, say

  private Facts() {}

  /** Names and values, in the order to show them in. */
  static Map<String, String> ofThisMachine() {
    Map<String, String> facts = new LinkedHashMap<>();
    facts.put("cpu", cpu());
    facts.put("tiers", String.join(", ", NativeLibraries.availableIsas()));
    facts.put("threads", "kernels 1, models " + Workers.shared().size());
    facts.put("jdk", Runtime.version().toString());
    facts.put("os", System.getProperty("os.name") + " " + System.getProperty("os.version"));
    String openblas = NativeLibraries.openblasConfig().replaceFirst("^(OpenBLAS \\S+).*", "$1");
    facts.put("openblas", openblas + ", " + NativeLibraries.openblasCore());
    facts.put("commit", System.getProperty(COMMIT_PROPERTY, "unknown"));
    facts.put("load", load());
    facts.put("dram", "a walk over more than " + (Residency.dramBytes() >> 20) + " MiB");
    return facts;
  }

  /** What others did here before: measurements want a quiet machine. */
  private static String load() {
    OperatingSystemMXBean system = ManagementFactory.getOperatingSystemMXBean();
    double now = system.getSystemLoadAverage();
    String threads = now < 0 ? "unknown" : String.format(Locale.ROOT, "%.2f", now);
    return System.getProperty(LOAD_PROPERTY, threads)
        + " on "
        + system.getAvailableProcessors()
        + " processors";
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
