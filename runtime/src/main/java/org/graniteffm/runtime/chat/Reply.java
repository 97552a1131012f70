package org.graniteffm.runtime.chat;

import java.util.List;
import java.util.Map;

/** What a model answered: text alone, or calls of tools with perhaps some text before them. */
public sealed interface Reply {
  /**
   * The text; with calls, what stands before and between them.
   *
   * @return often empty beside calls
   */
  String text();

  /**
   * Text alone: also what looks like a call but is malformed, so that nothing is lost.
   *
   * @param text the whole answer
   */
  record Text(String text) implements Reply {}

  /**
   * Calls of tools.
   *
   * @param text what stands around the calls
   * @param calls at least one, in the model's order
   */
  record ToolCalls(String text, List<ToolCall> calls) implements Reply {
    /**
     * Copies the list.
     *
     * @param text what stands around the calls
     * @param calls at least one
     */
    public ToolCalls {
      calls = List.copyOf(calls);
    }
  }

  /**
   * Finds the calls in an answer, without knowing the tools: arguments in the form of Granite 4.2,
   * which does not tell strings from other values, stay strings.
   *
   * @param answer as the model gave it, decoded with special tokens
   * @return calls if there are some and all are well-formed, else the answer as text
   */
  static Reply parse(String answer) {
    return parse(answer, List.of());
  }

  /**
   * Finds the calls in an answer. The forms of Granite's checkpoints are told apart by their marks:
   *
   * <ul>
   *   <li>3.x: {@code <|tool_call|>} and a JSON list of objects with name and arguments
   *   <li>4.0 and 4.1: <code>&lt;tool_call>{"name": …, "arguments": {…}}&lt;/tool_call></code>
   *   <li>4.2: {@code <tool_call><function=NAME><parameter=NAME>VALUE</parameter></function>
   *       </tool_call>}
   * </ul>
   *
   * @param answer as the model gave it, decoded with special tokens
   * @param tools what the model was told of; in the form of 4.2, an argument whose type in there is
   *     not string is read as JSON
   * @return calls if there are some and all are well-formed, else the answer as text
   */
  static Reply parse(String answer, List<Map<String, Object>> tools) {
    return new ReplyParser(tools).parse(answer);
  }
}
