package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.runtime.Tiers;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.FieldSource;

/** Which type a model's caches have, and what computing with either gives. */
class CacheDtypeTest {
  @SuppressWarnings("unused") // by the tests' FieldSource
  private static final List<String> TIERS = Tiers.ALL;

  private static final GraniteConfig CONFIG =
      GraniteConfig.builder()
          .vocabSize(199)
          .hiddenSize(96)
          .intermediateSize(200)
          .numHiddenLayers(3)
          .numAttentionHeads(6)
          .numKeyValueHeads(2)
          .initializerRange(0.2) // so that scores differ
          .eosTokenIds(List.of())
          .build();

  private static int[] ids(int count) {
    return new Random(count).ints(count, 3, 199).toArray();
  }

  private static float[] next(GraniteForCausalLM model, KvCache cache, int... ids) {
    try (Session session = model.newSession()) {
      return session
          .nextLogits(cache, ids, ids.length / cache.batch(), null, null, 0)
          .asSlice(0, 199L * cache.batch() * Float.BYTES)
          .toArray(ValueLayout.JAVA_FLOAT);
    }
  }

  @Test
  void cachesAreOfBfloat16WhereTheWeightsAreUnlessToldOtherwise() throws IOException {
    try (GraniteForCausalLM model = GraniteForCausalLM.random(CONFIG, DType.BF16, 1);
        KvCache cache = model.newCache(2, 3)) {
      assertEquals(DType.BF16, model.cacheDtype());
      assertEquals(DType.BF16, cache.dtype());
      assertEquals(DType.BF16, model.model().cacheDtype(), "without its head");
      assertTrue(model.rounds());
      assertEquals(DType.BF16, Costs.of(model).cacheDtype());

      GraniteForCausalLM exact = model.withPrecision(Precision.F32);
      assertEquals(DType.F32, exact.cacheDtype());
      assertFalse(exact.rounds());
      assertEquals(DType.F32, Costs.of(exact).cacheDtype());
      assertEquals(
          2 * Costs.of(model).decodeBytes(1, 1000) - 2 * Costs.of(model).decodeBytes(1, 0),
          Costs.of(exact).decodeBytes(1, 1000) - Costs.of(exact).decodeBytes(1, 0),
          1e-6);

      assertEquals(DType.BF16, exact.withCacheDtype(DType.BF16).cacheDtype());
      assertTrue(exact.withCacheDtype(DType.BF16).rounds());
      GraniteForCausalLM wide = model.withCacheDtype(DType.F32);
      assertEquals(DType.F32, wide.cacheDtype());
      assertEquals(DType.F32, wide.withPrecision(Precision.AUTO).cacheDtype());
      assertEquals(NativeLibraries.hasMatrixUnit(), wide.rounds());
      try (GraniteForCausalLM resized = wide.resizeTokenEmbeddings(200, ResizeOptions.defaults())) {
        assertEquals(DType.F32, resized.cacheDtype());
      }
      assertThrows(IllegalArgumentException.class, () -> model.withCacheDtype(DType.F16));
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16"})
  void cachesOfOtherWeightsStayExact(DType weights) {
    try (GraniteForCausalLM model = GraniteForCausalLM.random(CONFIG, weights, 1)) {
      assertEquals(DType.F32, model.cacheDtype());
      assertEquals(DType.BF16, model.withCacheDtype(DType.BF16).cacheDtype());
    }
  }

  /** Keys and values are those of the exact cache, each rounded once, as far as layers allow. */
  @ParameterizedTest
  @FieldSource("TIERS")
  void whatIsWrittenIsRoundedToNearest(String tier) {
    try (Tiers _ = Tiers.use(tier);
        GraniteForCausalLM model = GraniteForCausalLM.random(CONFIG, DType.BF16, 1);
        KvCache exact = new KvCache(CONFIG, DType.F32, 2, 0);
        KvCache rounded = new KvCache(CONFIG, DType.BF16, 2, 0)) {
      int[] ids = ids(2 * 7);
      float[] want = next(model, exact, ids);
      float[] got = next(model, rounded, ids);
      // the first layer has seen no rounded number yet
      assertArrayEquals(nearest(exact.keys(0)), rounded.keys(0).toFloatArray());
      assertArrayEquals(nearest(exact.values(0)), rounded.values(0).toFloatArray());
      double error = relativeRms(want, got);
      assertTrue(error > 1e-6 && error < 2e-2, "relative RMS " + error);
    }
  }

  private static float[] nearest(Tensor tensor) {
    float[] values = tensor.toFloatArray();
    for (int i = 0; i < values.length; i++) {
      values[i] = Float.intBitsToFloat(DType.floatToBfloat16(values[i]) << 16);
    }
    return values;
  }

  private static double relativeRms(float[] want, float[] got) {
    double errors = 0;
    double squares = 0;
    for (int i = 0; i < want.length; i++) {
      errors += Math.pow((double) got[i] - want[i], 2);
      squares += Math.pow(want[i], 2);
    }
    return Math.sqrt(errors / squares);
  }

  /** Also beyond the first block of the attention's keys, and when the cache has grown. */
  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void piecesOfFewTokensChangeNoBit(DType dtype) {
    try (GraniteForCausalLM model = GraniteForCausalLM.random(CONFIG, DType.BF16, 1)) {
      int[] ids = ids(210);
      for (int piece : new int[] {1, 7, Session.EXACT_ROWS}) {
        try (KvCache alone = new KvCache(CONFIG, dtype, 1, 0);
            KvCache pieces = new KvCache(CONFIG, dtype, 1, 0)) {
          float[] want = null;
          for (int id : ids) {
            want = next(model, alone, id);
          }
          float[] got = null;
          for (int first = 0; first < ids.length; first += piece) {
            int last = Math.min(first + piece, ids.length);
            got = next(model, pieces, Arrays.copyOfRange(ids, first, last));
          }
          assertArrayEquals(want, got);
          assertArrayEquals(alone.keys(2).toFloatArray(), pieces.keys(2).toFloatArray());
        }
      }
    }
  }

  /** Rows of padding see no key, and get the average of the values; attentions are of each type. */
  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void attentionsAddUpToOne(DType dtype) {
    int[][] mask = {{0, 0, 1, 1, 1}, {1, 1, 1, 1, 1}};
    int[][] ids = {ids(5), ids(5)};
    try (GraniteForCausalLM model = GraniteForCausalLM.random(CONFIG, DType.BF16, 1);
        KvCache cache = new KvCache(CONFIG, dtype, 2, 0);
        ForwardOutput out =
            model.forward(
                ForwardInput.ofIds(ids)
                    .attentionMask(mask)
                    .pastKeyValues(cache)
                    .outputAttentions(true)
                    .build())) {
      for (Tensor layer : out.attentions()) {
        for (int head = 0; head < 6; head++) {
          double sum = 0;
          for (int key = 0; key < 5; key++) {
            float p = layer.getFloat(0, head, 4, key);
            assertTrue(key < 2 ? p == 0 : p > 0);
            sum += p;
          }
          assertEquals(1, sum, 1e-5);
        }
      }
      for (float score : out.logits().toFloatArray()) {
        assertTrue(Float.isFinite(score));
      }
    }
  }

  /** Beams move, repeat and cut what is cached; without a cache there is nothing to move. */
  @ParameterizedTest
  @FieldSource("TIERS")
  void beamsAreTheSameWithAndWithoutCache(String tier) {
    try (Tiers _ = Tiers.use(tier);
        GraniteForCausalLM model = GraniteForCausalLM.random(CONFIG, DType.BF16, 1);
        // without a cache there are more rows in a pass, which a matrix unit would round
        Generator generator =
            new Generator(model.withPrecision(Precision.F32).withCacheDtype(DType.BF16))) {
      GenerationConfig.Builder beams =
          GenerationConfig.builder().numBeams(3).numReturnSequences(3).maxNewTokens(10);
      assertEquals(
          sequences(generator, beams.useCache(false).build()),
          sequences(generator, beams.useCache(true).build()));
    }
  }

  private static List<List<Integer>> sequences(Generator generator, GenerationConfig config) {
    return generator.generate(ids(3), config, (_, _) -> true).sequences().stream()
        .map(sequence -> sequence.ids())
        .toList();
  }
}
