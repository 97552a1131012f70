package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.graniteffm.runtime.demo.DemoModel;
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
    "--config-style,6"
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
