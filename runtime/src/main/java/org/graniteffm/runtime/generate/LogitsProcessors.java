package org.graniteffm.runtime.generate;

import java.util.List;

/** What generation makes of scores, without a model: for checking options. */
public final class LogitsProcessors {
  private LogitsProcessors() {}

  /**
   * Does to the scores of one step what generation does before it chooses: processors, with
   * sampling temperature and filters, renormalisation.
   *
   * @param config options
   * @param promptLength how many of the tokens are the prompt's
   * @param tokens the sequence so far, prompt included
   * @param scores one for each token of the vocabulary; changed in place, negative infinity for
   *     what is banned
   * @throws UnsupportedOptionException if an option is not supported
   * @throws IllegalArgumentException if an option or a token is outside the vocabulary, or all
   *     tokens are banned
   */
  public static void apply(
      GenerationConfig config, int promptLength, int[] tokens, float[] scores) {
    if (!config.unsupported().isEmpty()) {
      throw new UnsupportedOptionException(config.unsupported());
    }
    for (int id : tokens) {
      if (id < 0 || id >= scores.length) {
        throw new IllegalArgumentException(
            "tokens: token id %d, legal are 0 to %d".formatted(id, scores.length - 1));
      }
    }
    int maxLength = Math.addExact(promptLength, config.newTokens(promptLength, Integer.MAX_VALUE));
    ScoreProcessors processors =
        new ScoreProcessors(config, scores.length, promptLength, maxLength, List.of());
    new Sampler(config, processors, scores.length, null)
        .process(0, tokens, 0, tokens.length, scores);
  }
}
