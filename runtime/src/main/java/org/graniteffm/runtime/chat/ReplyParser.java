package org.graniteffm.runtime.chat;

import com.fasterxml.jackson.databind.JsonNode;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.json.JsonReader;
import org.graniteffm.runtime.json.PlainData;

/** Finds calls of tools in an answer; whatever is malformed makes it text. */
final class ReplyParser {
  private static final String LIST = "<|tool_call|>";
  private static final String OPEN = "<tool_call>";
  private static final String CLOSE = "</tool_call>";
  private static final String FUNCTION = "<function=";
  private static final String FUNCTION_END = "</function>";
  private static final String PARAMETER = "<parameter=";
  private static final String PARAMETER_END = "</parameter>";

  private final List<Map<String, Object>> tools;

  ReplyParser(List<Map<String, Object>> tools) {
    this.tools = tools;
  }

  Reply parse(String answer) {
    List<ToolCall> calls = new ArrayList<>();
    Optional<String> text = answer.contains(LIST) ? list(answer, calls) : tagged(answer, calls);
    return text.isEmpty() || calls.isEmpty()
        ? new Reply.Text(answer)
        : new Reply.ToolCalls(text.get(), calls);
  }

  /** The text around the calls; empty if something is malformed. */
  private static Optional<String> list(String answer, List<ToolCall> calls) {
    int mark = answer.indexOf(LIST);
    Optional<JsonNode> list = json(answer.substring(mark + LIST.length()));
    if (list.isEmpty() || !list.get().isArray()) {
      return Optional.empty();
    }
    for (JsonNode element : list.get()) {
      Optional<ToolCall> call = call(element);
      if (call.isEmpty()) {
        return Optional.empty();
      }
      calls.add(call.get());
    }
    return Optional.of(answer.substring(0, mark).strip());
  }

  private Optional<String> tagged(String answer, List<ToolCall> calls) {
    StringBuilder text = new StringBuilder();
    int at = 0;
    for (int open = answer.indexOf(OPEN); open >= 0; open = answer.indexOf(OPEN, at)) {
      int close = answer.indexOf(CLOSE, open);
      if (close < 0) {
        return Optional.empty();
      }
      String body = answer.substring(open + OPEN.length(), close).strip();
      Optional<ToolCall> call =
          body.startsWith(FUNCTION) ? function(body) : json(body).flatMap(ReplyParser::call);
      if (call.isEmpty()) {
        return Optional.empty();
      }
      calls.add(call.get());
      text.append(answer, at, open);
      at = close + CLOSE.length();
    }
    return Optional.of(text.append(answer, at, answer.length()).toString().strip());
  }

  /** {@code {"name": …, "arguments": {…}}}, where the arguments may be missing or JSON as text. */
  private static Optional<ToolCall> call(JsonNode node) {
    JsonNode name = node.path("name");
    if (!node.isObject() || !name.isTextual() || name.textValue().isEmpty()) {
      return Optional.empty();
    }
    JsonNode arguments = node.path("arguments");
    if (arguments.isTextual()) {
      Optional<JsonNode> inner = json(arguments.textValue());
      if (inner.isEmpty()) {
        return Optional.empty();
      }
      arguments = inner.get();
    }
    if (arguments.isMissingNode() || arguments.isNull()) {
      return Optional.of(new ToolCall(name.textValue(), Map.of()));
    }
    return arguments.isObject()
        ? Optional.of(new ToolCall(name.textValue(), PlainData.ofObject(arguments)))
        : Optional.empty();
  }

  private Optional<ToolCall> function(String body) {
    int nameEnd = body.indexOf('>');
    int functionEnd = body.length() - FUNCTION_END.length();
    // the first > may be that of the end mark itself
    if (nameEnd <= FUNCTION.length() || nameEnd >= functionEnd || !body.endsWith(FUNCTION_END)) {
      return Optional.empty();
    }
    String name = body.substring(FUNCTION.length(), nameEnd);
    String rest = body.substring(nameEnd + 1, functionEnd).strip();
    Map<String, Object> arguments = new LinkedHashMap<>();
    int at = 0;
    while (at < rest.length()) {
      int keyEnd = rest.indexOf('>', at);
      int end = rest.indexOf(PARAMETER_END, at);
      if (!rest.startsWith(PARAMETER, at) || keyEnd < 0 || end <= keyEnd) {
        return Optional.empty();
      }
      String key = rest.substring(at + PARAMETER.length(), keyEnd);
      // the template puts the value on lines of its own
      String value =
          rest.substring(keyEnd + 1, end).replaceFirst("^\n", "").replaceFirst("\n$", "");
      if (arguments.containsKey(key)) {
        return Optional.empty();
      }
      arguments.put(key, value(name, key, value));
      at = end + PARAMETER_END.length();
      while (at < rest.length() && Character.isWhitespace(rest.charAt(at))) {
        at++;
      }
    }
    return Optional.of(new ToolCall(name, arguments));
  }

  /** A value by its type in the tool's schema; text where that is unknown or does not fit. */
  private Object value(String tool, String parameter, String text) {
    for (Map<String, Object> entry : tools) {
      Map<?, ?> function = entry.get("function") instanceof Map<?, ?> inner ? inner : entry;
      if (tool.equals(function.get("name"))
          && function.get("parameters") instanceof Map<?, ?> parameters
          && parameters.get("properties") instanceof Map<?, ?> properties
          && properties.get(parameter) instanceof Map<?, ?> schema
          && schema.get("type") instanceof String type
          && !type.equals("string")) {
        // Python's words are what the template itself would write
        String spelled =
            switch (text.strip()) {
              case "True" -> "true";
              case "False" -> "false";
              case "None" -> "null";
              default -> text;
            };
        Optional<JsonNode> node = json(spelled);
        return node.isPresent() ? PlainData.of(node.get()) : text;
      }
    }
    return text;
  }

  /** Any JSON value, read as the only field of an object, within the limits for files. */
  private static Optional<JsonNode> json(String text) {
    byte[] object = ("{\"value\":" + text + "}").getBytes(StandardCharsets.UTF_8);
    try {
      JsonNode node = JsonReader.parseObject(ByteBuffer.wrap(object), "answer");
      return node.size() == 1 ? Optional.ofNullable(node.get("value")) : Optional.empty();
    } catch (ModelFormatException e) {
      return Optional.empty();
    }
  }
}
