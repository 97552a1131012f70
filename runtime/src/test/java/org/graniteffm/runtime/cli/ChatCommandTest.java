package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.graniteffm.runtime.chat.ChatOptions;
import org.graniteffm.runtime.chat.ChatTemplate;
import org.graniteffm.runtime.chat.Message;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.generate.FinishReason;
import org.graniteffm.runtime.generate.Generation;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.json.JsonReader;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChatCommandTest {
  private static final String TOOLS =
      "[{\"type\": \"function\", \"function\": {\"name\": \"time_in\", \"parameters\": {\"type\":"
          + " \"object\", \"properties\": {\"city\": {\"type\": \"string\"}}}}}]";
  private static final String[] SHORT = {"--max-new-tokens", "6", "--no-do-sample"};

  @TempDir private Path temporary;

  @Test
  void eachLineIsATurn() {
    String answers = chat("Tell me a story.\n\nAnd then?\n", SHORT).done();
    assertEquals(2, answers.lines().filter(line -> !line.isBlank()).count(), answers);
    // the second turn is another one behind the first than alone
    String alone = chat("And then?\n", SHORT).done();
    assertFalse(answers.endsWith(alone), answers);
  }

  @Test
  void resetForgets() {
    String alone = chat("Tell me a story of a king.", SHORT).done();
    assertEquals(
        alone + alone,
        chat("Tell me a story of a king.\n/reset\nTell me a story of a king.\n", SHORT).done());
  }

  @Test
  void exitEndsIt() {
    assertEquals("", chat("/exit\nTell me a story.\n", SHORT).done());
  }

  @Test
  void demoModelSaysWhatItCanDo() {
    CommandLineRun run = chat("", SHORT);
    assertTrue(run.err().contains("fairy tales"), run.err());
    assertEquals(1, run.err().lines().count(), run.err());
  }

  @Test
  void systemPromptComesFirst() {
    String[] args = {"--max-new-tokens", "6", "--no-do-sample", "--system", "The golden bird"};
    assertNotEquals(chat("Tell me.", SHORT).done(), chat("Tell me.", args).done());
  }

  @Test
  void modelWithoutATemplateIsRefused() throws IOException {
    Path folder =
        TestCheckpoints.replacing(
            temporary.resolve("m"),
            "tokenizer_config.json",
            "\"chat_template\"",
            "\"no_template\"");
    chat("x", folder.toString()).failed("no chat template", "no chat model");
  }

  @Test
  void templatesErrorIsOneLine() throws IOException {
    Path folder =
        TestCheckpoints.replacing(
            temporary.resolve("m"),
            "tokenizer_config.json",
            "{%- for message in messages %}",
            "{{ raise_exception('no such thing') }}{%- for message in messages %}");
    chat("x", folder.toString()).failed("tokenizer_config.json: chat_template: line 1", "no such");
  }

  @Test
  void conversationOverTheContextIsRefused() throws IOException {
    Path folder = DemoModel.directory();
    chat(" the".repeat(1100), folder.toString()).failed("the model's context has 1024", "/reset");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--num-return-sequences", "--guidance-scale"})
  void optionsAreChecked(String option) {
    chat("x", option, "2").misused(option);
  }

  @Test
  void jsonHasTextCallsAndReason() throws IOException {
    String plain = chat("Tell me a story.", SHORT).done();
    String out = chat("Tell me a story.\nAnd then?\n", append(SHORT, "--json")).done();
    assertEquals(2, out.lines().count());
    JsonNode object = parse(out.lines().toList().getFirst());
    assertEquals(plain, object.get("text").asText() + System.lineSeparator());
    assertEquals("[]", object.get("tool_calls").toString());
    assertEquals("length", object.get("finish_reason").asText());
    assertEquals(3, object.size());
  }

  @Test
  void toolsAndDocumentsAreGivenToTheTemplate() throws IOException {
    Path folder =
        TestCheckpoints.replacing(
            temporary.resolve("m"),
            "tokenizer_config.json",
            "{%- for message in messages %}",
            "{%- if tools %}{{ raise_exception(tools[0].function.name) }}{%- endif %}"
                + "{%- if documents %}{{ raise_exception(documents[0].text) }}{%- endif %}"
                + "{%- for message in messages %}");
    chat("x", folder.toString(), "--tools", file(TOOLS)).failed("time_in");
    chat("x", folder.toString(), "--documents", file("[{\"doc_id\": 1, \"text\": \"Bern is\"}]"))
        .failed("Bern is");
  }

  @ParameterizedTest
  @ValueSource(strings = {"--tools", "--documents"})
  void whatTheTemplateDoesNotUseIsSaid(String option) throws IOException {
    CommandLineRun run = chat("x", append(SHORT, option, file("[{\"name\": \"x\"}]")));
    run.done();
    assertTrue(
        run.err().contains("granite: " + option + ": the model's chat template makes no use of it"),
        run.err());
    assertTrue(chat("x", append(SHORT, "--no-thinking")).err().contains("--thinking: the model's"));
  }

  @Test
  void filesOfToolsAreChecked() throws IOException {
    chat("x", "--tools", file("{}")).failed("expected one JSON list");
    chat("x", "--tools", file("[{}, 3]")).failed("[1]: expected an object, found");
    chat("x", "--tools", temporary + "/none").failed("none", "no such file");
    chat("x", "--documents", file("[")).failed("malformed JSON");
  }

  @Test
  void callsArePrintedReadablyAndAsJson() throws IOException {
    String call =
        "Well.<tool_call>{\"name\": \"time_in\", \"arguments\": {\"city\": \"Bern\", \"n\":"
            + " 3.14159265}}</tool_call>";
    String[] args = append(saying(call), "--tools", file(TOOLS));
    assertEquals(
        "Well.%ntool call: time_in {\"city\":\"Bern\",\"n\":3.14159265}%n".formatted(),
        chat("The time?", args).done());
    JsonNode object = parse(chat("The time?", append(args, "--json")).done());
    assertEquals("Well.", object.get("text").asText());
    assertEquals(
        "[{\"name\":\"time_in\",\"arguments\":{\"city\":\"Bern\",\"n\":3.14159265}}]",
        object.get("tool_calls").toString());
    // nobody told it of tools: then it is text
    assertEquals(call + System.lineSeparator(), chat("The time?", saying(call)).done());
    // what looks like a call and is none is not lost
    String broken = "Well.<tool_call>{\"name\": </tool_call>";
    assertEquals(
        broken + System.lineSeparator(),
        chat("The time?", append(saying(broken), "--tools", file(TOOLS))).done());
  }

  @Test
  void toolsResultIsATurnOfTheTool() throws IOException {
    Path folder =
        TestCheckpoints.replacing(
            temporary.resolve("m"),
            "tokenizer_config.json",
            "{%- for message in messages %}",
            "{%- if messages[-1].role == 'tool' %}{{ raise_exception(messages[-1].content) }}"
                + "{%- endif %}{%- for message in messages %}");
    CommandLineRun run = chat("/tool  12:30 \n", folder.toString());
    assertEquals(Main.FAILED, run.exitCode());
    assertTrue(run.err().contains("12:30"), run.err());
  }

  /** Options that make the model say a text, whatever it is asked. */
  private static String[] saying(String text) throws IOException {
    StringBuilder bias = new StringBuilder("[");
    try (Tokenizer tokenizer = Tokenizers.open(DemoModel.directory())) {
      int[] ids = tokenizer.encode(text + "<|end_of_text|>");
      for (int length = 1; length <= ids.length; length++) {
        String sequence = Arrays.toString(Arrays.copyOf(ids, length));
        // so much that the longest sequence that fits decides
        bias.append(length == 1 ? "" : ",").append("[%s,%d]".formatted(sequence, 1000 * length));
      }
    }
    return new String[] {
      "--no-do-sample",
      "--repetition-penalty=1",
      "--max-new-tokens=90",
      "--sequence-bias=" + bias + "]"
    };
  }

  private static String[] append(String[] args, String... more) {
    return Stream.concat(Stream.of(args), Stream.of(more)).toArray(String[]::new);
  }

  private String file(String content) throws IOException {
    return Files.writeString(temporary.resolve("given.json"), content).toString();
  }

  private static JsonNode parse(String line) throws IOException {
    return JsonReader.parseObject(ByteBuffer.wrap(line.getBytes(StandardCharsets.UTF_8)), "out");
  }

  @Test
  void laterTurnsComputeOnlyWhatIsNewAndAnswerTheSame() throws IOException {
    Path folder = DemoModel.directory();
    ChatTemplate template = ChatTemplate.load(folder);
    try (GraniteForCausalLM model = GraniteForCausalLM.load(folder);
        Tokenizer tokenizer = Tokenizers.open(folder);
        Generator generator = new Generator(model)) {
      GenerationConfig config =
          GenerationConfig.load(folder, model.config()).toBuilder()
              .doSample(false)
              .maxNewTokens(12)
              .build();
      List<Message> messages = new ArrayList<>();
      try (Conversation conversation =
          new Conversation(
              template, ChatOptions.DEFAULT, List.of(), config, model, tokenizer, generator)) {
        for (String text : List.of("Tell me a story about a king.", "And then?", "Why?")) {
          messages.add(Message.user(text));
          int[] ids = tokenizer.encode(template.render(messages, ChatOptions.DEFAULT));
          List<Integer> expected =
              generator.generate(ids, config, (sequence, id) -> true).sequences().getFirst().ids();
          Generation generation =
              conversation.answer(Message.user(text), piece -> true, () -> false).generation();
          assertEquals(expected, generation.sequences().getFirst().ids());
          assertTrue(conversation.seenTokens() >= ids.length, text);
          int[] answer = expected.stream().mapToInt(Integer::intValue).toArray();
          messages.add(Message.assistant(tokenizer.decode(answer, true)));
        }
      }
    }
  }

  @Test
  void conversationGoesOnAfterACancelledAnswerAndAFailedOne() throws IOException {
    Path folder = DemoModel.directory();
    try (GraniteForCausalLM model = GraniteForCausalLM.load(folder);
        Tokenizer tokenizer = Tokenizers.open(folder);
        Generator generator = new Generator(model);
        Conversation conversation =
            new Conversation(
                ChatTemplate.load(folder),
                ChatOptions.DEFAULT,
                List.of(),
                GenerationConfig.load(folder, model.config()).toBuilder()
                    .maxNewTokens(8)
                    .minNewTokens(8)
                    .build(),
                model,
                tokenizer,
                generator)) {
      Generation cancelled =
          conversation.answer(Message.user("One."), piece -> true, () -> true).generation();
      assertEquals(FinishReason.CANCELLED, cancelled.sequences().getFirst().finishReason());
      try {
        conversation.answer(
            Message.user("Two."),
            piece -> {
              throw new IllegalStateException("the listener fails");
            },
            () -> false);
      } catch (IllegalStateException e) {
        assertEquals("the listener fails", e.getMessage());
      }
      Generation third =
          conversation.answer(Message.user("Three."), piece -> true, () -> false).generation();
      assertEquals(8, third.newTokens());
    }
  }

  private static CommandLineRun chat(String input, String... args) {
    InputStream before = System.in;
    System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
    try {
      List<String> all = new ArrayList<>(List.of("chat"));
      all.addAll(List.of(args));
      return CommandLineRun.of(all.toArray(String[]::new));
    } finally {
      System.setIn(before);
    }
  }
}
