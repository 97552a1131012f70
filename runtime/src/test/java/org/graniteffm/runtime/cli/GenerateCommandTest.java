package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.json.JsonReader;
import org.graniteffm.runtime.verify.GoldenFolders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GenerateCommandTest {
  @TempDir private Path temporary;

  private static String demo() throws IOException {
    return DemoModel.directory().toString();
  }

  private static JsonNode parse(String line) throws IOException {
    return JsonReader.parseObject(ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)), "out");
  }

  private Path inputs(String... lines) throws IOException {
    return Files.writeString(temporary.resolve("in.jsonl"), String.join("\n", lines));
  }

  @Test
  void textIsTheNewTextAlone() throws IOException {
    String out =
        CommandLineRun.of(
                "generate",
                demo(),
                "--prompt",
                "Once upon",
                "--no-do-sample",
                "--max-new-tokens",
                "3")
            .done();
    assertEquals(" a time,", out.stripTrailing());
  }

  @Test
  void copiedWeightsSayTheSameAndShowNoBarWithoutATerminal() throws IOException {
    String[] mapped = {
      "generate", demo(), "--prompt", "Once upon", "--no-do-sample", "--max-new-tokens", "3"
    };
    String[] copied = Arrays.copyOf(mapped, mapped.length + 1);
    copied[mapped.length] = "--disable-mmap";
    CommandLineRun run = CommandLineRun.of(copied);
    assertEquals(CommandLineRun.of(mapped).done(), run.done());
    assertEquals("", run.err());
  }

  @Test
  void jsonHasIdsTextAndReason() throws IOException {
    String out =
        CommandLineRun.of(
                "generate",
                demo(),
                "--prompt",
                "Once upon",
                "--no-do-sample",
                "--max-new-tokens",
                "3",
                "--json")
            .done();
    assertEquals(1, out.lines().count());
    JsonNode object = parse(out);
    assertEquals("[261,537,14]", object.get("ids").toString());
    assertEquals(" a time,", object.get("text").asText());
    assertEquals("length", object.get("finish_reason").asText());
    assertEquals(3, object.size());
  }

  @Test
  void endTokenIsAReason() throws IOException {
    String out =
        CommandLineRun.of(
                "generate",
                demo(),
                "--prompt",
                "Once upon",
                "--no-do-sample",
                "--eos-token-id",
                "537,5",
                "--json")
            .done();
    assertEquals("[261,537]", parse(out).get("ids").toString());
    assertEquals("eos", parse(out).get("finish_reason").asText());
  }

  @Test
  void withoutALimitThereAreTwentyTokens() throws IOException {
    String out =
        CommandLineRun.of(
                "generate",
                demo(),
                "--prompt",
                "Once upon",
                "--no-do-sample",
                "--min-new-tokens",
                "20",
                "--json")
            .done();
    assertEquals(20, parse(out).get("ids").size());
  }

  @Test
  void promptHasAnOption() throws IOException {
    CommandLineRun.of("generate", demo()).misused(": one is needed of --prompt, --ids, --inputs (");
    CommandLineRun.of("generate", demo(), "Once", "--ids", "1")
        .misused("one argument too many: 'Once'; a prompt is given by --prompt");
    CommandLineRun.of("generate", demo(), "--prompt", "x", "--ids", "1")
        .misused(": --prompt=TEXT, --ids=ID are mutually exclusive");
    CommandLineRun.of("generate", demo(), "--inputs", temporary.toString())
        .failed(temporary + ": is a folder");
  }

  @Test
  void idsNeedNoTokenizer() throws IOException {
    Path folder = TestCheckpoints.without(temporary.resolve("m"), "tokenizer.json");
    String[] args = {
      "generate", folder.toString(), "--ids", "47,261", "--no-do-sample", "--max-new-tokens", "2"
    };
    String plain = CommandLineRun.of(args).done();
    assertTrue(plain.strip().matches("\\d+,\\d+"), plain);
    JsonNode object = parse(CommandLineRun.of(append(args, "--json")).done());
    assertTrue(object.get("text").isNull());
    assertEquals(plain.strip(), object.get("ids").toString().replaceAll("[\\[\\]]", ""));
    CommandLineRun.of("generate", folder.toString(), "--prompt", "x").failed("tokenizer.json");
  }

  private static String[] append(String[] args, String last) {
    String[] all = Arrays.copyOf(args, args.length + 1);
    all[args.length] = last;
    return all;
  }

  @Test
  void eachLineOfInputIsAnswered() throws IOException {
    Path file = inputs("{\"prompt\": \"Once upon\"}", "{\"ids\": [1, 2, 3]}", "");
    List<String> lines =
        CommandLineRun.of(
                "generate",
                demo(),
                "--inputs",
                file.toString(),
                "--no-do-sample",
                "--max-new-tokens",
                "3",
                "--json")
            .done()
            .lines()
            .toList();
    assertEquals(2, lines.size());
    assertEquals(" a time,", parse(lines.getFirst()).get("text").asText());
    assertEquals(3, parse(lines.getLast()).get("ids").size());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{\"prompt\": \"a\"",
        "{\"prompt\": \"a\"} {}",
        "[1]",
        "\"a\"",
        "{}",
        "``",
        "{\"prompt\": 5}",
        "{\"prompt\": null}",
        "{\"ids\": 5}",
        "{\"ids\": [1.5]}",
        "{\"ids\": [\"1\"]}",
        "{\"ids\": [99999999999]}",
        "{\"ids\": [4096]}",
        "{\"ids\": [-1]}",
        "{\"prompt\": \"a\", \"ids\": [1]}",
        "{\"prompt\": \"a\", \"prompt\": \"b\"}",
        "{\"prompt\": \"a\", \"temperature\": 1}",
        "{\"prompt\": \"\\ud800\"}",
      })
  void badLinesAreRefusedByNumber(String line) throws IOException {
    Path file = inputs(line.isEmpty() ? "" : line, "{\"ids\": [1]}");
    CommandLineRun.of("generate", demo(), "--inputs", file.toString(), "--max-new-tokens", "1")
        .failed(file + ": line 1: ");
  }

  @Test
  void badLaterLineIsFoundBeforeTheFirstIsAnswered() throws IOException {
    Path file = inputs("{\"ids\": [1]}", "{\"ids\": [1}");
    CommandLineRun.of("generate", demo(), "--inputs", file.toString())
        .failed(file + ": line 2: malformed JSON (column");
  }

  @Test
  void linesMustBeUtf8() throws IOException {
    Path file = Files.write(temporary.resolve("x"), new byte[] {'{', '"', (byte) 0xff, '"', '}'});
    CommandLineRun.of("generate", demo(), "--inputs", file.toString()).failed("line 1", "UTF-8");
  }

  @Test
  void emptyInputIsRefused() throws IOException {
    Path file = Files.createFile(temporary.resolve("x"));
    CommandLineRun.of("generate", demo(), "--inputs", file.toString()).failed("empty");
  }

  @Test
  void missingInputIsRefused() throws IOException {
    CommandLineRun.of("generate", demo(), "--inputs", "/no/such.jsonl")
        .failed("/no/such.jsonl: no such file");
  }

  @ParameterizedTest
  @ValueSource(strings = {"4096", "-1", "1,2,2147483647"})
  void idsOutOfRangeAreRefused(String ids) throws IOException {
    CommandLineRun.of("generate", demo(), "--ids", ids).failed("token id", "0 to 4095");
  }

  @ParameterizedTest
  @ValueSource(strings = {"a", "1;2", "4294967296"})
  void idsMustBeNumbers(String ids) throws IOException {
    CommandLineRun.of("generate", demo(), "--ids", ids).misused("--ids");
  }

  @Test
  void onePromptIsRequired() throws IOException {
    CommandLineRun.of("generate", demo()).misused("--prompt");
    CommandLineRun.of("generate", demo(), "--prompt", "a", "--ids", "1").misused("--prompt");
    CommandLineRun.of("generate").misused("granite generate --help");
  }

  @Test
  void promptOverTheContextIsRefused() throws IOException {
    CommandLineRun.of("generate", demo(), "--prompt", " the".repeat(1100))
        .failed("1100 tokens", "1024");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--num-beam-groups=2",
        "--penalty-alpha=0.6",
        "--guidance-scale=1.5",
        "--token-healing",
      })
  void whatIsNotSupportedIsSaid(String option) throws IOException {
    CommandLineRun.of("generate", demo(), "--prompt", "a", option)
        .misused("not supported: " + option.replaceAll("=.*", ""));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"--num-beams=1", "--no-repeat-ngram-size=0", "--typical-p=1", "--use-cache"})
  void whatIsOffMayBeSaid(String option) throws IOException {
    String out =
        CommandLineRun.of(
                "generate", demo(), "--prompt", "a", option, "--max-new-tokens", "1", "--json")
            .done();
    assertFalse(out.isEmpty());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "--no-repeat-ngram-size=x",
        "--bad-words-ids=1",
        "--bad-words-ids=[[1]",
        "--sequence-bias=[[1]]",
        "--suppress-tokens=a",
        "--early-stopping=always",
        "--exponential-decay-length-penalty=1",
        "--max-time=soon",
      })
  void valuesOfTheWrongTypeAreRefused(String option) throws IOException {
    CommandLineRun.of("generate", demo(), "--prompt", "a", option)
        .misused(option.substring(0, option.indexOf('=')));
  }

  @Test
  void beamsGiveSeveralLinesWithScores() throws IOException {
    String out =
        CommandLineRun.of(
                "generate",
                demo(),
                "--prompt=Once upon",
                "--no-do-sample",
                "--num-beams=3",
                "--num-return-sequences=2",
                "--length-penalty=0.5",
                "--early-stopping",
                "--max-new-tokens=4",
                "--json")
            .done();
    assertEquals(2, out.lines().count());
    assertTrue(out.lines().allMatch(line -> line.contains("\"score\":-")), out);
  }

  @Test
  void processorsActAndStopStringsEndTheText() throws IOException {
    String[] args = {
      "generate", demo(), "--prompt=Once upon a time", "--no-do-sample", "--max-new-tokens=12"
    };
    String free = CommandLineRun.of(args).done();
    String[] stopped = Arrays.copyOf(args, args.length + 2);
    stopped[args.length] = "--stop-strings=" + free.strip().substring(3, 6);
    stopped[args.length + 1] = "--json";
    assertTrue(CommandLineRun.of(stopped).done().contains("\"finish_reason\":\"stop\""));
    String[] suppressed = Arrays.copyOf(args, args.length + 2);
    suppressed[args.length] = "--suppress-tokens=" + firstId(args);
    suppressed[args.length + 1] = "--bad-words-ids=[[1,2],[3]]";
    assertFalse(CommandLineRun.of(suppressed).done().equals(free));
  }

  private static String firstId(String[] args) throws IOException {
    String[] json = Arrays.copyOf(args, args.length + 1);
    json[args.length] = "--json";
    return CommandLineRun.of(json).done().replaceAll("(?s)^.*\"ids\":\\[|[,\\]].*$", "");
  }

  @Test
  void withoutACacheTheTextIsTheSame() throws IOException {
    String[] args = {
      "generate", demo(), "--prompt", "Once upon", "--no-do-sample", "--max-new-tokens", "5"
    };
    assertEquals(
        CommandLineRun.of(args).done(), CommandLineRun.of(append(args, "--no-use-cache")).done());
  }

  @Test
  void guessesChangeNoText() throws IOException {
    String[] args = {
      "generate",
      demo(),
      "--prompt=The king, the king, the king",
      "--no-do-sample",
      "--max-new-tokens=30",
      "--json"
    };
    String plain = CommandLineRun.of(args).done();
    String[] looking = Arrays.copyOf(args, args.length + 2);
    looking[args.length] = "--prompt-lookup-num-tokens=5";
    looking[args.length + 1] = "--max-matching-ngram-size=3";
    assertEquals(plain, CommandLineRun.of(looking).done());
    String[] assisted = Arrays.copyOf(args, args.length + 4);
    assisted[args.length] = "--assistant-model=" + demo();
    assisted[args.length + 1] = "--num-assistant-tokens=3";
    assisted[args.length + 2] = "--num-assistant-tokens-schedule=heuristic_transient";
    assisted[args.length + 3] = "--assistant-confidence-threshold=0.1";
    assertEquals(plain, CommandLineRun.of(assisted).done());
  }

  @Test
  void assistantThatDoesNotFitIsRefused() throws IOException {
    String other = GoldenFolders.bundled().resolve("granite_gqa_bf16").toString();
    CommandLineRun.of("generate", demo(), "--ids=1", "--assistant-model", other)
        .failed("assistant_model: has a vocabulary of", "4096");
    CommandLineRun.of("generate", demo(), "--ids=1", "--assistant-model=/no/such")
        .failed("/no/such");
    CommandLineRun.of("generate", demo(), "--ids=1", "--assistant-model", demo(), "--num-beams=2")
        .failed("num_beams: 2, with assistant_model");
    CommandLineRun.of("generate", demo(), "--ids=1", "--num-assistant-tokens=0")
        .misused("num_assistant_tokens: 0");
    CommandLineRun.of("generate", demo(), "--ids=1", "--num-assistant-tokens-schedule=often")
        .misused("--num-assistant-tokens-schedule");
  }

  @Test
  void assistantsOwnFileSaysHowItGuesses() throws IOException {
    Path assistant = TestCheckpoints.without(temporary.resolve("a"), "generation_config.json");
    Files.writeString(assistant.resolve("generation_config.json"), "{\"num_assistant_tokens\": 0}");
    CommandLineRun.of("generate", demo(), "--ids=1", "--assistant-model", assistant.toString())
        .failed("generation_config.json: num_assistant_tokens: 0");
  }
}
