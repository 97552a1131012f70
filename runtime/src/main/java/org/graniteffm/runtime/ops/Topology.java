package org.graniteffm.runtime.ops;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.Set;

/** What processors this process may use. */
public final class Topology {
  private static final Path CPUS = Path.of("/sys/devices/system/cpu");

  private Topology() {}

  /**
   * Physical cores within the process's affinity and cgroup quota. Two hardware threads of one core
   * share the units that kernels keep busy, so a second one gains nothing.
   *
   * @return at least 1
   */
  public static int usableCores() {
    int processors = Runtime.getRuntime().availableProcessors(); // affinity and quota are in here
    int cores = physicalCores();
    return Math.max(1, cores == 0 ? processors : Math.min(processors, cores));
  }

  /**
   * Physical cores among the processors this process may run on.
   *
   * @return 0 where the system does not tell
   */
  public static int physicalCores() {
    try {
      Set<String> siblings = new HashSet<>();
      for (int cpu : allowedProcessors()) {
        Path list = CPUS.resolve("cpu" + cpu).resolve("topology/thread_siblings_list");
        siblings.add(Files.readString(list).strip());
      }
      return siblings.size();
    } catch (IOException | NumberFormatException e) {
      return 0;
    }
  }

  /** The processors in this process's affinity mask, from Cpus_allowed_list such as "0-3,8". */
  private static Set<Integer> allowedProcessors() throws IOException {
    Set<Integer> allowed = new HashSet<>();
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("Cpus_allowed_list:")) {
        for (String range : line.substring(line.indexOf(':') + 1).strip().split(",", -1)) {
          String[] ends = range.split("-", -1);
          int last = Integer.parseInt(ends[ends.length - 1]);
          for (int cpu = Integer.parseInt(ends[0]); cpu <= last; cpu++) {
            allowed.add(cpu);
          }
        }
      }
    }
    return allowed;
  }
}
