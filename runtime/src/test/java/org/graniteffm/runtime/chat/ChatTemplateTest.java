package org.graniteffm.runtime.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.List;
import java.util.Map;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.chat.jinja.RenderingCases;
import org.graniteffm.runtime.demo.DemoModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ChatTemplateTest {
  private static final List<Message> HELLO = List.of(Message.user("Hello"));
  private static final String TINY = "{{ messages[0].content }}";

  @TempDir private Path folder;

  @Test
  void demoModelHasATemplate() throws IOException {
    String text =
        ChatTemplate.load(DemoModel.directory())
            .render(List.of(Message.user("a"), Message.assistant("b")), ChatOptions.DEFAULT);
    assertEquals(
        """
        <|start_of_role|>user<|end_of_role|>a<|end_of_text|>
        <|start_of_role|>assistant<|end_of_role|>b<|end_of_text|>
        <|start_of_role|>assistant<|end_of_role|>\
        """,
        text);
  }

  @Test
  void ownFileComesBeforeTheConfig() throws IOException {
    write("tokenizer_config.json", "{\"chat_template\": \"config\"}");
    write("chat_template.json", "{\"chat_template\": \"json\"}");
    write("chat_template.jinja", TINY);
    assertEquals("Hello", render(ChatOptions.DEFAULT));
    Files.delete(folder.resolve("chat_template.jinja"));
    assertEquals("config", render(ChatOptions.DEFAULT));
    Files.delete(folder.resolve("tokenizer_config.json"));
    assertEquals("json", render(ChatOptions.DEFAULT));
  }

  /** The next best template would be a guess. */
  @Test
  void linkThatLeadsNowhereIsNotSkipped() throws IOException {
    write("tokenizer_config.json", "{\"chat_template\": \"config\"}");
    Path link = Files.createSymbolicLink(folder.resolve("chat_template.jinja"), Path.of("gone"));
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> ChatTemplate.load(folder));
    assertTrue(e.getMessage().startsWith(link.toString()), e.getMessage());
  }

  @Test
  void namedTemplatesAreChosenByTheTools() throws IOException {
    write(
        "tokenizer_config.json",
        "{\"chat_template\": [{\"name\": \"default\", \"template\": \"d\"}, {\"name\": \"rag\","
            + " \"template\": \"{% nope %}\"}, {\"name\": \"tool_use\", \"template\": \"t\"}]}");
    assertEquals("d", render(ChatOptions.DEFAULT));
    assertEquals("t", render(ChatOptions.builder().tools(List.of(Map.of("name", "f"))).build()));
  }

  @Test
  void specialTokensAreVariables() throws IOException {
    write(
        "tokenizer_config.json",
        "{\"bos_token\": \"<b>\", \"eos_token\": {\"content\": \"<e>\"}, \"pad_token\": null,"
            + " \"additional_special_tokens\": [\"<x>\", \"<y>\"], \"chat_template\":"
            + " \"{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}"
            + "{{ additional_special_tokens[1] }}\"}");
    assertEquals("<b><e>False<y>", render(ChatOptions.DEFAULT));
  }

  @Test
  void optionsAreVariables() throws ModelFormatException {
    ChatTemplate template =
        ChatTemplate.parse(
            "{{ tools }}|{{ documents }}|{{ thinking }}{{ enable_thinking }}|{{ controls }}|"
                + "{{ add_generation_prompt }}|{{ strftime_now('%Y') }}",
            "t");
    ChatOptions options =
        ChatOptions.builder()
            .documents(List.of(Map.of("text", "x")))
            .thinking(true)
            .variable("controls", Map.of("length", "long"))
            .addGenerationPrompt(false)
            .clock(Clock.fixed(Instant.EPOCH, ZoneOffset.UTC))
            .build();
    assertEquals(
        "None|[{'text': 'x'}]|TrueTrue|{'length': 'long'}|False|1970",
        template.render(HELLO, options));
    assertTrue(template.render(HELLO, ChatOptions.DEFAULT).startsWith("None|None|||True|20"));
  }

  @Test
  void toolCallsHaveTransformersForm() throws ModelFormatException {
    ChatTemplate template = ChatTemplate.parse("{{ messages[0] | tojson }}", "t");
    Message message =
        new Message(
            "assistant",
            "",
            List.of(new ToolCall("f", Map.of("a", 1))),
            Map.of("reasoning_content", "Hm."));
    assertEquals(
        "{\"role\": \"assistant\", \"content\": \"\", \"tool_calls\": [{\"type\": \"function\","
            + " \"function\": {\"name\": \"f\", \"arguments\": {\"a\": 1}}}],"
            + " \"reasoning_content\": \"Hm.\"}",
        template.render(List.of(message), ChatOptions.DEFAULT));
  }

  @Test
  void callsThatWereParsedRenderAsTheyWere() throws ModelFormatException {
    ChatTemplate template =
        ChatTemplate.parse(RenderingCases.text("templates/granite-4.0.jinja"), "t");
    String answer =
        "Wait.\n<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": [1, 2.5, \"ü\"]}}\n</tool_call>";
    if (!(Reply.parse(answer) instanceof Reply.ToolCalls(String text, List<ToolCall> calls))) {
      throw new AssertionError("no calls");
    }
    String prompt =
        template.render(
            List.of(Message.user("x"), Message.assistant(text, calls)), ChatOptions.DEFAULT);
    assertTrue(prompt.contains("<|end_of_role|>" + answer + "<|end_of_text|>"), prompt);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '!',
      value = {
        "tokenizer_config.json ! {} ! no chat template",
        "tokenizer_config.json ! {\"chat_template\": 5} ! tokenizer_config.json: chat_template",
        "tokenizer_config.json ! {\"chat_template\": {\"a\": \"b\"}} ! chat_template",
        "tokenizer_config.json ! {\"chat_template\": []} ! default",
        "tokenizer_config.json ! {\"chat_template\": [{\"name\": \"default\"}]} ! chat_template",
        "tokenizer_config.json ! {\"chat_template\": \"x\", \"bos_token\": 5} ! bos_token",
        "tokenizer_config.json ! {\"chat_template\": \"\\n{% nope %}\"} ! chat_template: line 2",
        "tokenizer_config.json ! {\"chat_template\": \"{{\"} ! chat_template: line 1",
        "tokenizer_config.json ! {\"chat ! malformed JSON",
        "chat_template.jinja ! {% if %} ! chat_template.jinja: line 1",
      })
  void badFilesAreNamed(String file, String content, String named) throws IOException {
    write(file, content);
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> ChatTemplate.load(folder));
    assertTrue(e.getMessage().contains(named), e.getMessage());
    assertEquals(1, e.getMessage().lines().count(), e.getMessage());
  }

  @Test
  void folderWithoutATemplateIsNoChatModel() {
    UnsupportedModelException e =
        assertThrows(UnsupportedModelException.class, () -> ChatTemplate.load(folder));
    assertTrue(e.getMessage().contains("no chat template"), e.getMessage());
  }

  @Test
  void templateMustBeUtf8AndAFile() throws IOException {
    Path file = folder.resolve("chat_template.jinja");
    Files.write(file, new byte[] {'a', (byte) 0xC3});
    assertThrows(ModelFormatException.class, () -> ChatTemplate.load(folder));
    Files.delete(file);
    Files.createDirectory(file);
    assertThrows(ModelFormatException.class, () -> ChatTemplate.load(folder));
  }

  @Test
  void argumentsAreChecked() throws ModelFormatException {
    ChatTemplate template = ChatTemplate.parse(TINY, "t");
    assertThrows(
        IllegalArgumentException.class, () -> template.render(List.of(), ChatOptions.DEFAULT));
    ChatOptions hidden = ChatOptions.builder().variable("messages", List.of()).build();
    assertThrows(IllegalArgumentException.class, () -> template.render(HELLO, hidden));
    ChatOptions object = ChatOptions.builder().variable("x", new Object()).build();
    assertThrows(IllegalArgumentException.class, () -> template.render(HELLO, object));
  }

  private String render(ChatOptions options) throws IOException {
    return ChatTemplate.load(folder).render(HELLO, options);
  }

  private void write(String file, String content) throws IOException {
    Files.writeString(folder.resolve(file), content);
  }
}
