package org.graniteffm.runtime.verify;

import java.util.Arrays;
import org.graniteffm.runtime.ModelFormatException;

/**
 * Which tokens of a batch count. What a model computes for padding is of no account: neither its
 * logits and hidden states, nor the keys and values it leaves in the cache.
 */
final class Rows {
  private final int[][] tokens; // [batch][past + tokens]: behind those of the runs it continues
  private final int past;

  private Rows(int[][] tokens, int past) {
    this.tokens = tokens;
    this.past = past;
  }

  /** All tokens of a run, behind what came before (null for nothing). */
  static Rows all(int batch, int tokens, Rows before) {
    int[][] rows = new int[batch][tokens];
    for (int[] row : rows) {
      Arrays.fill(row, 1);
    }
    return of(rows, before);
  }

  /** Tokens of a run that a mask has, behind what came before (null for nothing). */
  static Rows of(int[][] mask, Rows before) {
    if (before == null) {
      return new Rows(mask, 0);
    }
    int past = before.tokens[0].length;
    int[][] joined = new int[mask.length][];
    for (int i = 0; i < mask.length; i++) {
      joined[i] = Arrays.copyOf(before.tokens[i], past + mask[i].length);
      System.arraycopy(mask[i], 0, joined[i], past, mask[i].length);
    }
    return new Rows(joined, past);
  }

  /**
   * Which elements of an output count.
   *
   * @param role decides which dimension is that of the tokens
   * @param shape of the output
   * @throws ModelFormatException if the output does not have these tokens
   */
  Comparison.Selection select(String role, long[] shape) throws ModelFormatException {
    return switch (ForwardOutputs.kind(role)) {
      case "logits", "hidden_states" -> select(role, shape, 1);
      case "attentions" -> select(role, shape, 2);
      case "past_key", "past_value" -> select(role, shape, 2);
      case "router_logits" -> {
        // [batch * tokens, experts]
        int count = tokens[0].length - past;
        long[] apart = {tokens.length, count, shape.length == 2 ? shape[1] : 0};
        if (shape.length != 2 || shape[0] != (long) tokens.length * count) {
          throw doesNotFit(role, shape);
        }
        yield select(role, apart, 1);
      }
      default -> Comparison.Selection.ALL;
    };
  }

  private Comparison.Selection select(String role, long[] shape, int tokenDimension)
      throws ModelFormatException {
    boolean fits =
        shape.length > tokenDimension
            && shape[0] == tokens.length
            && shape[tokenDimension] <= tokens[0].length;
    if (!fits) {
      throw doesNotFit(role, shape);
    }
    // the last ones, where there are fewer: the new tokens, or those that logits_to_keep keeps
    int skipped = tokens[0].length - (int) shape[tokenDimension];
    long tokenStride = 1;
    for (int i = tokenDimension + 1; i < shape.length; i++) {
      tokenStride *= shape[i];
    }
    long inner = tokenStride;
    long rowStride = elementsPerRow(shape);
    return index ->
        tokens[(int) (index / rowStride)][skipped + (int) (index / inner % shape[tokenDimension])]
            != 0;
  }

  private static long elementsPerRow(long[] shape) {
    long elements = 1;
    for (int i = 1; i < shape.length; i++) {
      elements *= shape[i];
    }
    return elements;
  }

  private ModelFormatException doesNotFit(String role, long[] shape) {
    return new ModelFormatException(
        "expected.safetensors: %s: shape %s does not fit %d sequences of %d tokens"
            .formatted(role, Arrays.toString(shape), tokens.length, tokens[0].length));
  }
}
