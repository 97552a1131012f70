package org.graniteffm.runtime.safetensors;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Finds what should have been closed. */
public final class OpenFiles {
  private OpenFiles() {}

  /** What this process has open or mapped below a folder; Linux only. */
  public static List<String> below(Path folder) throws IOException {
    String prefix = folder.toRealPath().toString();
    List<String> held = new ArrayList<>();
    for (String line : Files.readAllLines(Path.of("/proc/self/maps"))) {
      if (line.contains(prefix)) {
        held.add(line);
      }
    }
    try (DirectoryStream<Path> descriptors = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path descriptor : descriptors) {
        if (Files.isSymbolicLink(descriptor) && target(descriptor).startsWith(prefix)) {
          held.add(target(descriptor));
        }
      }
    }
    return held;
  }

  private static String target(Path descriptor) {
    try {
      return Files.readSymbolicLink(descriptor).toString();
    } catch (IOException e) {
      return ""; // closed meanwhile: the listing's own
    }
  }
}
