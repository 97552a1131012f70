package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.graniteffm.runtime.hub.FakeHub;
import org.graniteffm.runtime.hub.HubException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

class PullCommandTest {
  @TempDir private Path home;

  private final StringWriter out = new StringWriter();
  private final StringWriter err = new StringWriter();

  private void pull(FakeHub hub, String... args) throws Exception {
    Map<String, String> environment =
        Map.of(
            "HF_ENDPOINT", hub.endpoint().toString(),
            "HF_HOME", home.toString(),
            "HF_HUB_DISABLE_PROGRESS_BARS", "1");
    PullCommand command = new PullCommand(environment::get);
    new CommandLine(command)
        .setOut(new PrintWriter(out))
        .setErr(new PrintWriter(err))
        .parseArgs(args);
    assertEquals(Main.DONE, command.call());
  }

  private Path printed() {
    Path folder = Path.of(out.toString().strip());
    out.getBuffer().setLength(0);
    return folder;
  }

  @Test
  void printsTheFolder() throws Exception {
    try (FakeHub hub = new FakeHub()) {
      hub.put("config.json", "{}");
      hub.putLarge("model.safetensors", new byte[1000]);
      pull(hub, FakeHub.ID);
      Path folder = printed();
      assertEquals(1000, Files.size(folder.resolve("model.safetensors")));
      assertTrue(err.toString().startsWith("granite: fetching org/name: "), err.toString());

      err.getBuffer().setLength(0);
      pull(hub, FakeHub.ID);
      assertEquals(folder, printed());
      assertEquals("", err.toString());

      pull(hub, FakeHub.ID, "--force", "--revision", "v1.0");
      assertEquals(folder, printed());
      assertTrue(err.toString().startsWith("granite: fetching org/name: "), err.toString());
    }
  }

  @Test
  void unknownRevisionIsRefused() throws IOException {
    try (FakeHub hub = new FakeHub()) {
      hub.put("config.json", "{}");
      assertThrows(HubException.class, () -> pull(hub, FakeHub.ID, "--revision", "v7"));
      assertEquals("", out.toString());
    }
  }

  @Test
  void modelIsAHubId() {
    CommandLineRun.of("pull", home.toString()).misused("expected a hub id");
    CommandLineRun.of("pull").misused("MODEL");
  }

  @Test
  void helpHasExamples() {
    assertTrue(CommandLineRun.of("pull", "--help").done().contains("granite pull ibm-granite/"));
  }
}
