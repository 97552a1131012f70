package org.graniteffm.runtime.demo;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import org.junit.jupiter.api.Test;

class DemoModelFolderTest {
  @Test
  void folderIsTheSameEachTime() throws IOException {
    assertSame(DemoModel.directory(), DemoModel.directory());
    assertTrue(Files.isRegularFile(DemoModel.directory().resolve("model.safetensors")));
  }

  @Test
  void copyIsCompleteAndPrivate() throws IOException {
    Path copy = DemoModel.extract();
    assertEquals("rwx------", PosixFilePermissions.toString(Files.getPosixFilePermissions(copy)));
    int files = 0;
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(copy)) {
      for (Path entry : entries) {
        Path original = DemoModel.directory().resolve(entry.getFileName().toString());
        assertEquals(-1, Files.mismatch(original, entry));
        files++;
      }
    }
    assertEquals(6, files);
  }
}
