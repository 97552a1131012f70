package org.graniteffm.runtime.score;

import java.util.Arrays;
import org.graniteffm.runtime.generate.NonFiniteLogitsException;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.Session;

/**
 * Scores texts. A text longer than the window is scored in windows that overlap, as in
 * transformers' guide to the perplexity of models of a fixed length: each window starts {@code
 * stride} tokens after the one before, is a pass of its own that sees nothing before its start, and
 * counts only those tokens that no earlier window has counted; the rest of it is context. The first
 * token of a window has no prediction.
 *
 * <p>Each token counts once and alike. (The guide's program averages the windows' means, weighted
 * by one token too few after the first window; the difference is in the order of 1 / stride.)
 *
 * <p>Belongs to one caller at a time. Memory is that of the window's keys and values, not of its
 * logits.
 */
public final class Scorer implements AutoCloseable {
  private final int window;
  private final int stride;
  private final int vocabulary;
  private final Session session;

  /**
   * Scores over windows as long as the model's context that overlap by half.
   *
   * @param model stays open until this is closed
   * @throws org.graniteffm.runtime.ClosedException if the model is closed
   */
  public Scorer(GraniteForCausalLM model) {
    this(model, defaultWindow(model), defaultStride(defaultWindow(model)));
  }

  /**
   * Scores over windows.
   *
   * @param model stays open until this is closed
   * @param window tokens in one pass, at least 2; more than max_position_embeddings are positions
   *     the model was not trained on
   * @param stride tokens from one window's start to the next one's, 1 to window; the smaller, the
   *     more context each token has, and the longer it takes
   * @throws IllegalArgumentException if window or stride is out of range
   * @throws org.graniteffm.runtime.ClosedException if the model is closed
   */
  public Scorer(GraniteForCausalLM model, int window, int stride) {
    if (window < 2) {
      throw new IllegalArgumentException(
          "window: %d tokens, legal are at least 2".formatted(window));
    }
    if (stride < 1 || stride > window) {
      throw new IllegalArgumentException(
          "stride: %d tokens, legal are 1 to the window, %d".formatted(stride, window));
    }
    this.window = window;
    this.stride = stride;
    vocabulary = model.config().vocabSize();
    session = model.newSession();
  }

  /**
   * The window unless told otherwise.
   *
   * @param model whose context it is
   * @return max_position_embeddings, but at least 2
   */
  public static int defaultWindow(GraniteForCausalLM model) {
    return Math.max(2, model.config().maxPositionEmbeddings());
  }

  /**
   * The stride unless told otherwise.
   *
   * @param window tokens in one pass, at least 2
   * @return half the window
   */
  public static int defaultStride(int window) {
    return window / 2;
  }

  /**
   * The window.
   *
   * @return tokens in one pass
   */
  public int window() {
    return window;
  }

  /**
   * The stride.
   *
   * @return tokens from one window's start to the next one's
   */
  public int stride() {
    return stride;
  }

  /**
   * Scores a text.
   *
   * @param ids its tokens, at least 2
   * @return the score
   * @throws IllegalArgumentException if there are fewer than two tokens, or one is no token of the
   *     model
   * @throws NonFiniteLogitsException if the model makes something of the text that is no number
   * @throws org.graniteffm.runtime.ClosedException if this or the model is closed
   * @throws org.graniteffm.runtime.ConcurrentUseException if another thread is using this
   * @throws org.graniteffm.runtime.InsufficientMemoryException if a window's keys and values find
   *     no memory
   * @throws java.util.concurrent.CancellationException if the thread is interrupted
   */
  public Score score(int[] ids) {
    if (ids.length < 2) {
      throw new IllegalArgumentException(
          "text: %d tokens, at least 2 are needed to predict one".formatted(ids.length));
    }
    for (int i = 0; i < ids.length; i++) { // all of them, before the first pass
      if (ids[i] < 0 || ids[i] >= vocabulary) {
        throw new IllegalArgumentException(
            "input_ids: token id %d at %d, legal are 0 to %d".formatted(ids[i], i, vocabulary - 1));
      }
    }
    double[] losses = new double[ids.length];
    Arrays.fill(losses, Double.NaN);
    int windows = 0;
    int done = 0; // tokens that need no prediction any more
    for (int begin = 0; done < ids.length; begin += stride) {
      int end = (int) Math.min((long) begin + window, ids.length);
      int first = Math.max(done, begin + 1);
      if (first < end) {
        scoreWindow(ids, begin, first, end, losses);
        windows++;
      }
      done = end;
    }
    return new Score(losses, windows);
  }

  private void scoreWindow(int[] ids, int begin, int first, int end, double[] losses) {
    double[] found =
        session.negativeLogLikelihoods(Arrays.copyOfRange(ids, begin, end), first - begin);
    for (int i = 0; i < found.length; i++) {
      if (!Double.isFinite(found[i])) {
        throw new NonFiniteLogitsException(ids[first + i], (float) -found[i]);
      }
      losses[first + i] = found[i];
    }
  }

  /** Frees the scratch memory; the model stays open. */
  @Override
  public void close() {
    session.close();
  }
}
