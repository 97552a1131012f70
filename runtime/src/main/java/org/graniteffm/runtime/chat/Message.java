package org.graniteffm.runtime.chat;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * One turn of a conversation. What roles there are is up to the template; {@code system}, {@code
 * user} and {@code assistant} are known to all.
 *
 * @param role who speaks
 * @param content what is said; as text, since that is what Granite's models read
 * @param toolCalls what the assistant asks tools to do
 * @param fields further ones that a template looks for, such as {@code reasoning_content}, as plain
 *     data: null, Boolean, numbers, String, List and Map
 */
public record Message(
    String role, String content, List<ToolCall> toolCalls, Map<String, Object> fields) {
  /**
   * Copies list and map.
   *
   * @param role who speaks
   * @param content what is said
   * @param toolCalls what the assistant asks tools to do
   * @param fields further ones that a template looks for
   */
  public Message {
    Objects.requireNonNull(role, "role");
    Objects.requireNonNull(content, "content");
    toolCalls = List.copyOf(toolCalls);
    fields = Collections.unmodifiableMap(new LinkedHashMap<>(fields));
  }

  /**
   * A turn with nothing but text.
   *
   * @param role who speaks
   * @param content what is said
   */
  public Message(String role, String content) {
    this(role, content, List.of(), Map.of());
  }

  /**
   * Says how to answer; comes first.
   *
   * @param content the text
   * @return the message
   */
  public static Message system(String content) {
    return new Message("system", content);
  }

  /**
   * What a person says.
   *
   * @param content the text
   * @return the message
   */
  public static Message user(String content) {
    return new Message("user", content);
  }

  /**
   * What the model answered.
   *
   * @param content the text
   * @return the message
   */
  public static Message assistant(String content) {
    return new Message("assistant", content);
  }

  /**
   * What the model answered, and asked tools to do.
   *
   * @param content the text, which may be empty
   * @param toolCalls the calls
   * @return the message
   */
  public static Message assistant(String content, List<ToolCall> toolCalls) {
    return new Message("assistant", content, toolCalls, Map.of());
  }

  /**
   * What a tool returned; {@code tool_response} is the role in the first templates of Granite 3.
   *
   * @param content the text, usually JSON
   * @return the message
   */
  public static Message tool(String content) {
    return new Message("tool", content);
  }

  /** As templates see it, in the form that transformers documents. */
  Map<String, Object> asData() {
    Map<String, Object> data = new LinkedHashMap<>();
    data.put("role", role);
    data.put("content", content);
    if (!toolCalls.isEmpty()) {
      List<Object> calls = new ArrayList<>();
      for (ToolCall call : toolCalls) {
        Map<String, Object> function = new LinkedHashMap<>();
        function.put("name", call.name());
        function.put("arguments", call.arguments());
        Map<String, Object> typed = new LinkedHashMap<>(); // templates write it out in this order
        typed.put("type", "function");
        typed.put("function", function);
        calls.add(typed);
      }
      data.put("tool_calls", calls);
    }
    data.putAll(fields);
    return data;
  }
}
