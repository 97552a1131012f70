package org.graniteffm.runtime.generate;

import java.util.Arrays;
import java.util.List;

/**
 * Prompts as rows of one length, padded on the left, where transformers pads for generation.
 *
 * @param ids {@code [batch][tokens]}
 * @param mask {@code [batch][tokens]}, 0 where padded
 */
record PaddedPrompts(int[][] ids, int[][] mask) {
  /**
   * Pads.
   *
   * @param prompts token ids, at least one each
   * @param padToken what is put before the shorter ones
   * @return rows in the order of the prompts
   * @throws IllegalArgumentException if a prompt has no token
   */
  static PaddedPrompts of(List<int[]> prompts, int padToken) {
    int length = prompts.stream().mapToInt(prompt -> prompt.length).max().orElse(0);
    int[][] ids = new int[prompts.size()][length];
    int[][] mask = new int[prompts.size()][length];
    for (int row = 0; row < ids.length; row++) {
      int[] prompt = prompts.get(row);
      if (prompt.length < 1) {
        throw new IllegalArgumentException("prompt %d: has no token".formatted(row));
      }
      int padding = length - prompt.length;
      Arrays.fill(ids[row], 0, padding, padToken);
      System.arraycopy(prompt, 0, ids[row], padding, prompt.length);
      Arrays.fill(mask[row], padding, length, 1);
    }
    return new PaddedPrompts(ids, mask);
  }
}
