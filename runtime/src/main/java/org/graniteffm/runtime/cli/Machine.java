package org.graniteffm.runtime.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * What the system tells of itself and of this process. Linux tells most of it; elsewhere the
 * answers are empty.
 */
final class Machine {
  private static final Path CPUINFO = Path.of("/proc/cpuinfo");
  private static final Path STATUS = Path.of("/proc/self/status");
  private static final Path MEMINFO = Path.of("/proc/meminfo");
  private static final Path CGROUP_CPU = Path.of("/sys/fs/cgroup/cpu.max");
  private static final Path CGROUP_MEMORY = Path.of("/sys/fs/cgroup/memory.max");
  private static final Path HUGE_PAGES = Path.of("/sys/kernel/mm/transparent_hugepage/enabled");
  private static final Path LOAD = Path.of("/proc/loadavg");

  private Machine() {}

  /** The CPU's name. */
  static Optional<String> cpu() {
    return field(CPUINFO, "model name");
  }

  /** The CPU's features as the kernel names them; empty if unknown. */
  static List<String> cpuFlags() {
    return field(CPUINFO, "flags")
        .or(() -> field(CPUINFO, "Features"))
        .map(flags -> Arrays.asList(flags.split(" ", -1)))
        .orElse(List.of());
  }

  /** Processors in this process's affinity mask, such as "0-3,8". */
  static Optional<String> affinity() {
    return field(STATUS, "Cpus_allowed_list");
  }

  /** Anonymous memory of this process that is resident, in bytes: all but mapped files. */
  static OptionalLong residentAnonymousBytes() {
    return kibibytes(STATUS, "RssAnon");
  }

  /** Memory that could be had without swapping, in bytes. */
  static OptionalLong availableBytes() {
    OptionalLong available = kibibytes(MEMINFO, "MemAvailable");
    Optional<String> limit = text(CGROUP_MEMORY);
    if (available.isPresent() && limit.isPresent() && limit.get().matches("\\d{1,18}")) {
      return OptionalLong.of(Math.min(available.getAsLong(), Long.parseLong(limit.get())));
    }
    return available;
  }

  /** All memory, in bytes. */
  static OptionalLong totalBytes() {
    return kibibytes(MEMINFO, "MemTotal");
  }

  /** How many processors' time the control group may use; empty for no limit. */
  static OptionalDouble quota() {
    String[] parts = text(CGROUP_CPU).orElse("").split(" ", -1);
    if (parts.length == 2 && parts[0].matches("\\d{1,18}") && parts[1].matches("\\d{1,18}")) {
      return OptionalDouble.of(Double.parseDouble(parts[0]) / Double.parseDouble(parts[1]));
    }
    return OptionalDouble.empty();
  }

  /** When the kernel backs memory with huge pages: always, madvise or never. */
  static Optional<String> hugePages() {
    String modes = text(HUGE_PAGES).orElse("");
    int from = modes.indexOf('[');
    int to = modes.indexOf(']', from + 1);
    return from >= 0 && to > from ? Optional.of(modes.substring(from + 1, to)) : Optional.empty();
  }

  /** Programs that wanted to run at once, on average over the last minute. */
  static OptionalDouble load() {
    try {
      String[] parts = text(LOAD).orElse("").split(" ", -1);
      return OptionalDouble.of(Double.parseDouble(parts[0]));
    } catch (NumberFormatException e) {
      return OptionalDouble.empty();
    }
  }

  private static OptionalLong kibibytes(Path file, String name) {
    Optional<String> value = field(file, name).map(v -> v.replace("kB", "").strip());
    return value.isPresent() && value.get().matches("\\d{1,15}")
        ? OptionalLong.of(Long.parseLong(value.get()) << 10)
        : OptionalLong.empty();
  }

  /** The first "name : value" in a file; read no further, for cpuinfo is long. */
  private static Optional<String> field(Path file, String name) {
    try (BufferedReader in = Files.newBufferedReader(file)) {
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        int colon = line.indexOf(':');
        if (colon > 0 && line.substring(0, colon).strip().equals(name)) {
          return Optional.of(line.substring(colon + 1).strip());
        }
      }
    } catch (IOException e) {
      return Optional.empty(); // not Linux, or hidden from us
    }
    return Optional.empty();
  }

  private static Optional<String> text(Path file) {
    try {
      return Optional.of(Files.readString(file).strip());
    } catch (IOException e) {
      return Optional.empty();
    }
  }
}
