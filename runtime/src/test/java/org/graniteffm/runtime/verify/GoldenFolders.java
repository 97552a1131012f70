package org.graniteffm.runtime.verify;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/** Where the reference cases lie. */
public final class GoldenFolders {
  private static final Path MODULE = Path.of(System.getProperty("basedir", "")).toAbsolutePath();

  private GoldenFolders() {}

  /** Those that are part of the sources. */
  public static Path bundled() {
    return MODULE.resolve("src/test/resources/golden");
  }

  /** The whole set, if it lies beside the repository. */
  public static Path all() {
    return MODULE.resolve("../../shared/golden/cases").normalize();
  }

  /** Copies a bundled case, to be damaged. */
  public static Path copy(String name, Path to) throws IOException {
    Path copy = Files.createDirectories(to.resolve(name));
    try (Stream<Path> files = Files.list(bundled().resolve(name))) {
      for (Path file : files.toList()) {
        Files.copy(file, copy.resolve(file.getFileName().toString()));
      }
    }
    return copy;
  }
}
