package org.graniteffm.runtime.generate;

import java.nio.IntBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * What changes scores before a token is chosen, sampled or not: biases, penalties and bans, in the
 * reference's order. Holds only what options ask for; with none it costs nothing.
 */
final class ScoreProcessors {
  /** One of them: sees the tokens so far, {@code [from, from + length)}, and changes scores. */
  private interface Step {
    void apply(int sequence, int[] tokens, int from, int length, float[] scores);
  }

  private final Step[] steps;
  private final int vocabulary;

  /**
   * Makes the processors that options ask for.
   *
   * @param config options
   * @param vocabulary number of scores
   * @param promptLength tokens of a prompt, padding included
   * @param maxLength tokens of a prompt and all that may come
   * @param custom the caller's
   * @throws IllegalArgumentException if an option names a token outside the vocabulary
   */
  ScoreProcessors(
      GenerationConfig config,
      int vocabulary,
      int promptLength,
      int maxLength,
      List<LogitsProcessor> custom) {
    this.vocabulary = vocabulary;
    config.checkTokens(vocabulary);
    List<Step> all = new ArrayList<>();
    for (SequenceBias bias : config.sequenceBias()) {
      all.add(bias(array(bias.tokens()), (float) bias.bias()));
    }
    if (config.repetitionPenalty() != 1) {
      all.add(repetition((float) config.repetitionPenalty()));
    }
    if (config.noRepeatNgramSize() > 0) {
      all.add(noRepeatNgram(config.noRepeatNgramSize()));
    }
    int[] ends = config.eosTokenIds().stream().mapToInt(id -> id).filter(this::isToken).toArray();
    for (List<Integer> word : config.badWordsIds()) {
      boolean isEnd = word.size() == 1 && config.eosTokenIds().contains(word.getFirst());
      if (!isEnd) { // as the reference has it: a text must be able to end
        all.add(bias(array(word), Float.NEGATIVE_INFINITY));
      }
    }
    int least = promptLength + config.leastNewTokens(promptLength);
    if (least > promptLength && ends.length > 0) {
      all.add((_, _, _, length, scores) -> {
        if (length < least) {
          ban(ends, scores);
        }
      });
    }
    config.forcedBosTokenId().ifPresent(id -> all.add(force(1, new int[] {id})));
    if (!config.forcedEosTokenIds().isEmpty()) {
      all.add(force(maxLength - 1, array(config.forcedEosTokenIds())));
    }
    if (config.exponentialDecayLengthPenalty().isPresent() && ends.length > 0) {
      LengthDecay decay = config.exponentialDecayLengthPenalty().get();
      all.add(decay((long) promptLength + decay.start(), decay.factor(), ends));
    }
    if (!config.suppressTokens().isEmpty()) {
      int[] ids = array(config.suppressTokens());
      all.add((_, _, _, _, scores) -> ban(ids, scores));
    }
    if (!config.beginSuppressTokens().isEmpty()) {
      all.add(suppressAtBegin(config, promptLength));
    }
    for (LogitsProcessor processor : custom) {
      all.add((sequence, tokens, from, length, scores) ->
          processor.process(
              sequence, IntBuffer.wrap(tokens, from, length).slice().asReadOnlyBuffer(), scores));
    }
    steps = all.toArray(Step[]::new);
  }

  /**
   * Changes scores in place.
   *
   * @param sequence what to call the sequence
   * @param tokens holds the sequence so far
   * @param from index of its first token
   * @param length its number of tokens, prompt included
   * @param scores finite on entry; negative infinity afterwards where a token is banned
   * @throws IllegalArgumentException if a score becomes NaN or positive infinity
   */
  void apply(int sequence, int[] tokens, int from, int length, float[] scores) {
    if (steps.length == 0) {
      return;
    }
    for (Step step : steps) {
      step.apply(sequence, tokens, from, length, scores);
    }
    for (int i = 0; i < vocabulary; i++) {
      if (!(scores[i] < Float.POSITIVE_INFINITY)) {
        throw new IllegalArgumentException(
            "the options or a logits processor made the score of token %d %s"
                .formatted(i, scores[i]));
      }
    }
  }

  private boolean isToken(int id) {
    return id < vocabulary;
  }

  private static int[] array(List<Integer> ids) {
    return ids.stream().mapToInt(id -> id).toArray();
  }

  private static void ban(int[] ids, float[] scores) {
    for (int id : ids) {
      scores[id] = Float.NEGATIVE_INFINITY;
    }
  }

  private static Step bias(int[] word, float bias) {
    int before = word.length - 1;
    return (_, tokens, from, length, scores) -> {
      // longer words than the text are left alone, as in the reference, even if all but the last
      // token is there
      if (before > 0 && word.length > length) {
        return;
      }
      for (int i = 0; i < before; i++) {
        if (tokens[from + length - before + i] != word[i]) {
          return;
        }
      }
      scores[word[before]] += bias;
    };
  }

  private Step repetition(float penalty) {
    BitSet seen = new BitSet(vocabulary);
    return (_, tokens, from, length, scores) -> {
      seen.clear();
      for (int i = from; i < from + length; i++) {
        seen.set(tokens[i]);
      }
      for (int id = seen.nextSetBit(0); id >= 0; id = seen.nextSetBit(id + 1)) {
        scores[id] = scores[id] < 0 ? scores[id] * penalty : scores[id] / penalty;
      }
    };
  }

  /** Bans what would complete an n-gram that is there already. */
  private static Step noRepeatNgram(int size) {
    int before = size - 1;
    return (_, tokens, from, length, scores) -> {
      int tail = from + length - before;
      for (int start = from; start < tail; start++) {
        int i = 0;
        while (i < before && tokens[start + i] == tokens[tail + i]) {
          i++;
        }
        if (i == before) {
          scores[tokens[start + before]] = Float.NEGATIVE_INFINITY;
        }
      }
    };
  }

  private static Step force(int when, int[] ids) {
    return (_, _, _, length, scores) -> {
      if (length == when) {
        Arrays.fill(scores, Float.NEGATIVE_INFINITY);
        for (int id : ids) {
          scores[id] = 0;
        }
      }
    };
  }

  private static Step decay(long start, double factor, int[] ends) {
    return (_, _, _, length, scores) -> {
      if (length <= start) {
        return;
      }
      double growth = Math.pow(factor, (double) (length - start)) - 1;
      for (int id : ends) {
        if (scores[id] > Float.NEGATIVE_INFINITY) { // what is banned stays so
          double raised = scores[id] + Math.abs(scores[id]) * growth;
          scores[id] = (float) Math.min(raised, Float.MAX_VALUE);
        }
      }
    };
  }

  private static Step suppressAtBegin(GenerationConfig config, int promptLength) {
    int[] ids = array(config.beginSuppressTokens());
    boolean bosIsForced = promptLength <= 1 && config.forcedBosTokenId().isPresent();
    int begin = bosIsForced ? promptLength + 1 : promptLength;
    return (_, _, _, length, scores) -> {
      if (length == begin) {
        ban(ids, scores);
      }
    };
  }
}
