package org.graniteffm.runtime.safetensors;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

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
}
