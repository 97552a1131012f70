package org.graniteffm.runtime.embed;

import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;

/** How the last hidden states of a text's tokens become one vector. */
public enum Pooling {
  /** The mean of all of them. */
  MEAN,

  /** The last one, which alone has seen the whole text. */
  LAST_TOKEN;

  /**
   * Pools what a forward pass over a padded batch returned.
   *
   * @param lastHiddenState {@code [batch, tokens, H]} F32
   * @param attentionMask {@code [batch][tokens]}, 0 for padding, which may be on either side; or
   *     null for none
   * @return {@code [batch][H]}
   * @throws IllegalArgumentException if the shapes do not fit, or a text is all padding
   */
  public float[][] pool(Tensor lastHiddenState, int[][] attentionMask) {
    if (lastHiddenState.rank() != 3 || lastHiddenState.dtype() != DType.F32) {
      throw new IllegalArgumentException(
          "last_hidden_state: expected F32 [batch, tokens, H], found " + lastHiddenState);
    }
    int batch = Math.toIntExact(lastHiddenState.size(0));
    if (attentionMask != null && attentionMask.length != batch) {
      throw new IllegalArgumentException(
          "attention_mask: %d rows, expected %d".formatted(attentionMask.length, batch));
    }
    float[][] vectors = new float[batch][];
    for (int row = 0; row < batch; row++) {
      int[] mask = attentionMask == null ? null : attentionMask[row];
      if (mask != null && mask.length != lastHiddenState.size(1)) {
        throw new IllegalArgumentException(
            "attention_mask: row %d has %d columns, expected %d"
                .formatted(row, mask.length, lastHiddenState.size(1)));
      }
      vectors[row] = poolText(lastHiddenState.get(row), mask);
      if (vectors[row] == null) {
        throw new IllegalArgumentException(
            "attention_mask: row %d has no token that is not padding".formatted(row));
      }
    }
    return vectors;
  }

  /**
   * Pools one text.
   *
   * @param states {@code [tokens, H]} F32
   * @param mask 0 for padding; or null for none
   * @return {@code [H]}, or null if all is padding
   */
  float[] poolText(Tensor states, int[] mask) {
    int width = Math.toIntExact(states.size(1));
    double[] sum = new double[width];
    int count = 0;
    for (int token = Math.toIntExact(states.size(0)) - 1; token >= 0; token--) {
      if (mask != null && mask[token] == 0) {
        continue;
      }
      float[] state = states.get(token).toFloatArray();
      if (this == LAST_TOKEN) {
        return state;
      }
      for (int i = 0; i < width; i++) {
        sum[i] += state[i];
      }
      count++;
    }
    if (count == 0) {
      return null;
    }
    float[] mean = new float[width];
    for (int i = 0; i < width; i++) {
      mean[i] = (float) (sum[i] / count);
    }
    return mean;
  }
}
