package org.graniteffm.runtime.faults;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.SaveOptions;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** Saves that the system itself refuses: what was in the folder stays, and nothing else is left. */
@EnabledOnOs(OS.LINUX)
class RefusedSaveTest {
  private static final byte[] BEFORE = {1, 2, 3};

  @TempDir private Path parent;

  private Path folder;
  private Path file;

  @BeforeEach
  void makeFolder() throws IOException {
    folder = Files.createDirectory(parent.resolve("folder"));
    file = Files.write(folder.resolve("w.safetensors"), BEFORE);
  }

  private void checkUntouched() throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      assertEquals(List.of(file), entries.toList());
    }
    assertArrayEquals(BEFORE, Files.readAllBytes(file));
  }

  @Test
  void folderIsReadOnly() throws Exception {
    try (GraniteForCausalLM model = GraniteForCausalLM.load(DemoModel.directory());
        ReadOnlyFolder _ = new ReadOnlyFolder(folder)) {
      assumeFalse(
          Files.isWritable(folder),
          "permissions do not bind this user, and the file system knows no attribute that does");
      assertNamesFolder(
          assertThrows(FileSystemException.class, () -> SaveToFullDisk.writeTensor(file, 10)));
      assertNamesFolder(
          assertThrows(
              FileSystemException.class,
              () -> model.save(folder.resolve("model"), SaveOptions.defaults())));
    }
    checkUntouched();
  }

  private void assertNamesFolder(IOException e) {
    assertTrue(e.getMessage().startsWith(folder.toString()), e::getMessage);
  }

  /** A limit on the size of files ends a write in the middle, as a full disk does. */
  @Test
  void diskIsFull() throws Exception {
    List<String> command =
        new ArrayList<>(List.of("sh", "-c", "ulimit -f 2048 && exec \"$@\"", "sh")); // 1 MiB
    ProcessBuilder program =
        ForkedJvm.of(
            List.of("-Xmx256m"), List.of(SaveToFullDisk.class.getName(), folder.toString()));
    command.addAll(program.command());
    Process process = program.command(command).start();
    String said;
    try (var out = process.getInputStream()) {
      said = new String(out.readAllBytes(), StandardCharsets.UTF_8);
    }
    assertEquals(0, process.waitFor(), said);
    List<String> lines = said.lines().toList();
    assertEquals(2, lines.size(), said);
    for (String line : lines) {
      assertTrue(line.startsWith("FileSystemException: " + folder), said);
      assertTrue(line.endsWith(": File too large"), said);
    }
    checkUntouched();
  }

  /** Takes the right to write, also from the superuser where an attribute can do that. */
  private static final class ReadOnlyFolder implements AutoCloseable {
    private final Path folder;
    private boolean immutable;

    ReadOnlyFolder(Path folder) throws IOException {
      this.folder = folder;
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("r-xr-xr-x"));
      if (Files.isWritable(folder)) {
        immutable = changeAttribute("+i");
      }
    }

    private boolean changeAttribute(String mode) {
      try {
        return new ProcessBuilder("chattr", mode, folder.toString())
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start()
                .onExit()
                .join()
                .exitValue()
            == 0;
      } catch (IOException e) {
        return false; // there is no such command
      }
    }

    @Override
    public void close() throws IOException {
      if (immutable) {
        assertTrue(changeAttribute("-i"));
      }
      Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxr-xr-x"));
    }
  }
}
