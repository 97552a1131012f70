package org.graniteffm.runtime.chat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.fail;

import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ReplyTest {
  private static final String XML =
      """
      <think>
      Hm.
      </think>
      <tool_call>
      <function=get>
      <parameter=place>
      Bern
      and Biel
      </parameter>
      <parameter=days>
      2
      </parameter>
      <parameter=all>
      True
      </parameter>
      <parameter=at>
      [1, {"a": null}]
      </parameter>
      </function>
      </tool_call>
      """;

  @Test
  void granite3HasAList() {
    assertEquals(
        calls("", call("a", Map.of("x", 1L, "y", List.of(1.5, "ü"))), call("b", Map.of())),
        Reply.parse(
            "<|tool_call|>[{\"name\": \"a\", \"arguments\": {\"x\": 1, \"y\": [1.5, \"ü\"]}},"
                + " {\"name\": \"b\", \"arguments\": {}}]\n"));
    assertEquals(
        calls("Let me see.", call("b", Map.of())),
        Reply.parse("Let me see.\n<|tool_call|> [{\"name\": \"b\"}]"));
  }

  @Test
  void granite4HasJsonInTags() {
    assertEquals(
        calls("One.\n\nTwo.", call("a", Map.of("x", true)), call("b", Map.of("y", "z"))),
        Reply.parse(
            "One.\n<tool_call>\n{\"name\": \"a\", \"arguments\": {\"x\": true}}\n</tool_call>\n"
                + "Two.<tool_call>{\"name\": \"b\", \"arguments\": \"{\\\"y\\\": \\\"z\\\"}\"}"
                + "</tool_call>"));
  }

  @Test
  void granite42HasTagsAlone() {
    Map<String, Object> arguments =
        Map.of("place", "Bern\nand Biel", "days", "2", "all", "True", "at", "[1, {\"a\": null}]");
    assertEquals(calls("<think>\nHm.\n</think>", call("get", arguments)), Reply.parse(XML));
    assertEquals(
        calls("", call("now", Map.of())),
        Reply.parse("<tool_call><function=now></function></tool_call>"));
  }

  @Test
  void typesComeFromTheTools() {
    Map<String, Object> tool =
        Map.of(
            "type",
            "function",
            "function",
            Map.of(
                "name",
                "get",
                "parameters",
                Map.of(
                    "properties",
                    Map.of(
                        "place", Map.of("type", "string"),
                        "days", Map.of("type", "integer"),
                        "all", Map.of("type", "boolean"),
                        "at", Map.of("type", "array")))));
    Map<String, Object> inner = new HashMap<>();
    inner.put("a", null);
    assertEquals(
        calls(
            "<think>\nHm.\n</think>",
            call(
                "get",
                Map.of(
                    "place", "Bern\nand Biel", "days", 2L, "all", true, "at", List.of(1L, inner)))),
        Reply.parse(XML, List.of(tool)));
    assertEquals(
        calls("", call("get", Map.of("days", "two"))),
        Reply.parse(
            "<tool_call><function=get><parameter=days>two</parameter></function></tool_call>",
            List.of(tool)));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "plain text",
        "<|tool_call|>",
        "<|tool_call|>[]",
        "<|tool_call|>{\"name\": \"a\"}",
        "<|tool_call|>[{\"name\": \"a\"}",
        "<|tool_call|>[{\"name\": \"a\"}] and more",
        "<|tool_call|>[{\"name\": \"a\"}], \"x\": [1]",
        "<|tool_call|>[{\"name\": 5}]",
        "<|tool_call|>[{\"name\": \"\"}]",
        "<|tool_call|>[{\"name\": \"a\", \"arguments\": [1]}]",
        "<|tool_call|>[{\"name\": \"a\", \"arguments\": \"x\"}]",
        "<|tool_call|>[{\"name\": \"a\"}, 5]",
        "<|tool_call|>[{\"name\": \"a\", \"name\": \"b\"}]",
        "<tool_call>",
        "<tool_call></tool_call>",
        "<tool_call>{\"name\": \"a\"}",
        "<tool_call>{\"name\": \"a\", \"arguments\": {</tool_call>",
        "<tool_call>{\"name\": \"a\"}</tool_call> <tool_call>oops</tool_call>",
        "<tool_call><function=></function></tool_call>",
        "<tool_call><function=a></tool_call>",
        "<tool_call><function=a</function></tool_call>",
        "<tool_call><function=<parameter=</function></tool_call>",
        "<tool_call><function=a>x</function></tool_call>",
        "<tool_call><function=a><parameter=b>1</function></tool_call>",
        "<tool_call><function=a><parameter=b</parameter></function></tool_call>",
        "<tool_call><function=a><parameter=b>1</parameter><parameter=b>2</parameter></function>"
            + "</tool_call>",
        "</tool_call><tool_call>",
      })
  void whatIsMalformedStaysText(String answer) {
    assertEquals(new Reply.Text(answer), Reply.parse(answer));
  }

  @Test
  void nothingIsThrownAndNoTextLost() {
    List<String> parts =
        List.of(
            "<|tool_call|>",
            "<tool_call>",
            "</tool_call>",
            "<function=",
            "</function>",
            ">",
            "<parameter=",
            "</parameter>",
            "{\"name\": \"a\"",
            ", \"arguments\": {",
            "}",
            "]",
            "[",
            "\"",
            "\\",
            "\n",
            "x",
            "1e999",
            "\ud83d",
            "\u0000",
            "{".repeat(2000));
    long seed = Long.getLong("granite.fuzz.seed", 1);
    Random random = new Random(seed);
    for (int i = Integer.getInteger("granite.fuzz.replies", 3000); i > 0; i--) {
      StringBuilder answer = new StringBuilder();
      for (int n = random.nextInt(20); n > 0; n--) {
        answer.append(parts.get(random.nextInt(parts.size())));
      }
      try {
        if (Reply.parse(answer.toString()) instanceof Reply.Text(String text)) {
          assertEquals(answer.toString(), text);
        }
      } catch (RuntimeException | Error e) {
        fail("seed %d, answer %s".formatted(seed, answer), e);
      }
    }
  }

  private static Reply calls(String text, ToolCall... calls) {
    return new Reply.ToolCalls(text, Arrays.asList(calls));
  }

  private static ToolCall call(String name, Map<String, Object> arguments) {
    return new ToolCall(name, arguments);
  }
}
