package org.graniteffm.runtime.score;

/** How well a text was predicted. Immutable. */
public final class Score {
  private final double[] losses;
  private final int windows;
  private final int predicted;
  private final double meanNegativeLogLikelihood;

  /**
   * Sums up.
   *
   * @param losses one for each token, NaN where there is no prediction; not copied
   */
  Score(double[] losses, int windows) {
    this.losses = losses;
    this.windows = windows;
    double sum = 0;
    int count = 0;
    for (double loss : losses) {
      if (!Double.isNaN(loss)) {
        sum += loss;
        count++;
      }
    }
    predicted = count;
    meanNegativeLogLikelihood = sum / count;
  }

  /**
   * Tokens of the text.
   *
   * @return how many, at least 2
   */
  public int tokens() {
    return losses.length;
  }

  /**
   * Tokens that were predicted: not the first one, nor, where windows do not overlap, the first one
   * of each window.
   *
   * @return how many, at least 1
   */
  public int predicted() {
    return predicted;
  }

  /**
   * Windows it took.
   *
   * @return how many, at least 1
   */
  public int windows() {
    return windows;
  }

  /**
   * The mean of the negative log-likelihoods of all predicted tokens, each counted once.
   *
   * @return in nats per token
   */
  public double meanNegativeLogLikelihood() {
    return meanNegativeLogLikelihood;
  }

  /**
   * The exponential of the mean negative log-likelihood.
   *
   * @return at least 1, but for rounding; infinite where that exceeds a double
   */
  public double perplexity() {
    return Math.exp(meanNegativeLogLikelihood);
  }

  /**
   * The negative log-likelihood of each token.
   *
   * @return a new array, in nats; NaN for a token without a prediction
   */
  public double[] negativeLogLikelihoods() {
    return losses.clone();
  }

  /** The figures, without those of the tokens. */
  @Override
  public String toString() {
    return "%d tokens, %d predicted in %d windows: mean nll %s, perplexity %s"
        .formatted(tokens(), predicted, windows, meanNegativeLogLikelihood, perplexity());
  }
}
