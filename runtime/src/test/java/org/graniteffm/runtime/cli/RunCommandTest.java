package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.runtime.demo.DemoModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class RunCommandTest {
  @TempDir private Path temporary;

  @Test
  void printsPromptAndContinuation() {
    CommandLineRun run =
        CommandLineRun.of("run", "Once upon a time", "--max-new-tokens", "8", "--seed", "1");
    assertTrue(run.done().startsWith("Once upon a time"), run.out());
    assertTrue(run.out().length() > "Once upon a time\n".length(), run.out());
    assertTrue(run.out().endsWith(System.lineSeparator()), run.out());
  }

  @Test
  void closingLineHasTheSpeed() {
    CommandLineRun run =
        CommandLineRun.of("run", "Once", "--max-new-tokens", "4", "--min-new-tokens", "4");
    assertEquals(1, run.err().lines().count(), run.err());
    assertTrue(
        run.err()
            .matches(
                "granite: 1 prompt tokens at \\S+ tok/s, 4 new ones \\(length\\) at \\S+ tok/s,"
                    + " \\S+ GB/s; first token after \\S+ m?s, loading took \\S+ m?s\\R"),
        run.err());
  }

  @Test
  void closingLineHasThePassesWhereTokensWereGuessed() throws IOException {
    String demo = DemoModel.directory().toString();
    CommandLineRun run =
        CommandLineRun.of(
            "run",
            "The king",
            "--no-do-sample",
            "--max-new-tokens=13",
            "--min-new-tokens=13",
            "--assistant-model=" + demo,
            "--num-assistant-tokens=3",
            "--assistant-confidence-threshold=0");
    assertTrue(
        run.err().matches("(?s).*13 new ones \\(length\\) at \\S+ tok/s, in 3 passes; .*"),
        run.err());
  }

  @Test
  void sameSeedSameText() {
    String[] args = {"run", "The king", "--max-new-tokens", "12", "--seed", "7"};
    assertEquals(CommandLineRun.of(args).done(), CommandLineRun.of(args).done());
  }

  @Test
  void samplesByDefaultAsTheCheckpointSays() {
    String first = CommandLineRun.of("run", "A", "--max-new-tokens", "12", "--seed", "1").done();
    String second = CommandLineRun.of("run", "A", "--max-new-tokens", "12", "--seed", "2").done();
    assertNotEquals(first, second);
  }

  @Test
  void threadsDoNotChangeTheText() {
    String[] one = {"run", "A", "--max-new-tokens", "12", "--no-do-sample", "--threads", "1"};
    String[] three = {"run", "A", "--max-new-tokens", "12", "--no-do-sample", "--threads", "3"};
    assertEquals(CommandLineRun.of(one).done(), CommandLineRun.of(three).done());
  }

  @Test
  void tierCanBeChosen() {
    String best = NativeLibraries.bestIsa();
    try {
      CommandLineRun.of("run", "A", "--max-new-tokens", "2", "--isa", "scalar").done();
      assertEquals("scalar", NativeLibraries.activeIsa());
    } finally {
      NativeLibraries.selectIsa(best);
    }
  }

  @Test
  void modelMayBeNamed() throws IOException {
    String folder = DemoModel.directory().toString();
    CommandLineRun run = CommandLineRun.of("run", folder, "Once", "--max-new-tokens", "2");
    assertTrue(run.done().startsWith("Once"), run.out());
  }

  @Test
  void emptyPromptStartsFromTheStartToken() {
    CommandLineRun.of("run", "", "--max-new-tokens", "2").done();
  }

  /** Prompts are anybody's: none may name a file to be read in its place. */
  @Test
  void promptThatBeginsWithAnAtIsText() throws IOException {
    String prompt = "@" + Files.writeString(temporary.resolve("other"), "Twice");
    String said = CommandLineRun.of("run", prompt, "--max-new-tokens", "1").done();
    assertTrue(said.startsWith(prompt), said);
  }

  @Test
  void lengthIsCappedByTheContext() {
    String prompt = " the".repeat(1024);
    CommandLineRun run = CommandLineRun.of("run", prompt);
    assertTrue(run.err().contains(" 1 new ones"), run.err());
    assertTrue(run.done().startsWith(prompt), run.err());
  }

  @Test
  void textIsUtf8WhateverTheLocale() {
    CommandLineRun run = CommandLineRun.of("run", "Größe 😀", "--max-new-tokens", "2");
    assertTrue(run.done().startsWith("Größe 😀"), run.out());
  }

  @Test
  void promptWithoutModelMustNotBeACheckpoint() throws IOException {
    CommandLineRun.of("run", DemoModel.directory().toString()).misused("no prompt");
  }

  @Test
  void promptIsRequired() {
    CommandLineRun.of("run").misused("granite run --help");
  }

  @Test
  void promptWithoutQuotesIsRefused() {
    CommandLineRun.of("run", "Once", "upon", "a", "time").misused("'a'", "in quotes");
    CommandLineRun.of("run", "Once", "upon", "--seed", "1", "a").misused("'a'", "in quotes");
  }

  @Test
  void promptOverTheContextIsRefused() {
    CommandLineRun.of("run", " the".repeat(1100)).failed("1100 tokens", "1024");
  }

  @Test
  void missingFolderIsRefused() {
    CommandLineRun.of("run", "/no/such/folder", "x").failed("/no/such/folder: no such folder");
    CommandLineRun.of("run", "Once", "upon").failed("Once: no such folder; a prompt", "in quotes");
  }

  @Test
  void fileInPlaceOfAFolderIsRefused() throws IOException {
    Path file = DemoModel.directory().resolve("config.json");
    CommandLineRun.of("run", file.toString(), "x").failed("config.json");
  }

  @Test
  void truncatedWeightsAreRefused() throws IOException {
    Path folder = TestCheckpoints.truncated(temporary.resolve("m"), 1_000_000);
    CommandLineRun.of("run", folder.toString(), "x").failed("model.safetensors");
  }

  @Test
  void emptyWeightsAreRefused() throws IOException {
    Path folder = TestCheckpoints.truncated(temporary.resolve("m"), 0);
    CommandLineRun.of("run", folder.toString(), "x").failed("model.safetensors");
  }

  @ParameterizedTest
  @ValueSource(strings = {"config.json", "model.safetensors", "tokenizer.json"})
  void missingFilesAreNamed(String file) throws IOException {
    Path folder = TestCheckpoints.without(temporary.resolve("m"), file);
    CommandLineRun.of("run", folder.toString(), "x").failed(file);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "config.json | \"vocab_size\": 4096 | \"vocab_size\": 4095 | embed_tokens",
        "config.json | \"hidden_size\": 256 | \"hidden_size\": 512 | embed_tokens",
        "config.json | \"hidden_size\": 256 | \"hidden_size\": -1 | hidden_size",
        "config.json | \"num_hidden_layers\": 6 | \"num_hidden_layers\": 7 | model.layers.6",
        "config.json | \"granitemoe\" | \"llama\" | llama",
        "config.json | \"silu\" | \"mish\" | mish",
        "config.json | \"hidden_act\" | \"hidden | config.json",
        "generation_config.json | 0.7 | -0.7 | temperature",
        "generation_config.json | \"top_k\": 40 | \"guidance_scale\": 4 | guidance_scale",
        "tokenizer.json | \"BPE\" | \"Unigram\" | Unigram",
      })
  void badFilesAreNamedWithTheField(String file, String from, String to, String named)
      throws IOException {
    Path folder = TestCheckpoints.replacing(temporary.resolve("m"), file, from, to);
    CommandLineRun.of("run", folder.toString(), "x").failed(named);
  }

  @ParameterizedTest
  @CsvSource({
    "--temperature,0,temperature",
    "--temperature,hot,--temperature",
    "--top-p,1.5,top_p",
    "--top-k,-1,top_k",
    "--max-new-tokens,0,max_new_tokens",
    "--repetition-penalty,NaN,repetition_penalty",
    "--num-beams,0,num_beams",
    "--stop-strings,'',stop_strings",
    "--no-repeat-ngram-size,-1,no_repeat_ngram_size",
    "--num-return-sequences,2,--num-return-sequences",
    "--guidance-scale,2,not supported: --guidance-scale",
  })
  void optionsAreChecked(String option, String value, String said) {
    CommandLineRun.of("run", "x", option, value).misused(said);
  }

  @Test
  void readerThatGoesAwayEndsItQuietly() {
    StandardOutput closed = new StandardOutput(new FailingStream("Broken pipe"));
    ByteArrayOutputStream err = new ByteArrayOutputStream();
    int exitCode =
        Main.run(
            new String[] {"run", "Once", "--max-new-tokens", "1000"},
            new PrintStream(closed, false, StandardCharsets.UTF_8),
            new PrintStream(err, false, StandardCharsets.UTF_8));
    assertEquals(Main.DONE, exitCode);
    assertTrue(closed.failure().isEmpty());
  }

  @Test
  void fullDiskIsNotQuiet() {
    StandardOutput full = new StandardOutput(new FailingStream("No space left on device"));
    Main.run(
        new String[] {"run", "Once", "--max-new-tokens", "1000"},
        new PrintStream(full, false, StandardCharsets.UTF_8),
        new PrintStream(OutputStream.nullOutputStream(), false, StandardCharsets.UTF_8));
    assertEquals("No space left on device", full.failure().orElseThrow());
  }

  private static final class FailingStream extends OutputStream {
    private final String message;

    FailingStream(String message) {
      this.message = message;
    }

    @Override
    public void write(int b) throws IOException {
      throw new IOException(message);
    }
  }
}
