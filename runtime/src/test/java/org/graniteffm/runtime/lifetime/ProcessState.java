package org.graniteffm.runtime.lifetime;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.management.JMException;
import javax.management.ObjectName;

/**
 * What this process holds, in the words of Linux and of the JVM's native memory tracking.
 *
 * @param anonymousKib RssAnon
 * @param descriptors open files
 * @param mappings lines of /proc/self/maps
 * @param segments allocations that arenas (and direct buffers) have not freed; -1 if the JVM does
 *     not track native memory
 */
record ProcessState(long anonymousKib, int descriptors, int mappings, long segments) {
  // what Unsafe.allocateMemory allocates, and nothing else, counts as "Other"
  private static final Pattern OTHER =
      Pattern.compile("Other \\(reserved=.*\\n\\s*\\(malloc=\\S+ (?:tag=\\S+ )?#(\\d+)");

  static boolean isKnown() {
    return Files.isReadable(Path.of("/proc/self/maps"));
  }

  static ProcessState now() throws IOException {
    long anonymous = -1;
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith("RssAnon:")) {
        anonymous = Long.parseLong(line.replaceAll("\\D", ""));
      }
    }
    return new ProcessState(anonymous, descriptorCount(), mappingCount(), segmentCount());
  }

  private static int descriptorCount() throws IOException {
    try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
      return (int) open.count();
    }
  }

  private static int mappingCount() throws IOException {
    return Files.readAllLines(Path.of("/proc/self/maps")).size();
  }

  private static long segmentCount() {
    try {
      Object report =
          ManagementFactory.getPlatformMBeanServer()
              .invoke(
                  new ObjectName("com.sun.management:type=DiagnosticCommand"),
                  "vmNativeMemory",
                  new Object[] {new String[] {"summary"}},
                  new String[] {String[].class.getName()});
      Matcher other = OTHER.matcher((String) report);
      return other.find() ? Long.parseLong(other.group(1)) : -1;
    } catch (JMException e) {
      throw new AssertionError(e);
    }
  }

  /**
   * Waits until there is no more than there was, since threads that have ended take a moment to
   * give back theirs. Mappings are those of the JVM too, which come and go.
   */
  void assertNothingIsLeft() throws IOException, InterruptedException {
    ProcessState now = now();
    for (int i = 0; i < 100 && !isAtMost(now); i++) {
      Thread.sleep(50);
      now = now();
    }
    assertTrue(isAtMost(now), "before " + this + ", after " + now);
  }

  private boolean isAtMost(ProcessState now) {
    return now.descriptors <= descriptors
        && now.segments <= segments
        && now.mappings <= mappings + 100;
  }
}
