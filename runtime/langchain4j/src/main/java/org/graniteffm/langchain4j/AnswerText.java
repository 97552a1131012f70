package org.graniteffm.langchain4j;

import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.graniteffm.runtime.tokenizer.StreamDecoder;
import org.graniteffm.runtime.tokenizer.Tokenizer;

/**
 * The text of an answer as its tokens come. Shown is what is certain to be text: the beginning of
 * what may become a stop sequence is held back until that is known, and everything from the mark of
 * a tool call on until the end.
 */
final class AnswerText {
  private static final List<String> TOOL_MARKS = List.of("<|tool_call|>", "<tool_call>");

  private final Set<Integer> endTokens;
  private final List<String> stops;
  private final List<String> marks;
  private final int longest; // of stops and marks
  private final Consumer<String> listener;
  private final StreamDecoder plainDecoder;
  private final StreamDecoder markedDecoder;
  private final StringBuilder plain = new StringBuilder(); // without special tokens
  private final StringBuilder marked = new StringBuilder(); // with them: marks of calls may be some
  private int calls = -1; // where in the plain text they begin
  private int shown;
  private boolean stopped;

  /**
   * Starts an answer.
   *
   * @param stops what ends it, and is not part of it
   * @param tools whether there may be calls
   * @param listener given the text piece by piece, none empty
   */
  AnswerText(
      Tokenizer tokenizer,
      List<Integer> endTokens,
      List<String> stops,
      boolean tools,
      Consumer<String> listener) {
    this.endTokens = Set.copyOf(endTokens);
    this.stops = stops;
    this.marks = tools ? TOOL_MARKS : List.of();
    this.longest =
        Stream.concat(stops.stream(), marks.stream()).mapToInt(String::length).max().orElse(0);
    this.listener = listener;
    plainDecoder = tokenizer.streamDecoder(true);
    markedDecoder = tokenizer.streamDecoder(false);
  }

  /** Takes the next token; false if a stop sequence came. */
  boolean push(int id) {
    if (!endTokens.contains(id)) {
      append(plainDecoder.push(id), markedDecoder.push(id));
    }
    return !stopped;
  }

  private void append(String plainPiece, String markedPiece) {
    int before = plain.length();
    int markedBefore = marked.length();
    plain.append(plainPiece);
    marked.append(markedPiece);
    if (calls < 0) {
      calls = first(plain, marks, before);
      if (calls < 0 && first(marked, marks, markedBefore) >= 0) {
        calls = before; // a mark that is a special token
      }
    }
    int end = first(plain, stops, before);
    if (end >= 0) {
      stopped = true;
      plain.setLength(end);
      int markedEnd = first(marked, stops, markedBefore);
      marked.setLength(markedEnd < 0 ? marked.length() : markedEnd);
    }
    show(calls >= 0 ? calls : plain.length() - (stopped ? 0 : heldBack()));
  }

  /** Ends the text; all of it is shown now, unless it turned out to hold calls. */
  void finish() {
    if (!stopped) {
      append(plainDecoder.flush(), markedDecoder.flush());
    }
  }

  /** Shows what looked like a call and is none. */
  void showAll() {
    show(plain.length());
  }

  /** Whether a stop sequence ended it. */
  boolean isStopped() {
    return stopped;
  }

  String text() {
    return plain.toString();
  }

  /** With special tokens, but for the one that ended it. */
  String marked() {
    return marked.toString();
  }

  private void show(int to) {
    int end = Math.min(to, plain.length());
    if (end > shown) {
      String piece = plain.substring(shown, end);
      shown = end;
      listener.accept(piece);
    }
  }

  /** Where the first of them is that was not there before the text grew, or -1. */
  private int first(StringBuilder text, List<String> wanted, int before) {
    int first = -1;
    for (String one : wanted) {
      int at = text.indexOf(one, Math.max(0, before - longest));
      if (at >= 0 && (first < 0 || at < first)) {
        first = at;
      }
    }
    return first;
  }

  /** Length of the longest end of the text that begins a stop sequence or a mark. */
  private int heldBack() {
    for (int length = Math.min(longest - 1, plain.length()); length > 0; length--) {
      String end = plain.substring(plain.length() - length);
      if (Stream.concat(stops.stream(), marks.stream()).anyMatch(one -> one.startsWith(end))) {
        return length;
      }
    }
    return 0;
  }
}
