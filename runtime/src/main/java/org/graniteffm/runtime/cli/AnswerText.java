package org.graniteffm.runtime.cli;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.graniteffm.runtime.chat.Reply;
import org.graniteffm.runtime.tokenizer.StreamDecoder;
import org.graniteffm.runtime.tokenizer.Tokenizer;

/**
 * An answer's text as its tokens come. Where there are tools it is shown up to where it begins to
 * call them: calls are for programs to read, and can be shown readably when they are complete. What
 * may become the mark of a call waits until that is known.
 */
final class AnswerText {
  /** What Granite's checkpoints put before calls, as {@link Reply#parse} knows them. */
  private static final List<String> MARKS = List.of("<|tool_call|>", "<tool_call>");

  private final Tokenizer tokenizer;
  private final Optional<List<Map<String, Object>>> tools;
  private final Conversation.TextListener listener;
  private final StreamDecoder decoder;
  private final StringBuilder text = new StringBuilder();
  private int shown; // characters of the text
  private boolean calling;

  /**
   * Begins.
   *
   * @param tools what may be called, if anything
   * @param listener given each piece that can be shown
   */
  AnswerText(
      Tokenizer tokenizer,
      Optional<List<Map<String, Object>>> tools,
      Conversation.TextListener listener) {
    this.tokenizer = tokenizer;
    this.tools = tools;
    this.listener = listener;
    decoder = tokenizer.streamDecoder(false);
  }

  /** Takes the next token; false if the listener wants no more. */
  boolean push(int id) {
    if (!tokenizer.isSpecial(id) || (tools.isPresent() && isMark(id))) {
      text.append(decoder.push(id));
    }
    return listener.onText(showUpTo(end()));
  }

  private boolean isMark(int id) {
    return MARKS.stream().anyMatch(mark -> tokenizer.specialTokenId(mark).orElse(-1) == id);
  }

  /** Up to where the text can be shown now. */
  private int end() {
    if (tools.isEmpty()) {
      return text.length();
    }
    if (calling) {
      return shown;
    }
    int waiting = 0;
    for (String mark : MARKS) {
      int at = text.indexOf(mark, shown);
      if (at >= 0) {
        calling = true;
        return at;
      }
      for (int n = Math.min(mark.length() - 1, text.length() - shown); n > waiting; n--) {
        if (mark.startsWith(text.substring(text.length() - n))) {
          waiting = n;
        }
      }
    }
    return text.length() - waiting;
  }

  private String showUpTo(int end) {
    String piece = text.substring(shown, end);
    shown = end;
    return piece;
  }

  /**
   * Ends, and shows what has waited in vain.
   *
   * @return calls if there are some and all are well-formed, else all of the text
   */
  Reply end(String content) {
    text.append(decoder.flush());
    Reply reply = tools.isPresent() ? Reply.parse(content, tools.get()) : new Reply.Text(content);
    if (reply instanceof Reply.ToolCalls calls) {
      String before = text.substring(0, shown).strip();
      listener.onText(
          calls.text().startsWith(before) ? calls.text().substring(before.length()) : "");
      return calls;
    }
    listener.onText(showUpTo(text.length()));
    return new Reply.Text(text.toString());
  }
}
