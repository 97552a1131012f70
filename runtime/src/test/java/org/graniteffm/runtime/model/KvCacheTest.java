package org.graniteffm.runtime.model;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;
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
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

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
        values[i] = random.nextInt(-128, 128) / 16f; // a bfloat16, too
      }
      layers[layer] = Tensor.ofFloats(arena, values, 3, 2, tokens, 6);
    }
    return layers;
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void growingKeepsWhatIsThere(DType dtype) {
    try (Arena arena = Arena.ofConfined();
        KvCache cache = new KvCache(CONFIG, dtype, 3, 2)) {
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

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void copyIsIndependent(DType dtype) {
    try (Arena arena = Arena.ofConfined();
        KvCache cache = new KvCache(CONFIG, dtype, 3, 100)) {
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

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void selectionRepeatsSequences(DType dtype) {
    try (Arena arena = Arena.ofConfined();
        KvCache cache = new KvCache(CONFIG, dtype, 3, 7)) {
      Tensor[] keys = random(arena, 5, 1);
      Tensor[] values = random(arena, 5, 2);
      cache.append(keys, values);
      int[] rows = {2, 2, 0, 1, 2};
      try (KvCache selected = cache.select(rows, 20)) {
        assertEquals(5, selected.batch());
        assertEquals(5, selected.length());
        for (int row = 0; row < rows.length; row++) {
          assertSameSequence(keys[1], rows[row], selected.keys(1), row, 0, 5);
          assertSameSequence(values[0], rows[row], selected.values(0), row, 0, 5);
        }
      }
      assertThrows(IllegalArgumentException.class, () -> cache.select(new int[0], 5));
      assertThrows(IllegalArgumentException.class, () -> cache.select(new int[] {3}, 5));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void reorderTakesOverTheTokensBehindTheStart(DType dtype) {
    try (Arena arena = Arena.ofConfined()) {
      Tensor[] keys = random(arena, 5, 1);
      Tensor[] values = random(arena, 5, 2);
      for (int code = 0; code < 27; code++) { // all ways three rows can read three rows
        int[] rows = {code % 3, code / 3 % 3, code / 9};
        try (KvCache cache = new KvCache(CONFIG, dtype, 3, 9)) {
          cache.append(keys, values);
          cache.reorder(rows, 2);
          for (int row = 0; row < 3; row++) {
            assertSameSequence(keys[1], row, cache.keys(1), row, 0, 2);
            assertSameSequence(keys[1], rows[row], cache.keys(1), row, 2, 5);
            assertSameSequence(values[0], rows[row], cache.values(0), row, 2, 5);
          }
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void reorderBreaksSeveralCycles(DType dtype) {
    try (Arena arena = Arena.ofConfined();
        KvCache three = new KvCache(CONFIG, dtype, 3, 4)) {
      Tensor[] keys = random(arena, 4, 1);
      three.append(keys, keys);
      try (KvCache six = three.select(new int[] {0, 1, 2, 0, 1, 2}, 4)) {
        six.reorder(new int[] {1, 0, 2, 4, 5, 3}, 0);
        int[] want = {1, 0, 2, 1, 2, 0};
        for (int row = 0; row < 6; row++) {
          assertSameSequence(keys[0], want[row], six.keys(0), row, 0, 4);
        }
        assertThrows(
            IllegalArgumentException.class, () -> six.reorder(new int[] {0, 1, 2, 3, 4, 6}, 0));
        assertThrows(IllegalArgumentException.class, () -> six.reorder(new int[] {0}, 0));
        assertThrows(
            IllegalArgumentException.class, () -> six.reorder(new int[] {0, 1, 2, 3, 4, 5}, 5));
      }
    }
  }

  private static void assertSameSequence(
      Tensor want, int wantRow, Tensor got, int gotRow, int from, int to) {
    assertArrayEquals(
        want.slice(0, wantRow, wantRow + 1).slice(2, from, to).toFloatArray(),
        got.slice(0, gotRow, gotRow + 1).slice(2, from, to).toFloatArray());
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void tensorsOfAnotherShapeAreRefusedByName(DType dtype) {
    try (Arena arena = Arena.ofConfined();
        KvCache cache = new KvCache(CONFIG, dtype, 3, 0)) {
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
  void numbersAreRoundedOnTheirWayIn() {
    try (Arena arena = Arena.ofConfined();
        KvCache exact = new KvCache(CONFIG, DType.F32, 3, 0);
        KvCache rounded = new KvCache(CONFIG, DType.BF16, 3, 0)) {
      float[] numbers = new float[3 * 2 * 5 * 6];
      Random random = new Random(1);
      for (int i = 0; i < numbers.length; i++) {
        numbers[i] = (float) random.nextGaussian();
      }
      numbers[7] = Float.NaN;
      numbers[8] = Float.MAX_VALUE; // rounds to infinity
      float[] nearest = new float[numbers.length];
      for (int i = 0; i < numbers.length; i++) {
        nearest[i] = Float.intBitsToFloat(DType.floatToBfloat16(numbers[i]) << 16);
      }
      Tensor all = Tensor.ofFloats(arena, numbers, 3, 2, 5, 6);
      Tensor[] layers = {all, all};
      rounded.append(layers, layers);
      rounded.append(layers, layers);
      assertEquals(DType.BF16, rounded.dtype());
      assertEquals(DType.BF16, rounded.keys(1).dtype());
      assertArrayEquals(nearest, rounded.keys(1).slice(2, 0, 5).toFloatArray());
      assertArrayEquals(nearest, rounded.values(0).slice(2, 5, 10).toFloatArray());

      // what one of them gives out, the other takes
      Tensor bits = Tensor.allocate(arena, DType.BF16, 3, 2, 5, 6);
      for (int i = 0; i < numbers.length; i++) {
        bits.segment().setAtIndex(JAVA_SHORT, i, DType.floatToBfloat16(numbers[i]));
      }
      Tensor[] given = {bits, bits};
      exact.append(layers, layers);
      exact.append(given, given);
      assertArrayEquals(numbers, exact.values(1).slice(2, 0, 5).toFloatArray());
      assertArrayEquals(nearest, exact.values(1).slice(2, 5, 10).toFloatArray());
      rounded.append(given, given);
      assertArrayEquals(nearest, rounded.keys(0).slice(2, 10, 15).toFloatArray());
    }
  }

  @Test
  void otherTypesAreRefused() {
    for (DType dtype : new DType[] {DType.F16, DType.F64, DType.I8}) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> new KvCache(CONFIG, dtype, 1, 4));
      assertEquals("dtype: %s, a cache is of F32 or BF16".formatted(dtype), e.getMessage());
    }
    try (Arena arena = Arena.ofConfined();
        KvCache cache = new KvCache(CONFIG, DType.BF16, 3, 4)) {
      Tensor half = Tensor.allocate(arena, DType.F16, 3, 2, 5, 6);
      Tensor[] layers = {half, half};
      assertThrows(IllegalArgumentException.class, () -> cache.append(layers, layers));
    }
  }

  @Test
  void bfloat16TakesHalfTheMemory() {
    try (KvCache exact = new KvCache(CONFIG, DType.F32, 3, 100);
        KvCache rounded = new KvCache(CONFIG, DType.BF16, 3, 100)) {
      assertEquals(2 * 2 * 3 * 2 * 100 * 6 * 4, exact.byteSize());
      assertEquals(exact.byteSize(), KvCache.byteSize(CONFIG, DType.F32, 3, 100));
      assertEquals(exact.byteSize() / 2, rounded.byteSize());
      assertEquals(rounded.byteSize(), KvCache.byteSize(CONFIG, DType.BF16, 3, 100));
      try (KvCache copy = rounded.copy()) {
        assertEquals(DType.BF16, copy.dtype());
      }
    }
  }

  @Test
  void truncatesToAnyShorterLengthOnly() {
    try (KvCache cache = new KvCache(CONFIG, DType.F32, 1, 4)) {
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
            () -> new KvCache(CONFIG, DType.F32, 500_000, Integer.MAX_VALUE - 8));
    assertTrue(e.getMessage().contains("bytes"), e.getMessage());
  }

  @Test
  void closingTwiceIsFine() {
    KvCache cache = new KvCache(CONFIG, DType.F32, 1, 4);
    cache.close();
    cache.close();
  }
}
