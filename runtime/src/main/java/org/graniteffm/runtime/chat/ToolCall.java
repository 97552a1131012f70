package org.graniteffm.runtime.chat;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Objects;

/**
 * What a model asks a tool to do.
 *
 * @param name of the tool; the model's word, so check it
 * @param arguments by name, as plain data: null, Boolean, numbers, String, List and Map
 */
public record ToolCall(String name, Map<String, Object> arguments) {
  /**
   * Copies the map.
   *
   * @param name of the tool
   * @param arguments by name, as plain data
   */
  public ToolCall {
    Objects.requireNonNull(name, "name");
    arguments = Collections.unmodifiableMap(new LinkedHashMap<>(arguments));
  }
}
