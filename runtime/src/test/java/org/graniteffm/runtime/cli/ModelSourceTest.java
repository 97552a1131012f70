package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.hub.FakeHub;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParameterException;

class ModelSourceTest {
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  @TempDir private Path home;

  private final Map<String, String> environment = new HashMap<>();
  private final StringWriter err = new StringWriter();

  /** A command that takes MODEL. */
  @Command
  private static final class Holder {
    @Mixin private final ModelSource models;

    Holder(ModelSource models) {
      this.models = models;
    }
  }

  private Path locate(String model, String... options) throws IOException {
    Holder holder = new Holder(new ModelSource(environment::get));
    new CommandLine(holder).setErr(new PrintWriter(err)).parseArgs(options);
    return holder.models.locate(model);
  }

  private Path snapshot(String cache) throws IOException {
    Path repository = home.resolve(cache).resolve("models--org--name");
    Files.createDirectories(repository.resolve("refs"));
    Files.writeString(repository.resolve("refs/main"), COMMIT);
    Path snapshot = Files.createDirectories(repository.resolve("snapshots").resolve(COMMIT));
    for (String name :
        List.of(
            "config.json",
            "generation_config.json",
            "tokenizer.json",
            "tokenizer_config.json",
            "model.safetensors")) {
      Files.createFile(snapshot.resolve(name));
    }
    return snapshot;
  }

  @Test
  void nothingIsTheDemoModel() throws IOException {
    assertEquals(DemoModel.directory(), locate(null));
  }

  @Test
  void folderIsItself() throws IOException {
    Files.createFile(home.resolve("config.json"));
    assertEquals(home, locate(home.toString()));
    assertEquals(home, locate(home.toString(), "--offline"));
  }

  @ParameterizedTest
  @CsvSource({
    "HF_HUB_CACHE,c,c",
    "HUGGINGFACE_HUB_CACHE,c,c",
    "HF_HOME,h,h/hub",
    "XDG_CACHE_HOME,x,x/huggingface/hub"
  })
  void hubIdIsLookedUpInTheCache(String variable, String value, String cache) throws IOException {
    environment.put("HF_ENDPOINT", "http://127.0.0.1:1"); // where nobody answers
    environment.put(variable, home.resolve(value).toString());
    Path snapshot = snapshot(cache);
    assertEquals(snapshot, locate("org/name"));
    assertEquals(snapshot, locate("org/name", "--offline"));
    assertEquals(snapshot, locate("org/name", "--revision", COMMIT));
    assertEquals("", err.toString());
  }

  @Test
  void absentIdIsFetched() throws IOException {
    try (FakeHub hub = new FakeHub()) {
      hub.put("config.json", "{}");
      hub.putLarge("model.safetensors", new byte[1000]);
      environment.put("HF_ENDPOINT", hub.endpoint().toString());
      environment.put("HF_HOME", home.toString());
      environment.put("HF_HUB_DISABLE_PROGRESS_BARS", "1");
      Path folder = locate(FakeHub.ID, "--revision", "v1.0");
      assertEquals("{}", Files.readString(folder.resolve("config.json")));
      assertEquals("granite: fetching org/name: 1.00 kB in 2 files%n".formatted(), err.toString());
      assertEquals(folder, locate(FakeHub.ID, "--revision", "v1.0", "--offline"));
    }
  }

  @Test
  void absentIdSaysWhatToDo() {
    environment.put("HF_HOME", home.toString());
    IOException e = assertThrows(IOException.class, () -> locate("org/name", "--offline"));
    for (String part :
        List.of("org/name", home.resolve("hub").toString(), "--offline", "nor is there a folder")) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
  }

  @Test
  void malformedRevisionIsWrongUsage() {
    ParameterException e =
        assertThrows(
            ParameterException.class, () -> locate("org/name", "--revision", "../x", "--offline"));
    assertTrue(e.getMessage().startsWith("--revision: expected a branch"), e.getMessage());
  }

  @Test
  void whatHasNoRevisionsIsRefused() {
    assertThrows(ParameterException.class, () -> locate(null, "--revision", "main"));
    assertThrows(ParameterException.class, () -> locate(home.toString(), "--revision", "main"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"no-such", "a/b/c", "../x", "a/../b", "a/b\0c", "/no/such", "a\\b"})
  void otherNamesAreNoSuchFolder(String name) {
    NoSuchFileException e = assertThrows(NoSuchFileException.class, () -> locate(name));
    assertEquals("no such folder", e.getReason());
  }
}
