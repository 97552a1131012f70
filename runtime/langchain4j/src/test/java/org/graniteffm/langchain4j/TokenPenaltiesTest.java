package org.graniteffm.langchain4j;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import java.nio.IntBuffer;
import org.junit.jupiter.api.Test;

class TokenPenaltiesTest {
  @Test
  void eachTokenPaysByItsCount() {
    float[] scores = {1, 2, 3, 4};
    IntBuffer tokens = IntBuffer.wrap(new int[] {3, 3, 0, 2, 0, 0});
    new TokenPenalties(2, 0.5, 0.25).process(0, tokens, scores);
    // 3 is in the prompt alone
    assertArrayEquals(new float[] {1 - 3 * 0.5f - 0.25f, 2, 3 - 0.5f - 0.25f, 4}, scores);
  }

  @Test
  void negativePenaltiesAreRewards() {
    float[] scores = {1, 2};
    new TokenPenalties(0, -1, 0).process(0, IntBuffer.wrap(new int[] {1}), scores);
    assertArrayEquals(new float[] {1, 3}, scores);
  }
}
