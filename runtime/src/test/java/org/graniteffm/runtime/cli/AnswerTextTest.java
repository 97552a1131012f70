package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.graniteffm.runtime.chat.Reply;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class AnswerTextTest {
  private static final Optional<List<Map<String, Object>>> TOOLS =
      Optional.of(List.of(Map.of("name", "time_in")));
  private static final String CALL = "{\"name\": \"time_in\", \"arguments\": {}}";

  @TempDir private Path temporary;
  private final List<String> pieces = new ArrayList<>();

  private Reply answer(Path folder, Optional<List<Map<String, Object>>> tools, String content)
      throws IOException {
    try (Tokenizer tokenizer = Tokenizers.open(folder)) {
      AnswerText text = new AnswerText(tokenizer, tools, pieces::add);
      for (int id : tokenizer.encode(content)) {
        text.push(id);
      }
      return text.end(content);
    }
  }

  private Reply answer(Optional<List<Map<String, Object>>> tools, String content)
      throws IOException {
    return answer(DemoModel.directory(), tools, content);
  }

  private String shown() {
    return String.join("", pieces);
  }

  @Test
  void textComesTokenByToken() throws IOException {
    assertEquals("The king said.", answer(TOOLS, "The king said.").text());
    assertEquals("The", pieces.getFirst());
    assertEquals("The king said.", shown());
  }

  @Test
  void callIsNotShownAndNothingAroundItIsLost() throws IOException {
    Reply reply = answer(TOOLS, "Well.<tool_call>" + CALL + "</tool_call> Wait.");
    assertEquals(
        "time_in", assertInstanceOf(Reply.ToolCalls.class, reply).calls().getFirst().name());
    assertEquals(reply.text(), shown());
    assertEquals("Well. Wait.", shown());
  }

  @Test
  void whatMightHaveBecomeAMarkIsShownInTheEnd() throws IOException {
    answer(TOOLS, "if a <tool then b <");
    assertEquals("if a <tool then b <", shown());
  }

  @Test
  void malformedCallIsText() throws IOException {
    String content = "Well.<tool_call>{\"name\"";
    assertEquals(content, assertInstanceOf(Reply.Text.class, answer(TOOLS, content)).text());
    assertEquals(content, shown());
  }

  @Test
  void withoutToolsThereAreNoCalls() throws IOException {
    String content = "Well.<tool_call>" + CALL + "</tool_call>";
    assertEquals(
        content, assertInstanceOf(Reply.Text.class, answer(Optional.empty(), content)).text());
    assertEquals(content, shown());
  }

  @Test
  void markThatIsASpecialTokenIsKnown() throws IOException {
    Path folder =
        TestCheckpoints.replacing(
            temporary.resolve("m"), "tokenizer.json", "<|start_of_role|>", "<|tool_call|>");
    Reply reply = answer(folder, TOOLS, "Well.<|tool_call|>[" + CALL + "]");
    assertEquals(1, assertInstanceOf(Reply.ToolCalls.class, reply).calls().size());
    assertEquals("Well.", shown());
  }

  @Test
  void otherSpecialTokensAreLeftOut() throws IOException {
    answer(TOOLS, "The<|end_of_role|> king");
    assertEquals("The king", shown());
  }
}
