package org.graniteffm.bindings;

import java.net.URI;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** A second JVM with the classes of this one, for what must not happen to this one. */
final class ForkedJvm {
  private ForkedJvm() {}

  /**
   * A process to be started, in this one's folder.
   *
   * @param program its main class
   * @param classPath what to add to the bindings and their tests
   * @param options of the JVM
   * @param arguments of the program
   * @return not started yet; standard output and error are one
   */
  static ProcessBuilder of(
      Class<?> program, List<String> classPath, List<String> options, List<String> arguments) {
    List<String> path = new ArrayList<>();
    path.add(location(NativeLibraries.class));
    path.add(location(program));
    path.addAll(classPath);
    List<String> command = new ArrayList<>();
    command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
    command.add("--enable-native-access=ALL-UNNAMED");
    String file = System.getProperty("granite.library.path");
    if (file != null) {
      command.add("-Dgranite.library.path=" + file);
    }
    command.addAll(options);
    command.add("-cp");
    command.add(String.join(System.getProperty("path.separator"), path));
    command.add(program.getName());
    command.addAll(arguments);
    return new ProcessBuilder(command).redirectErrorStream(true);
  }

  /** The jars of the native libraries. */
  static List<String> nativeJars() {
    List<String> jars = new ArrayList<>();
    jars.add(location("META-INF/native/" + Platform.CURRENT.name() + "/"));
    jars.add(location("org/bytedeco/openblas/" + Platform.CURRENT.openblas() + "/"));
    return jars;
  }

  /** The jar or folder that holds a class. */
  static String location(Class<?> type) {
    try {
      return Path.of(type.getProtectionDomain().getCodeSource().getLocation().toURI()).toString();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }

  /** The jar or folder that holds a resource. */
  private static String location(String resource) {
    URL url = NativeLibraries.class.getClassLoader().getResource(resource);
    String location = url.toString().replace("jar:", "").replace("!", "");
    location = location.substring(0, location.length() - resource.length());
    return Path.of(URI.create(location)).toString();
  }
}
