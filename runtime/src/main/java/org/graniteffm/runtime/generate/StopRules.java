package org.graniteffm.runtime.generate;

import java.nio.IntBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.graniteffm.runtime.tokenizer.StreamDecoder;
import org.graniteffm.runtime.tokenizer.Tokenizer;

/** Says when a sequence ends: end tokens, stop strings, the caller's criteria, length, time. */
final class StopRules {
  private static final int MARGIN = 8; // tokens: characters cut at the window's start

  private final List<Integer> ends;
  private final List<String> stopStrings;
  private final List<StoppingCriteria> criteria;
  private final Tokenizer tokenizer;
  private final int longest; // bytes of a stop string
  private final int maxLength;
  private final double maxNanos;
  private final long start = System.nanoTime();
  private boolean timeIsUp;

  StopRules(GenerationConfig config, GenerationHooks hooks, int maxLength) {
    ends = config.eosTokenIds();
    stopStrings = config.stopStrings();
    criteria = hooks.stoppingCriteria();
    tokenizer = hooks.tokenizer().orElse(null);
    this.maxLength = maxLength;
    maxNanos = config.maxTime().orElse(Double.POSITIVE_INFINITY) * 1e9;
    if (!stopStrings.isEmpty() && tokenizer == null) {
      throw new IllegalArgumentException(
          "stop_strings: need a tokenizer to look for them in the text; none was given");
    }
    int bytes = 0;
    for (String stop : stopStrings) {
      bytes = Math.max(bytes, stop.getBytes(StandardCharsets.UTF_8).length);
    }
    longest = bytes;
  }

  /** Looks at the clock, once a step. */
  void beginStep() {
    timeIsUp = System.nanoTime() - start > maxNanos;
  }

  /**
   * Says whether a sequence has ended with its newest token.
   *
   * @param sequence what to call the sequence
   * @param tokens holds it
   * @param from index of its first token
   * @param length its number of tokens
   * @return why, or null if it has not
   */
  FinishReason check(int sequence, int[] tokens, int from, int length) {
    if (isEnd(tokens[from + length - 1], ends)) {
      return FinishReason.EOS;
    }
    if (!stopStrings.isEmpty() && hasStopString(tokens, from, length)) {
      return FinishReason.STOP;
    }
    for (int i = 0; i < criteria.size(); i++) {
      IntBuffer view = IntBuffer.wrap(tokens, from, length).slice().asReadOnlyBuffer();
      if (criteria.get(i).isComplete(sequence, view)) {
        return FinishReason.STOP;
      }
    }
    if (length >= maxLength) {
      return FinishReason.LENGTH;
    }
    return timeIsUp ? FinishReason.TIME : null;
  }

  /** Whether a token is one of the end tokens. */
  static boolean isEnd(int id, List<Integer> ends) {
    for (int i = 0; i < ends.size(); i++) {
      if (ends.get(i) == id) {
        return true;
      }
    }
    return false;
  }

  /** Whether a stop string ends within the text of the newest token. */
  private boolean hasStopString(int[] tokens, int from, int length) {
    StreamDecoder decoder = tokenizer.streamDecoder(false);
    StringBuilder text = new StringBuilder();
    int newest = from + length - 1;
    // a token that stands for text has a byte at least
    for (int i = Math.max(from, newest - longest - MARGIN); i < newest; i++) {
      text.append(decoder.push(tokens[i]));
    }
    int before = text.length();
    text.append(decoder.push(tokens[newest]));
    for (String stop : stopStrings) {
      int first = Math.max(0, before - stop.length() + 1);
      if (text.indexOf(stop, first) >= 0) {
        return true;
      }
    }
    return false;
  }
}
