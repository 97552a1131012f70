package org.graniteffm.runtime.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Files made by hand, so that reader and writer are not each other's only witness. */
final class TestFiles {
  private TestFiles() {}

  /** Length prefix, header, data bytes 0, 1, 2, … */
  static byte[] bytes(String header, int dataSize) {
    byte[] data = new byte[dataSize];
    for (int i = 0; i < dataSize; i++) {
      data[i] = (byte) i;
    }
    return bytes(header.getBytes(StandardCharsets.UTF_8), data);
  }

  static byte[] bytes(byte[] header, byte[] data) {
    return ByteBuffer.allocate(Long.BYTES + header.length + data.length)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(header.length)
        .put(header)
        .put(data)
        .array();
  }

  static Path write(Path file, String header, int dataSize) throws IOException {
    return Files.write(file, bytes(header, dataSize));
  }

  /** One tensor of bytes. */
  static Path writeBytes(Path file, String name, int size) throws IOException {
    return write(file, "{" + entry(name, "U8", "[" + size + "]", 0, size) + "}", size);
  }

  static String entry(String name, String dtype, String shape, long begin, long end) {
    return "\"%s\":{\"dtype\":\"%s\",\"shape\":%s,\"data_offsets\":[%d,%d]}"
        .formatted(name, dtype, shape, begin, end);
  }

  static Path pipe(Path file) throws IOException, InterruptedException {
    assertEquals(0, new ProcessBuilder("mkfifo", file.toString()).inheritIO().start().waitFor());
    return file;
  }

  /** What this process has open or mapped below a folder; Linux only. */
  static List<String> held(Path folder) throws IOException {
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
