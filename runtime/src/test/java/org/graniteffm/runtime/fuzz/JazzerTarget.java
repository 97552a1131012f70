package org.graniteffm.runtime.fuzz;

import java.io.IOException;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * What Jazzer drives, guided by coverage: one target by its name, or all of them, the first byte
 * then choosing one. {@link FuzzTest} starts it.
 */
public final class JazzerTarget {
  private static final List<Target> TARGETS = new ArrayList<>();

  private JazzerTarget() {}

  /** Called once, with the name of a target or {@code all}. */
  public static void fuzzerInitialize(String[] arguments) throws IOException {
    for (String name : Target.NAMES) {
      if (arguments[0].equals(name) || arguments[0].equals("all")) {
        TARGETS.add(Target.of(name, Files.createTempDirectory("fuzz")));
      }
    }
  }

  /** Called with each input. */
  public static void fuzzerTestOneInput(byte[] input) throws IOException {
    if (TARGETS.size() == 1) {
      Target target = TARGETS.getFirst();
      target.accepts(target.file(input));
    } else if (input.length > 0) {
      Target target = TARGETS.get((input[0] & 0xff) % TARGETS.size());
      target.accepts(target.file(Arrays.copyOfRange(input, 1, input.length)));
    }
  }
}
