package org.graniteffm.runtime.faults;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.graniteffm.runtime.config.ConfigStyle;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.LoadOptions;
import org.graniteffm.runtime.model.SaveOptions;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.safetensors.FileAccess;
import org.graniteffm.runtime.safetensors.OpenFiles;
import org.graniteffm.runtime.safetensors.SafetensorsWriter;
import org.graniteffm.runtime.tensor.Tensor;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import org.graniteffm.runtime.verify.GoldenFolders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Fails the first file operation of a call, then the second, until none is left to fail: each time
 * the caller gets an {@link IOException}, nothing stays open or mapped, and what was on the disk
 * before is still there.
 */
@EnabledOnOs(OS.LINUX)
class FileFaultsTest {
  private interface Call {
    void run() throws IOException;
  }

  private interface Check {
    void run(boolean done) throws IOException;
  }

  @TempDir private Path folder;

  private final FaultyFileSystem faults = new FaultyFileSystem();

  /** Returns which operations failed. */
  private Set<String> failEach(Call call, Check after) throws IOException {
    Set<String> failed = new TreeSet<>();
    for (int n = 1; ; n++) {
      boolean done = false;
      faults.failAt(n);
      try {
        call.run();
        done = true;
      } catch (FileSystemException e) {
        assertTrue(e.getMessage().contains(folder.toString()), e::getMessage);
        // what cannot be looked at may as well be absent to a save, which then does not begin
        boolean said = e.getMessage().contains("fault in " + faults.failed());
        assertTrue(said || "readAttributes".equals(faults.failed()), e::getMessage);
      }
      String operation = faults.failed();
      faults.failAt(0);
      assertEquals(List.of(), OpenFiles.below(folder), operation);
      after.run(done);
      if (operation == null) {
        assertTrue(done);
        return failed;
      }
      failed.add(operation);
    }
  }

  @ParameterizedTest
  @EnumSource
  void modelIsLoadedOrNothingStaysOpen(FileAccess access) throws IOException {
    Path model = faults.path(GoldenFolders.copy("granite_sharded", folder));
    Set<String> failed =
        failEach(
            () -> GraniteForCausalLM.load(model, LoadOptions.defaults().with(access)).close(),
            _ -> {});
    assertEquals(
        access == FileAccess.MAPPED
            ? Set.of("map", "open", "read", "readAttributes", "size")
            : Set.of("open", "read", "readAttributes", "size"),
        failed);
  }

  @Test
  void configTokenizerAndGenerationConfigAreReadOrRefused() throws IOException {
    for (String name : List.of("config.json", "generation_config.json", "tokenizer.json")) {
      Files.copy(DemoModel.directory().resolve(name), folder.resolve(name));
    }
    Path model = faults.path(folder);
    GraniteConfig config = GraniteConfig.load(folder);
    Set<String> expected = Set.of("open", "read", "readAttributes");
    assertEquals(expected, failEach(() -> GraniteConfig.load(model), _ -> {}));
    assertTrue(failEach(() -> GenerationConfig.load(model, config), _ -> {}).containsAll(expected));
    assertTrue(failEach(() -> Tokenizers.open(model).close(), _ -> {}).containsAll(expected));
  }

  @Test
  void savedFolderAppearsCompleteOrNotAtAll() throws IOException {
    Path parent = Files.createDirectory(folder.resolve("parent"));
    Path out = parent.resolve("out");
    SaveOptions options =
        new SaveOptions(null, 50_000, ConfigStyle.TRANSFORMERS_5, true); // several files
    try (GraniteForCausalLM model =
        GraniteForCausalLM.load(GoldenFolders.bundled().resolve("granite_sharded"))) {
      Set<String> failed =
          failEach(
              () -> model.save(faults.path(out), options),
              done -> {
                assertEquals(done ? List.of("out") : List.of(), names(parent));
                if (done) {
                  try (Checkpoint saved = Checkpoint.open(out)) {
                    assertEquals(model.checkpoint().names().size(), saved.names().size());
                  }
                  deleteAll(out);
                }
              });
      assertTrue(
          failed.containsAll(Set.of("createDirectory", "force", "move", "open", "write")),
          failed::toString);
    }
  }

  @Test
  void emptyFolderStaysEmptyUntilAllIsSaved() throws IOException {
    Path parent = Files.createDirectory(folder.resolve("parent"));
    Path out = Files.createDirectory(parent.resolve("out"));
    try (GraniteForCausalLM model =
        GraniteForCausalLM.load(GoldenFolders.bundled().resolve("granite_sharded"))) {
      Set<String> failed =
          failEach(
              () -> model.save(faults.path(out), SaveOptions.defaults()),
              done -> {
                assertEquals(List.of("out"), names(parent));
                assertEquals(done, !names(out).isEmpty());
                for (String name : names(out)) {
                  Files.delete(out.resolve(name));
                }
              });
      assertTrue(failed.containsAll(Set.of("list", "open", "write")), failed::toString);
    }
  }

  @Test
  void oldFileIsWholeUntilTheNewOneIs() throws IOException {
    Path inner = Files.createDirectory(folder.resolve("inner"));
    Path file = inner.resolve("w.safetensors");
    byte[] before = {1, 2, 3};
    Files.write(file, before);
    try (Arena arena = Arena.ofConfined()) {
      Tensor tensor = Tensor.ofFloats(arena, new float[1000], 1000);
      Set<String> failed =
          failEach(
              () -> SafetensorsWriter.write(faults.path(file), Map.of("w", tensor), Map.of()),
              done -> {
                assertEquals(List.of("w.safetensors"), names(inner));
                if (done) {
                  assertTrue(Files.size(file) > 4000);
                  Files.write(file, before);
                } else {
                  assertArrayEquals(before, Files.readAllBytes(file));
                }
              });
      assertTrue(failed.containsAll(Set.of("force", "move", "open", "write")), failed::toString);
    }
  }

  private static List<String> names(Path directory) throws IOException {
    try (Stream<Path> entries = Files.list(directory)) {
      return entries.map(path -> path.getFileName().toString()).toList();
    }
  }

  private static void deleteAll(Path directory) throws IOException {
    for (String name : names(directory)) {
      Files.delete(directory.resolve(name));
    }
    Files.delete(directory);
  }
}
