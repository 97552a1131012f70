package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.GraniteModel;
import org.graniteffm.runtime.model.SaveOptions;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConvertCommandTest {
  @TempDir private Path temporary;

  private static String demo() throws IOException {
    return DemoModel.directory().toString();
  }

  @Test
  void copyWritesTheSameText() throws IOException {
    String out = temporary.resolve("out").toString();
    CommandLineRun run =
        CommandLineRun.of(
            "convert", demo(), out, "--dtype", "float32", "--max-shard-size", "7.5MB");
    assertEquals("", run.done());
    assertTrue(run.err().contains("56 tensors, 25.5 MB in 4 files"), run.err());
    for (String file :
        new String[] {
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "generation_config.json"
        }) {
      assertEquals(
          -1, Files.mismatch(DemoModel.directory().resolve(file), temporary.resolve("out", file)));
    }
    String[] options = {"Once upon a time", "--max-new-tokens", "12", "--seed", "7"};
    String[] before = {"run", options[0], options[1], options[2], options[3], options[4]};
    String[] after = {"run", out, options[0], options[1], options[2], options[3], options[4]};
    assertEquals(CommandLineRun.of(before).done(), CommandLineRun.of(after).done());
  }

  @ParameterizedTest
  @CsvSource({
    "4099, 4099, --resize-token-embeddings=4099",
    "4090, 4090, --resize-token-embeddings=4090",
    "4500, 4500, --pad-to-multiple-of=4500",
    "4608, 4608, --resize-token-embeddings=4099 --pad-to-multiple-of=512 --no-mean-resizing",
  })
  void vocabularyIsResized(long rows, int vocabulary, String options) throws IOException {
    Path out = temporary.resolve("out");
    List<String> args = new ArrayList<>(List.of("convert", demo(), out.toString()));
    args.addAll(List.of(options.split(" ")));
    CommandLineRun.of(args.toArray(String[]::new)).done();
    assertEquals(vocabulary, GraniteConfig.load(out).vocabSize());
    try (Checkpoint before = Checkpoint.open(DemoModel.directory());
        Checkpoint after = Checkpoint.open(out)) {
      assertEquals(before.names(), after.names(), "the head stays tied");
      Tensor old = before.find("model.embed_tokens.weight");
      Tensor now = after.find("model.embed_tokens.weight");
      assertEquals(rows, now.size(0));
      long kept = Math.min(rows, old.size(0));
      assertEquals(-1, old.slice(0, 0, kept).segment().mismatch(now.slice(0, 0, kept).segment()));
    }
  }

  @Test
  void randomWeightsNeedNoMoreThanAConfig() throws IOException {
    Path source = Files.createDirectory(temporary.resolve("config"));
    Files.copy(DemoModel.directory().resolve("config.json"), source.resolve("config.json"));
    String out = temporary.resolve("out").toString();
    CommandLineRun.of(
            "convert", source.toString(), out, "--random-weights", "--dtype=float16", "--seed=3")
        .done();
    assertEquals(GraniteConfig.load(source), GraniteConfig.load(Path.of(out)));
    try (GraniteForCausalLM expected =
            GraniteForCausalLM.random(GraniteConfig.load(source), DType.F16, 3);
        Checkpoint saved = Checkpoint.open(Path.of(out))) {
      for (String name : saved.names()) {
        assertEquals(
            -1,
            expected.checkpoint().find(name).segment().mismatch(saved.find(name).segment()),
            name);
      }
    }
  }

  @Test
  void modelWithoutHeadStaysWithout() throws IOException {
    Path bare = temporary.resolve("bare");
    try (GraniteModel model = GraniteModel.load(DemoModel.directory())) {
      model.save(bare, SaveOptions.defaults());
    }
    Path out = temporary.resolve("out");
    CommandLineRun.of("convert", bare.toString(), out.toString()).done();
    assertEquals(List.of("GraniteMoeModel"), GraniteConfig.load(out).architectures());
    try (Checkpoint before = Checkpoint.open(bare);
        Checkpoint after = Checkpoint.open(out)) {
      assertEquals(before.names(), after.names());
    }
  }

  @Test
  void folderThatIsNotEmptyIsRefused() throws IOException {
    Files.writeString(temporary.resolve("mine"), "x");
    CommandLineRun.of("convert", demo(), temporary.toString())
        .failed(temporary.toString(), "is not empty");
  }

  @ParameterizedTest
  @CsvSource({
    "--dtype,int8",
    "--dtype,F32",
    "--max-shard-size,0",
    "--max-shard-size,-5GB",
    "--max-shard-size,much",
    "--max-shard-size,999999999999TB",
    "--config-style,6",
    "--resize-token-embeddings,0",
    "--resize-token-embeddings,-5",
    "--resize-token-embeddings,all",
    "--pad-to-multiple-of,0",
    "--seed,dice"
  })
  void optionsAreChecked(String option, String value) throws IOException {
    String out = temporary.resolve("out").toString();
    CommandLineRun.of("convert", demo(), out, option + "=" + value).misused(option, value);
  }

  @Test
  void bothFoldersAreNeeded() throws IOException {
    CommandLineRun.of("convert").misused("MODEL");
    CommandLineRun.of("convert", demo()).misused("OUT");
    CommandLineRun.of("convert", "/no/such", "x").failed("/no/such");
  }
}
