package org.graniteffm.bindings;

import java.util.List;
import java.util.Locale;

/**
 * An operating system and a processor, by the names that jars of native libraries have for them.
 * The profiles of pom.xml choose the jars by the same names.
 *
 * @param name of our own jars, as os-maven-plugin has it: classifier and resource folder
 * @param openblas the same of OpenBLAS's jars, as JavaCPP has it
 */
record Platform(String name, String openblas) {
  /** Where this JVM runs. */
  static final Platform CURRENT = of(System.getProperty("os.name"), System.getProperty("os.arch"));

  /**
   * Names a platform, also one that there are no jars for.
   *
   * @param os as the system property {@code os.name}
   * @param arch as the system property {@code os.arch}
   */
  static Platform of(String os, String arch) {
    String system = os.toLowerCase(Locale.ROOT).split(" ", 2)[0];
    boolean mac = system.equals("mac");
    return new Platform(
        (mac ? "osx" : system)
            + "-"
            + switch (arch) {
              case "amd64" -> "x86_64";
              case "aarch64" -> "aarch_64";
              default -> arch;
            },
        (mac ? "macosx" : system)
            + "-"
            + switch (arch) {
              case "amd64" -> "x86_64";
              case "aarch64" -> "arm64";
              default -> arch;
            });
  }

  /** The file of OpenBLAS in its jar. */
  String openblasLibrary() {
    return name.startsWith("osx-")
        ? "libopenblas.0.dylib"
        : name.startsWith("windows-") ? "libopenblas.dll" : "libopenblas.so.0";
  }

  /** What that may be linked against and have beside it, each before what needs it. */
  List<String> openblasDependencies() {
    if (name.startsWith("windows-")) {
      return List.of();
    }
    return name.startsWith("osx-")
        ? List.of("libgcc_s.1.1.dylib", "libquadmath.0.dylib", "libgfortran.5.dylib")
        : List.of("libgcc_s.so.1", "libquadmath.so.0", "libgfortran.so.5");
  }
}
