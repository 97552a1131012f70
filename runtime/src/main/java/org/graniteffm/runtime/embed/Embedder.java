package org.graniteffm.runtime.embed;

import java.util.ArrayList;
import java.util.List;
import org.graniteffm.runtime.model.BaseModelOutput;
import org.graniteffm.runtime.model.ForwardInput;
import org.graniteffm.runtime.model.GraniteModel;
import org.graniteffm.runtime.model.Session;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * Turns texts into vectors: the model's last hidden states, pooled. Immutable; may be shared
 * between threads, as its model may.
 *
 * <p>Short texts share a pass over the weights: they are laid one behind the other in a row of up
 * to {@link Session#BLOCK_ROWS} tokens, and attention looks at each alone. So nothing is padded,
 * and a text's vector is that of the text alone, but for rounding.
 */
public final class Embedder {
  private final GraniteModel model;
  private final Pooling pooling;
  private final boolean normalize;

  /**
   * Makes an embedder whose vectors are means of length 1, so that the dot product of two is the
   * cosine of their angle.
   *
   * @param model to embed with; stays open until it is closed by its owner
   */
  public Embedder(GraniteModel model) {
    this(model, Pooling.MEAN, true);
  }

  /**
   * Makes an embedder.
   *
   * @param model to embed with, such as {@link
   *     org.graniteffm.runtime.model.GraniteForCausalLM#model}; stays open until it is closed by
   *     its owner
   * @param pooling how the states of a text's tokens become one vector
   * @param normalize whether vectors are divided by their euclidean length
   */
  public Embedder(GraniteModel model, Pooling pooling, boolean normalize) {
    this.model = model;
    this.pooling = pooling;
    this.normalize = normalize;
  }

  /**
   * Elements of a vector.
   *
   * @return hidden_size
   */
  public int dimension() {
    return model.config().hiddenSize();
  }

  /**
   * Embeds a text.
   *
   * @param ids its tokens, at least one
   * @return {@code [H]}; NaN or infinite where the model's states are
   * @throws IllegalArgumentException if there is no token, or one is no token of the model
   * @throws org.graniteffm.runtime.ClosedException if the model is closed
   * @throws org.graniteffm.runtime.InsufficientMemoryException if keys, values or states find no
   *     memory
   * @throws java.io.UncheckedIOException if a mapped file of the model was cut short
   * @throws java.util.concurrent.CancellationException if the thread is interrupted
   */
  public float[] embed(int[] ids) {
    return embed(List.of(ids)).getFirst();
  }

  /**
   * Embeds texts, as many in one pass over the weights as have {@link Session#BLOCK_ROWS} tokens
   * together.
   *
   * @param texts tokens of each, at least one
   * @return {@code [H]} for each, in the order of the texts; NaN or infinite where the model's
   *     states are
   * @throws IllegalArgumentException if a text has no token, or one is no token of the model
   * @throws org.graniteffm.runtime.ClosedException if the model is closed
   * @throws org.graniteffm.runtime.InsufficientMemoryException if keys, values or states find no
   *     memory
   * @throws java.io.UncheckedIOException if a mapped file of the model was cut short
   * @throws java.util.concurrent.CancellationException if the thread is interrupted
   */
  public List<float[]> embed(List<int[]> texts) {
    check(texts); // all of them, before the first pass
    List<float[]> vectors = new ArrayList<>(texts.size());
    int first = 0;
    while (first < texts.size()) {
      int rows = texts.get(first).length;
      int end = first + 1;
      while (end < texts.size() && rows + texts.get(end).length <= Session.BLOCK_ROWS) {
        rows += texts.get(end++).length;
      }
      embedTogether(texts.subList(first, end), rows, vectors);
      first = end;
    }
    return vectors;
  }

  private void check(List<int[]> texts) {
    int vocabulary = model.config().vocabSize();
    for (int i = 0; i < texts.size(); i++) {
      int[] ids = texts.get(i);
      if (ids.length == 0) {
        throw new IllegalArgumentException("input_ids: text %d has no token".formatted(i));
      }
      for (int j = 0; j < ids.length; j++) {
        if (ids[j] < 0 || ids[j] >= vocabulary) {
          throw new IllegalArgumentException(
              "input_ids: token id %d at [%d, %d], legal are 0 to %d"
                  .formatted(ids[j], i, j, vocabulary - 1));
        }
      }
    }
  }

  private void embedTogether(List<int[]> texts, int rows, List<float[]> vectors) {
    int[] ids = new int[rows];
    int[] positions = new int[rows]; // start again with each text: that is what separates them
    int at = 0;
    for (int[] text : texts) {
      System.arraycopy(text, 0, ids, at, text.length);
      for (int i = 0; i < text.length; i++) {
        positions[at++] = i;
      }
    }
    ForwardInput input = ForwardInput.ofIds(ids).positionIds(new int[][] {positions}).build();
    try (BaseModelOutput output = model.forward(input)) {
      Tensor states = output.lastHiddenState().get(0);
      int begin = 0;
      for (int[] text : texts) {
        float[] vector = pooling.poolText(states.slice(0, begin, begin + text.length), null);
        if (normalize) {
          normalize(vector);
        }
        vectors.add(vector);
        begin += text.length;
      }
    }
  }

  /** Divides by the euclidean length; a vector of zeros stays one. */
  private static void normalize(float[] vector) {
    double squares = 0;
    for (float value : vector) {
      squares += (double) value * value;
    }
    double length = Math.max(Math.sqrt(squares), 1e-12); // as torch.nn.functional.normalize
    for (int i = 0; i < vector.length; i++) {
      vector[i] = (float) (vector[i] / length);
    }
  }
}
