package org.graniteffm.runtime.chat;

import java.time.Clock;
import java.time.ZoneId;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a template is given besides the messages: the arguments of transformers' {@code
 * apply_chat_template}. Immutable.
 */
public final class ChatOptions {
  /** No tools, no documents, a prompt for the assistant's turn. */
  public static final ChatOptions DEFAULT = builder().build();

  private final List<Map<String, Object>> tools;
  private final List<Map<String, Object>> documents;
  private final Map<String, Object> variables;
  private final boolean addGenerationPrompt;
  private final Clock clock;

  private ChatOptions(Builder builder) {
    tools = builder.tools;
    documents = builder.documents;
    variables = Collections.unmodifiableMap(new LinkedHashMap<>(builder.variables));
    addGenerationPrompt = builder.addGenerationPrompt;
    clock = builder.clock;
  }

  /**
   * Starts with no tools, no documents and a prompt for the assistant's turn.
   *
   * @return a builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * What the model may call.
   *
   * @return JSON schemas of functions, if any were given
   */
  public Optional<List<Map<String, Object>>> tools() {
    return Optional.ofNullable(tools);
  }

  /**
   * What the model is to rely on.
   *
   * @return documents, if any were given
   */
  public Optional<List<Map<String, Object>>> documents() {
    return Optional.ofNullable(documents);
  }

  /**
   * Further variables of the template, those of {@link Builder#thinking} included.
   *
   * @return values by name
   */
  public Map<String, Object> variables() {
    return variables;
  }

  /**
   * Whether the prompt ends with the beginning of the assistant's turn.
   *
   * @return true unless told otherwise
   */
  public boolean addGenerationPrompt() {
    return addGenerationPrompt;
  }

  /**
   * What tells the date that some templates put into the first turn.
   *
   * @return the system's, unless told otherwise
   */
  public Clock clock() {
    return clock;
  }

  /** Collects options. */
  public static final class Builder {
    private List<Map<String, Object>> tools;
    private List<Map<String, Object>> documents;
    private final Map<String, Object> variables = new LinkedHashMap<>();
    private boolean addGenerationPrompt = true;
    private Clock clock = Clock.system(ZoneId.systemDefault());

    private Builder() {}

    /**
     * Sets what the model may call.
     *
     * @param value JSON schemas of functions, such as {@code {"type": "function", "function":
     *     {"name": …, "description": …, "parameters": {…}}}}, as plain data
     * @return this
     */
    public Builder tools(List<Map<String, Object>> value) {
      tools = List.copyOf(value);
      return this;
    }

    /**
     * Sets what the model is to rely on.
     *
     * @param value documents, such as {@code {"doc_id": 1, "title": …, "text": …}}, as plain data
     * @return this
     */
    public Builder documents(List<Map<String, Object>> value) {
      documents = List.copyOf(value);
      return this;
    }

    /**
     * Sets whether the model thinks aloud before it answers: the variables {@code thinking}, as
     * Granite 3 has it, and {@code enable_thinking}, as 4.2 has it. Unset, the template decides.
     *
     * @param value whether to think
     * @return this
     */
    public Builder thinking(boolean value) {
      return variable("thinking", value).variable("enable_thinking", value);
    }

    /**
     * Sets any other variable, such as {@code controls}.
     *
     * @param name of the variable
     * @param value plain data: null, Boolean, numbers, String, List and Map
     * @return this
     */
    public Builder variable(String name, Object value) {
      variables.put(name, value);
      return this;
    }

    /**
     * Sets whether the prompt ends with the beginning of the assistant's turn.
     *
     * @param value false for a conversation as it is, such as for scoring
     * @return this
     */
    public Builder addGenerationPrompt(boolean value) {
      addGenerationPrompt = value;
      return this;
    }

    /**
     * Sets what tells the date.
     *
     * @param value a fixed one makes the same prompt every day
     * @return this
     */
    public Builder clock(Clock value) {
      clock = value;
      return this;
    }

    /**
     * Ends.
     *
     * @return the options
     */
    public ChatOptions build() {
      return new ChatOptions(this);
    }
  }
}
