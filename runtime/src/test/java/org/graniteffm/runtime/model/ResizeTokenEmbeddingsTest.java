package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalInt;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.graniteffm.runtime.verify.GoldenFolders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class ResizeTokenEmbeddingsTest {
  private static final String EMBEDDING = "model.embed_tokens.weight";
  private static final String HEAD = "lm_head.weight";
  private static final int[] IDS = {5, 17, 3, 60, 41};

  @TempDir private Path temporary;

  private static GraniteForCausalLM load(String name) throws IOException {
    return GraniteForCausalLM.load(GoldenFolders.bundled().resolve(name));
  }

  private static GraniteForCausalLM random(int vocabulary, boolean tied, DType dtype) {
    GraniteConfig config =
        GraniteMoeConfig.builder()
            .vocabSize(vocabulary)
            .hiddenSize(48)
            .intermediateSize(40)
            .numHiddenLayers(1)
            .numAttentionHeads(4)
            .initializerRange(0.5)
            .tieWordEmbeddings(tied)
            .build();
    return GraniteForCausalLM.random(config, dtype, 11);
  }

  private static float[] row(GranitePreTrainedModel model, String name, int row) {
    return model.checkpoint().find(name).get(row).toFloatArray();
  }

  /** Scores of the first tokens behind each of some ids. */
  private static float[] logits(GraniteForCausalLM model, int vocabulary) {
    float[] first = new float[IDS.length * vocabulary];
    try (ForwardOutput output = model.forward(ForwardInput.ofIds(IDS).build())) {
      for (int i = 0; i < IDS.length; i++) {
        float[] all = output.logits().get(0).get(i).toFloatArray();
        System.arraycopy(all, 0, first, i * vocabulary, vocabulary);
      }
    }
    return first;
  }

  private static boolean tied(GraniteForCausalLM model) {
    return model.config().tieWordEmbeddings() && model.checkpoint().find(HEAD) == null;
  }

  @ParameterizedTest
  @CsvSource({
    "granite_mha_bias_f32, 7",
    "granite_mha_bias_f32, -9",
    "granite_gqa_bf16, 7",
    "granite_gqa_bf16, -9",
    "granite_mqa_f16, 33",
    "granitemoe_8x2_bf16, 7",
    "granitemoe_v5_weight_names, -3"
  })
  void oldTokensKeepTheirScores(String name, int more) throws IOException {
    try (GraniteForCausalLM before = load(name)) {
      int old = before.config().vocabSize();
      int size = old + more;
      int kept = Math.min(old, size);
      Path out = temporary.resolve("out");
      float[] expected = logits(before, kept);
      try (GraniteForCausalLM after =
          before.resizeTokenEmbeddings(size, ResizeOptions.defaults())) {
        assertEquals(size, after.config().vocabSize());
        assertEquals(before.config(), after.config().toBuilder().vocabSize(old).build());
        assertEquals(tied(before), tied(after));
        assertArrayEquals(expected, logits(after, kept), 1e-5f);
        assertEquals(old, before.config().vocabSize(), "the model itself is as it was");
        after.save(out, SaveOptions.defaults());
      }
      assertArrayEquals(expected, logits(before, kept));
      try (GraniteForCausalLM saved = GraniteForCausalLM.load(out);
          Checkpoint checkpoint = Checkpoint.open(out)) {
        assertEquals(size, saved.config().vocabSize());
        assertEquals(!tied(before), checkpoint.names().contains(HEAD));
        assertArrayEquals(expected, logits(saved, kept), 1e-5f);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void newRowsLieAroundTheMean(boolean tied) throws IOException {
    int old = 300;
    int more = 3000;
    try (GraniteForCausalLM before = random(old, tied, DType.F32);
        GraniteForCausalLM after =
            before.resizeTokenEmbeddings(old + more, ResizeOptions.defaults())) {
      for (String name : tied ? List.of(EMBEDDING) : List.of(EMBEDDING, HEAD)) {
        int hidden = before.config().hiddenSize();
        double ratios = 0;
        for (int i = 0; i < hidden; i++) {
          double mean = 0;
          for (int row = 0; row < old; row++) {
            mean += row(before, name, row)[i] / (double) old;
          }
          double variance = 0;
          for (int row = 0; row < old; row++) {
            variance += Math.pow(row(before, name, row)[i] - mean, 2) / old;
          }
          double newVariance = 0;
          for (int row = old; row < old + more; row++) {
            newVariance += Math.pow(row(after, name, row)[i] - mean, 2) / more;
          }
          ratios += newVariance / variance / hidden;
        }
        assertEquals(1e-9, ratios, 0.05e-9, name);
        assertFalse(Arrays.equals(row(after, name, old), row(after, name, old + 1)));
      }
      if (!tied) {
        assertFalse(Arrays.equals(row(after, EMBEDDING, old), row(after, HEAD, old)));
      }
    }
  }

  @Test
  void newRowsMayBeLikeFreshOnes() throws IOException {
    try (GraniteForCausalLM before = random(300, true, DType.F32);
        GraniteForCausalLM after =
            before.resizeTokenEmbeddings(700, new ResizeOptions(1, false, 5))) {
      double sum = 0;
      double squares = 0;
      for (int row = 300; row < 700; row++) {
        for (float value : row(after, EMBEDDING, row)) {
          sum += value;
          squares += (double) value * value;
        }
      }
      double n = 400 * 48;
      assertEquals(0, sum / n / 0.5, 0.03);
      assertEquals(1, Math.sqrt(squares / n) / 0.5, 0.03);
    }
  }

  @Test
  void seedDecidesTheNewRows() throws IOException {
    try (GraniteForCausalLM before = random(97, true, DType.F32);
        GraniteForCausalLM one = before.resizeTokenEmbeddings(98, new ResizeOptions(1, true, 1));
        GraniteForCausalLM same = before.resizeTokenEmbeddings(98, new ResizeOptions(1, true, 1));
        GraniteForCausalLM other =
            before.resizeTokenEmbeddings(98, new ResizeOptions(1, true, 2))) {
      assertArrayEquals(row(one, EMBEDDING, 97), row(same, EMBEDDING, 97));
      assertFalse(Arrays.equals(row(one, EMBEDDING, 97), row(other, EMBEDDING, 97)));
    }
  }

  @Test
  void sizeIsRoundedUp() throws IOException {
    try (GraniteForCausalLM before = random(97, true, DType.BF16);
        GraniteForCausalLM padded =
            before.resizeTokenEmbeddings(97, new ResizeOptions(64, true, 0));
        GraniteForCausalLM same = before.resizeTokenEmbeddings(97, ResizeOptions.defaults())) {
      assertEquals(128, padded.config().vocabSize());
      assertArrayEquals(new long[] {128, 48}, padded.checkpoint().find(EMBEDDING).shape());
      assertEquals(DType.BF16, padded.checkpoint().find(EMBEDDING).dtype());
      assertEquals(before.config(), same.config());
    }
  }

  @Test
  void modelWithoutHeadLeavesTheHeadAlone() throws IOException {
    try (GraniteForCausalLM before = load("granite_mha_bias_f32");
        GraniteModel after =
            before
                .model()
                .resizeTokenEmbeddings(before.config().vocabSize() + 5, ResizeOptions.defaults())) {
      Tensor head = before.checkpoint().find(HEAD);
      assertNotEquals(after.config().vocabSize(), head.size(0));
      assertEquals(after.config().vocabSize(), after.checkpoint().find(EMBEDDING).size(0));
      assertArrayEquals(head.toFloatArray(), after.checkpoint().find(HEAD).toFloatArray());
    }
  }

  @Test
  void eitherMayBeClosedFirst() throws IOException {
    GraniteForCausalLM before = load("granite_gqa_bf16");
    float[] expected = logits(before, 20);
    GraniteForCausalLM one = before.resizeTokenEmbeddings(120, ResizeOptions.defaults());
    GraniteForCausalLM two = one.resizeTokenEmbeddings(125, ResizeOptions.defaults());
    one.close();
    assertArrayEquals(expected, logits(two, 20), 1e-5f);
    before.close();
    assertThrows(
        ClosedException.class, () -> before.resizeTokenEmbeddings(9, ResizeOptions.defaults()));
    assertThrows(ClosedException.class, () -> before.checkpoint().find(EMBEDDING));
    assertArrayEquals(expected, logits(two, 20), 1e-5f);
    Tensor tensor = two.checkpoint().find("model.norm.weight");
    two.close();
    assertTrue(two.checkpoint().isClosed());
    assertThrows(ClosedException.class, () -> tensor.getFloat(0), "all is unmapped");
  }

  @Test
  void wantOfMemoryLeavesTheModelAsItIs() throws IOException {
    try (GraniteForCausalLM model = load("granite_mha_bias_f32")) {
      float[] expected = logits(model, 20);
      InsufficientMemoryException e =
          assertThrows(
              InsufficientMemoryException.class,
              () -> model.resizeTokenEmbeddings(Integer.MAX_VALUE, ResizeOptions.defaults()));
      assertTrue(e.getMessage().contains("token embeddings"), e.getMessage());
      assertArrayEquals(expected, logits(model, 20));
    }
  }

  @Test
  void sizesAreChecked() throws IOException {
    try (GraniteForCausalLM model = random(97, true, DType.F32)) {
      for (int size : new int[] {0, -1, Integer.MIN_VALUE}) {
        IllegalArgumentException e =
            assertThrows(
                IllegalArgumentException.class,
                () -> model.resizeTokenEmbeddings(size, ResizeOptions.defaults()));
        assertEquals("new_num_tokens: " + size + " is not positive", e.getMessage());
      }
      assertThrows(
          IllegalArgumentException.class,
          () -> model.resizeTokenEmbeddings(Integer.MAX_VALUE, new ResizeOptions(1000, true, 0)));
      assertThrows(IllegalArgumentException.class, () -> new ResizeOptions(0, true, 0));
    }
    GraniteConfig padded =
        GraniteConfig.builder()
            .vocabSize(97)
            .hiddenSize(48)
            .intermediateSize(40)
            .numHiddenLayers(1)
            .numAttentionHeads(4)
            .padTokenId(OptionalInt.of(90))
            .build();
    try (GraniteForCausalLM model = GraniteForCausalLM.random(padded, DType.F32, 1)) {
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class,
              () -> model.resizeTokenEmbeddings(90, ResizeOptions.defaults()));
      assertEquals("pad_token_id: 90 is outside 0 to 89", e.getMessage());
    }
  }
}
