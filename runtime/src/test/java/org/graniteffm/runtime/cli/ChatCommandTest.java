package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.graniteffm.runtime.chat.ChatOptions;
import org.graniteffm.runtime.chat.ChatTemplate;
import org.graniteffm.runtime.chat.Message;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.generate.FinishReason;
import org.graniteffm.runtime.generate.Generation;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ChatCommandTest {
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
          Generation generation = conversation.answer(text, piece -> true, () -> false);
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
      Generation cancelled = conversation.answer("One.", piece -> true, () -> true);
      assertEquals(FinishReason.CANCELLED, cancelled.sequences().getFirst().finishReason());
      try {
        conversation.answer(
            "Two.",
            piece -> {
              throw new IllegalStateException("the listener fails");
            },
            () -> false);
      } catch (IllegalStateException e) {
        assertEquals("the listener fails", e.getMessage());
      }
      assertEquals(8, conversation.answer("Three.", piece -> true, () -> false).newTokens());
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
