package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Map;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.demo.DemoModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ModelSourceTest {
  private static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";

  @TempDir private Path home;

  private Path snapshot(String cache) throws IOException {
    Path repository = home.resolve(cache).resolve("models--org--name");
    Files.createDirectories(repository.resolve("refs"));
    Files.writeString(repository.resolve("refs/main"), COMMIT);
    return Files.createDirectories(repository.resolve("snapshots").resolve(COMMIT));
  }

  private Path locate(String variable, String value) throws IOException {
    Map<String, String> environment = Map.of(variable, home.resolve(value).toString());
    return ModelSource.locate("org/name", environment::get);
  }

  @Test
  void nothingIsTheDemoModel() throws IOException {
    assertEquals(DemoModel.directory(), ModelSource.locate(null));
  }

  @Test
  void folderIsItself() throws IOException {
    assertEquals(home, ModelSource.locate(home.toString()));
  }

  @ParameterizedTest
  @CsvSource({"HF_HUB_CACHE,c,c", "HF_HOME,h,h/hub", "XDG_CACHE_HOME,x,x/huggingface/hub"})
  void hubIdIsLookedUpInTheCache(String variable, String value, String cache) throws IOException {
    Path snapshot = snapshot(cache);
    assertEquals(snapshot, locate(variable, value));
  }

  @Test
  void absentIdSaysHowToGetIt() {
    NoSuchFileException e =
        assertThrows(NoSuchFileException.class, () -> locate("HF_HUB_CACHE", "c"));
    assertTrue(e.getReason().contains("hf download org/name"), e.getReason());
    assertTrue(e.getReason().contains(home.resolve("c").toString()), e.getReason());
  }

  @Test
  void unfinishedDownloadSaysHowToGetIt() throws IOException {
    Files.delete(snapshot("c"));
    NoSuchFileException e =
        assertThrows(NoSuchFileException.class, () -> locate("HF_HUB_CACHE", "c"));
    assertTrue(e.getReason().contains("hf download org/name"), e.getReason());
  }

  @ParameterizedTest
  @ValueSource(strings = {"../../../etc", "/etc", "a/b", "", "a\nb", ".."})
  void referenceMustBeACommit(String reference) throws IOException {
    Path snapshots = snapshot("c").getParent();
    Files.writeString(snapshots.resolveSibling("refs/main"), reference);
    assertThrows(ModelFormatException.class, () -> locate("HF_HUB_CACHE", "c"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "no-such", "a/b/c", "../x", "a/../b", "a/b\0c", "/no/such", "a\\b"})
  void otherNamesAreNoSuchFolder(String name) {
    NoSuchFileException e =
        assertThrows(NoSuchFileException.class, () -> ModelSource.locate(name, variable -> null));
    assertEquals("no such folder", e.getReason());
  }
}
