package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.config.GraniteMoeSharedConfig;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

class RandomWeightsTest {
  private static final int[] IDS = {5, 17, 3, 60, 41};

  @TempDir private Path temporary;

  private static <B extends GraniteConfig.Builder<B>> B small(GraniteConfig.Builder<B> builder) {
    return builder
        .vocabSize(300)
        .hiddenSize(96)
        .intermediateSize(80)
        .numHiddenLayers(2)
        .numAttentionHeads(4)
        .numKeyValueHeads(2)
        .attentionBias(true)
        .bosTokenId(OptionalInt.of(0))
        .eosTokenIds(List.of(0));
  }

  private static float[] logits(GraniteForCausalLM model) {
    try (ForwardOutput output = model.forward(ForwardInput.ofIds(IDS).build())) {
      return output.logits().toFloatArray();
    }
  }

  private static Tensor find(GraniteForCausalLM model, String name) {
    return model.checkpoint().find(name);
  }

  @ParameterizedTest
  @EnumSource(names = {"F32", "F16", "BF16"})
  void seedDecidesTheWeights(DType dtype) {
    GraniteConfig config = small(GraniteMoeConfig.builder()).build();
    try (GraniteForCausalLM one = GraniteForCausalLM.random(config, dtype, 1);
        GraniteForCausalLM again = GraniteForCausalLM.random(config, dtype, 1);
        GraniteForCausalLM other = GraniteForCausalLM.random(config, dtype, 2)) {
      float[] logits = logits(one);
      assertArrayEquals(logits, logits(again));
      assertFalse(Arrays.equals(logits, logits(other)));
      for (float logit : logits) {
        assertTrue(Float.isFinite(logit));
      }
    }
  }

  @Test
  void weightsAreNormalBiasesZeroAndNormsOne() {
    GraniteConfig config =
        small(GraniteConfig.builder()).initializerRange(0.06).padTokenId(OptionalInt.of(7)).build();
    try (GraniteForCausalLM model = GraniteForCausalLM.random(config, DType.F32, 3)) {
      float[] values = find(model, "lm_head.weight").toFloatArray();
      double sum = 0;
      double squares = 0;
      int within = 0;
      for (float value : values) {
        sum += value;
        squares += (double) value * value;
        within += Math.abs(value) < 0.06 ? 1 : 0;
      }
      double n = values.length; // 28800: the deviation of each of these is below 0.006 of 1
      assertEquals(0, sum / n / 0.06, 0.03);
      assertEquals(1, Math.sqrt(squares / n) / 0.06, 0.03);
      assertEquals(0.6827, within / n, 0.02);
      for (float value : find(model, "model.layers.1.input_layernorm.weight").toFloatArray()) {
        assertEquals(1f, value);
      }
      for (float value : find(model, "model.layers.1.self_attn.k_proj.bias").toFloatArray()) {
        assertEquals(0f, value);
      }
      float[] embedding = find(model, "model.embed_tokens.weight").toFloatArray();
      assertArrayEquals(new float[96], Arrays.copyOfRange(embedding, 7 * 96, 8 * 96));
      assertNotEquals(embedding[0], values[0], "each tensor has a stream of its own");
    }
  }

  @Test
  void savedModelLoadsAsTheSame() throws IOException {
    GraniteConfig config =
        small(GraniteMoeSharedConfig.builder().sharedIntermediateSize(52))
            .tieWordEmbeddings(true)
            .build();
    Path folder = temporary.resolve("out");
    try (GraniteForCausalLM made = GraniteForCausalLM.random(config, DType.BF16, 9)) {
      made.save(folder, SaveOptions.defaults());
      assertEquals(Costs.of(made).weightBytes(), made.checkpoint().byteSize());
      try (GraniteForCausalLM loaded = GraniteForCausalLM.load(folder)) {
        assertEquals(config, loaded.config());
        assertArrayEquals(logits(made), logits(loaded));
        assertEquals(made.checkpoint().names(), loaded.checkpoint().names());
      }
    }
    assertFalse(Files.exists(folder.resolve("generation_config.json")));
  }

  @Test
  void otherTypesAreRefused() {
    GraniteConfig config = small(GraniteConfig.builder()).build();
    assertThrows(
        IllegalArgumentException.class, () -> GraniteForCausalLM.random(config, DType.I64, 1));
  }
}
