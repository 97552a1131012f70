package org.graniteffm.runtime.docs;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.graniteffm.runtime.cli.Main;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.faults.ForkedJvm;
import org.graniteffm.runtime.hub.FakeHub;
import org.graniteffm.runtime.safetensors.SafetensorsWriter;
import org.graniteffm.runtime.tensor.Tensor;

/** A folder in which the examples find what they name, and a hub that has it too. */
final class ExampleFolder {
  private static final String MODEL = "ibm-granite/granite-3.3-2b-instruct";

  private ExampleFolder() {}

  /** A hub that has the demo model under the name that the examples use. */
  static FakeHub hub() throws IOException {
    FakeHub hub = new FakeHub(MODEL);
    Path demo = DemoModel.directory();
    for (String name :
        List.of(
            "config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")) {
      hub.put(name, Files.readString(demo.resolve(name)));
    }
    hub.putLarge("model.safetensors", Files.readAllBytes(demo.resolve("model.safetensors")));
    return hub;
  }

  /** Variables that lead to the hub, with a cache below a folder. */
  static Map<String, String> environment(Path folder, FakeHub hub) {
    return Map.of(
        "HF_ENDPOINT", hub.endpoint().toString(), "HF_HOME", folder.resolve("hf").toString());
  }

  /** Copies a folder without folders. */
  static void copy(Path from, Path to) throws IOException {
    Files.createDirectories(to);
    try (DirectoryStream<Path> files = Files.newDirectoryStream(from, Files::isRegularFile)) {
      for (Path file : files) {
        Files.copy(file, to.resolve(file.getFileName()));
      }
    }
  }

  /** Makes the command, and the files that the examples of the command name. */
  static void fill(Path folder) throws IOException {
    List<String> java =
        ForkedJvm.of(
                List.of("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xlog:disable"),
                List.of(Main.class.getName()))
            .command();
    Path granite = folder.resolve("granite");
    Files.writeString(granite, "#!/bin/sh\nexec %s \"$@\"\n".formatted(String.join(" ", java)));
    Files.setPosixFilePermissions(granite, PosixFilePermissions.fromString("rwxr-xr-x"));

    Path models = Files.createDirectories(folder.resolve("path/to"));
    copy(DemoModel.directory(), models.resolve("model"));
    Files.createSymbolicLink(models.resolve("granite-3.3-2b-instruct"), models.resolve("model"));
    copy(Path.of("src/test/resources/golden/granite_gqa_bf16"), models.resolve("cases/dense_bf16"));
    Files.createDirectories(folder.resolve(".local/share/bash-completion/completions"));

    Files.writeString(
        folder.resolve("book.txt"), "Once upon a time there was a king.\n".repeat(20));
    Files.writeString(folder.resolve("texts.txt"), "Once upon a time\nThe king had three sons.\n");
    Files.writeString(folder.resolve("turns.txt"), "Tell me a story.\n");
    Files.writeString(folder.resolve("prompts.jsonl"), "{\"prompt\": \"Once upon\"}\n");
    Files.writeString(
        folder.resolve("tools.json"),
        "[{\"type\": \"function\", \"function\": {\"name\": \"time_in\", \"parameters\": {}}}]");
    Files.writeString(folder.resolve("documents.json"), "[{\"doc_id\": 1, \"text\": \"A text.\"}]");
    try (Arena arena = Arena.ofConfined()) {
      SafetensorsWriter.write(
          folder.resolve("in.safetensors"),
          Map.of("input_ids", Tensor.ofLongs(arena, new long[] {1, 2, 3}, 1, 3)),
          Map.of());
    }
  }
}
