package org.graniteffm.runtime.model;

/**
 * How {@link GranitePreTrainedModel#resizeTokenEmbeddings} makes new tokens.
 *
 * @param padToMultipleOf the size is rounded up to a multiple of it; 1 leaves it as it is
 * @param meanResizing whether new rows are the mean of the old ones, with noise whose covariance is
 *     10<sup>-9</sup> times theirs, as transformers draws it; else they are drawn like fresh
 *     weights, with initializer_range
 * @param seed decides the draws, which are not those of torch
 */
public record ResizeOptions(int padToMultipleOf, boolean meanResizing, long seed) {
  /**
   * Checks the ranges.
   *
   * @throws IllegalArgumentException if padToMultipleOf is below 1
   */
  public ResizeOptions {
    if (padToMultipleOf < 1) {
      throw new IllegalArgumentException(
          "pad_to_multiple_of: " + padToMultipleOf + " is not positive");
    }
  }

  /**
   * Those of transformers: the size as it is, new rows around the mean.
   *
   * @return the defaults, with seed 0
   */
  public static ResizeOptions defaults() {
    return new ResizeOptions(1, true, 0);
  }
}
