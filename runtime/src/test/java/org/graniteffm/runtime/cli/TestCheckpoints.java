package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.graniteffm.runtime.demo.DemoModel;

/** Copies of the demo model, to be damaged. */
final class TestCheckpoints {
  private TestCheckpoints() {}

  static Path copy(Path folder) throws IOException {
    Files.createDirectories(folder);
    try (DirectoryStream<Path> files =
        Files.newDirectoryStream(DemoModel.directory(), "*.{json,safetensors}")) {
      for (Path file : files) {
        Files.copy(file, folder.resolve(file.getFileName().toString()));
      }
    }
    return folder;
  }

  static Path without(Path folder, String file) throws IOException {
    copy(folder);
    Files.delete(folder.resolve(file));
    return folder;
  }

  static Path replacing(Path folder, String file, String from, String to) throws IOException {
    copy(folder);
    String text = Files.readString(folder.resolve(file), StandardCharsets.UTF_8);
    if (!text.contains(from)) {
      throw new AssertionError(from + " is not in " + file);
    }
    Files.writeString(folder.resolve(file), text.replace(from, to));
    return folder;
  }

  static Path truncated(Path folder, long bytes) throws IOException {
    copy(folder);
    try (RandomAccessFile file =
        new RandomAccessFile(folder.resolve("model.safetensors").toFile(), "rw")) {
      file.setLength(bytes);
    }
    return folder;
  }
}
