package org.graniteffm.runtime.faults;

import java.io.File;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A second JVM with the classes of this one, for what must not happen to this one. */
public final class ForkedJvm {
  private ForkedJvm() {}

  /**
   * A process to be started, in this one's folder.
   *
   * @param options of the JVM
   * @param program its main class and arguments
   * @return not started yet; standard output and error are one
   */
  public static ProcessBuilder of(List<String> options, List<String> program) {
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--enable-native-access=ALL-UNNAMED");
    command.addAll(options);
    command.add("-cp");
    command.add(
        String.join(
            File.pathSeparator,
            Path.of("target", "test-classes").toAbsolutePath().toString(),
            System.getProperty("jdk.module.path", ""),
            System.getProperty("java.class.path")));
    command.addAll(program);
    return new ProcessBuilder(command).redirectErrorStream(true);
  }
}
