package org.graniteffm.runtime.generate;

import java.time.Duration;

/**
 * What a generation took, for whoever counts. Rates are NaN where there was nothing to time.
 *
 * @param sequences texts that were generated
 * @param promptTokens tokens of all prompts together, padding included
 * @param newTokens tokens of all texts together, end tokens included
 * @param passes passes over the weights after the first one
 * @param timeToFirstToken from the call until the first scores were there
 * @param decodeTime from then on
 * @param cacheBytes memory of keys and values at the end
 */
public record GenerationMetrics(
    int sequences,
    int promptTokens,
    int newTokens,
    int passes,
    Duration timeToFirstToken,
    Duration decodeTime,
    long cacheBytes) {

  static GenerationMetrics of(Generation generation, long cacheBytes) {
    return new GenerationMetrics(
        generation.sequences().size(),
        generation.promptTokens(),
        generation.newTokens(),
        generation.steps(),
        Duration.ofNanos(generation.prefillNanos()),
        Duration.ofNanos(generation.decodeNanos()),
        cacheBytes);
  }

  /**
   * How fast prompts were read.
   *
   * @return prompt tokens per second
   */
  public double prefillTokensPerSecond() {
    return promptTokens / seconds(timeToFirstToken);
  }

  /**
   * How fast texts were written. The first token of each belongs to the prompt's pass.
   *
   * @return new tokens per second, of all texts together
   */
  public double decodeTokensPerSecond() {
    return Math.max(0, newTokens - sequences) / seconds(decodeTime);
  }

  private static double seconds(Duration time) {
    return time.isPositive() ? time.toNanos() / 1e9 : Double.NaN;
  }
}
