package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.util.Random;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.Test;

class KvCacheTest {
  private static final GraniteConfig CONFIG =
      GraniteConfig.builder()
          .vocabSize(10)
          .hiddenSize(24)
          .intermediateSize(8)
          .numHiddenLayers(2)
          .numAttentionHeads(4)
          .numKeyValueHeads(2)
          .build(); // heads of 6

  private static Tensor[] random(Arena arena, int tokens, long seed) {
    Tensor[] layers = new Tensor[2];
    for (int layer = 0; layer < 2; layer++) {
      float[] values = new float[3 * 2 * tokens * 6];
      Random random = new Random(seed + layer);
      for (int i = 0; i < values.length; i++) {
        values[i] = random.nextFloat();
      }
      layers[layer] = Tensor.ofFloats(arena, values, 3, 2, tokens, 6);
    }
    return layers;
  }

  @Test
  void growingKeepsWhatIsThere() {
    try (Arena arena = Arena.ofConfined();
        KvCache cache = new KvCache(CONFIG, 3, 2)) {
      Tensor[] keys = random(arena, 2, 1);
      Tensor[] values = random(arena, 2, 2);
      cache.append(keys, values);
      Tensor[] more = random(arena, 150, 3);
      cache.append(more, more);
      assertEquals(152, cache.length());
      for (int layer = 0; layer < 2; layer++) {
        assertTrue(cache.keys(layer).hasShape(3, 2, 152, 6));
        assertArrayEquals(
            keys[layer].toFloatArray(), cache.keys(layer).slice(2, 0, 2).toFloatArray());
        assertArrayEquals(
            values[layer].toFloatArray(), cache.values(layer).slice(2, 0, 2).toFloatArray());
        assertArrayEquals(
            more[layer].toFloatArray(), cache.values(layer).slice(2, 2, 152).toFloatArray());
      }
    }
  }

  @Test
  void copyIsIndependent() {
    try (Arena arena = Arena.ofConfined();
        KvCache cache = new KvCache(CONFIG, 3, 100)) {
      Tensor[] first = random(arena, 5, 1);
      cache.append(first, first);
      try (KvCache copy = cache.copy()) {
        cache.truncate(1);
        Tensor[] other = random(arena, 9, 2);
        cache.append(other, other);
        assertEquals(5, copy.length());
        assertArrayEquals(first[1].toFloatArray(), copy.keys(1).toFloatArray());
      }
      assertArrayEquals(
          first[0].slice(2, 0, 1).toFloatArray(), cache.keys(0).slice(2, 0, 1).toFloatArray());
    }
  }

  @Test
  void tensorsOfAnotherShapeAreRefusedByName() {
    try (Arena arena = Arena.ofConfined();
        KvCache cache = new KvCache(CONFIG, 3, 0)) {
      Tensor[] good = random(arena, 2, 1);
      Tensor[] bad = {good[0], Tensor.allocate(arena, DType.F32, 3, 2, 3, 6)};
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> cache.append(good, bad));
      assertTrue(e.getMessage().contains("past_value.1"), e.getMessage());
      assertThrows(
          IllegalArgumentException.class, () -> cache.append(new Tensor[] {good[0]}, good));
      assertEquals(0, cache.length());
    }
  }

  @Test
  void truncatesToAnyShorterLengthOnly() {
    try (KvCache cache = new KvCache(CONFIG, 1, 4)) {
      cache.truncate(0);
      assertThrows(IllegalArgumentException.class, () -> cache.truncate(1));
      assertThrows(IllegalArgumentException.class, () -> cache.truncate(-1));
    }
  }

  @Test
  void memoryThatCannotBeHadIsRefusedWithTheBytes() {
    // 2 layers * (keys, values) * 3 sequences * 2 heads * 2^31 tokens * 6 floats: far beyond the
    // address space's use
    InsufficientMemoryException e =
        assertThrows(
            InsufficientMemoryException.class,
            () -> new KvCache(CONFIG, 500_000, Integer.MAX_VALUE - 8));
    assertTrue(e.getMessage().contains("bytes"), e.getMessage());
  }

  @Test
  void closingTwiceIsFine() {
    KvCache cache = new KvCache(CONFIG, 1, 4);
    cache.close();
    cache.close();
  }
}
