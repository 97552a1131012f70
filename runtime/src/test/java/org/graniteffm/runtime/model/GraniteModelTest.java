package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.config.RopeParameters;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.verify.GoldenCase;
import org.graniteffm.runtime.verify.GoldenFolders;
import org.graniteffm.runtime.verify.TensorSource;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class GraniteModelTest {
  private static final String UNTIED = "granite_mha_bias_f32";
  private static final String TIED = "granite_gqa_bf16";
  private static final int[] IDS = {5, 17, 3, 60, 41, 8, 2, 90};

  @TempDir private Path temporary;

  private static Path golden(String name) {
    return GoldenFolders.bundled().resolve(name);
  }

  private static float[] lastHiddenState(GraniteModel model) {
    try (BaseModelOutput output = model.forward(ForwardInput.ofIds(IDS).build())) {
      return output.lastHiddenState().toFloatArray();
    }
  }

  private static float[] lastHiddenState(Path folder) throws IOException {
    try (GraniteModel model = GraniteModel.load(folder)) {
      return lastHiddenState(model);
    }
  }

  private static float[] logits(GraniteForCausalLM model) {
    try (ForwardOutput output = model.forward(ForwardInput.ofIds(IDS).build())) {
      return output.logits().toFloatArray();
    }
  }

  /** Saves a case's model without its head. */
  private Path bare(String name) throws IOException {
    Path out = temporary.resolve("bare");
    try (GraniteForCausalLM model = GraniteForCausalLM.load(golden(name))) {
      model.model().save(out, SaveOptions.defaults());
    }
    return out;
  }

  @ParameterizedTest
  @ValueSource(strings = {UNTIED, TIED, "granitemoe_8x2_bf16", "granitemoeshared_with_shared_mlp"})
  void lastHiddenStateIsThatOfTransformers(String name) throws IOException {
    int compared = 0;
    try (GraniteModel model = GraniteModel.load(golden(name)).withPrecision(Precision.F32);
        Arena arena = Arena.ofShared()) {
      TensorSource expected =
          TensorSource.open(golden(name).resolve("expected.safetensors"), arena);
      String role = "hidden_states." + model.config().numHiddenLayers();
      for (GoldenCase.Run run : GoldenCase.read(golden(name)).runs()) {
        String wanted = run.outputs().get(role);
        if (wanted == null
            || run.continues().isPresent()
            || !run.inputs().containsKey("input_ids")
            || run.inputs().containsKey("attention_mask")) {
          continue; // the others are those of SessionTest
        }
        int[][] ids = expected.integers(run.inputs().get("input_ids"));
        try (BaseModelOutput output = model.forward(ForwardInput.ofIds(ids).build())) {
          float[] want = expected.floats(wanted).toFloatArray();
          float[] got = output.lastHiddenState().toFloatArray();
          assertArrayEquals(
              expected.floats(wanted).shape(), output.lastHiddenState().shape(), run.name());
          for (int i = 0; i < want.length; i++) {
            assertEquals(want[i], got[i], 3e-4 + 1e-4 * Math.abs(want[i]), run.name() + " at " + i);
          }
          compared++;
        }
      }
    }
    assertTrue(compared > 0);
  }

  @Test
  void outputsAreThoseOfTheModelWithItsHead() throws IOException {
    ForwardInput input =
        ForwardInput.ofIds(IDS)
            .outputHiddenStates(true)
            .outputAttentions(true)
            .outputRouterLogits(true)
            .useCache(true)
            .build();
    try (GraniteForCausalLM model = GraniteForCausalLM.load(golden("granitemoe_8x2_bf16"));
        ForwardOutput whole = model.forward(input);
        BaseModelOutput base = model.model().forward(input)) {
      int layers = model.config().numHiddenLayers();
      assertEquals(layers + 1, base.hiddenStates().size());
      assertEquals(layers, base.attentions().size());
      assertEquals(layers, base.routerLogits().size());
      assertArrayEquals(
          whole.hiddenStates().getLast().toFloatArray(), base.lastHiddenState().toFloatArray());
      for (int i = 0; i < layers; i++) {
        assertArrayEquals(
            whole.hiddenStates().get(i).toFloatArray(), base.hiddenStates().get(i).toFloatArray());
        assertArrayEquals(
            whole.attentions().get(i).toFloatArray(), base.attentions().get(i).toFloatArray());
        assertArrayEquals(
            whole.routerLogits().get(i).toFloatArray(), base.routerLogits().get(i).toFloatArray());
      }
      assertEquals(IDS.length, base.pastKeyValues().length());
    }
  }

  @Test
  void cacheIsContinued() throws IOException {
    int hidden;
    float[] whole;
    float[] last;
    try (GraniteModel model = GraniteModel.load(golden(TIED))) {
      hidden = model.config().hiddenSize();
      whole = lastHiddenState(model);
      int[] first = Arrays.copyOf(IDS, 5);
      int[] rest = Arrays.copyOfRange(IDS, 5, IDS.length);
      try (BaseModelOutput past = model.forward(ForwardInput.ofIds(first).useCache(true).build());
          BaseModelOutput output =
              model.forward(ForwardInput.ofIds(rest).pastKeyValues(past.pastKeyValues()).build())) {
        last = output.lastHiddenState().toFloatArray();
      }
    }
    for (int i = 0; i < last.length; i++) {
      assertEquals(whole[5 * hidden + i], last[i], 1e-4);
    }
  }

  @ParameterizedTest
  @CsvSource({
    UNTIED + ",GraniteModel",
    TIED + ",GraniteModel",
    "granitemoe_v5_weight_names,GraniteMoeModel",
    "granitemoeshared_with_shared_mlp,GraniteMoeSharedModel"
  })
  void savedWithoutHeadItIsTheSame(String name, String architecture) throws IOException {
    Path out = bare(name);
    assertEquals(List.of(architecture), GraniteConfig.load(out).architectures());
    try (Checkpoint saved = Checkpoint.open(out)) {
      assertTrue(saved.names().contains("embed_tokens.weight"), saved.names()::toString);
      assertTrue(saved.names().contains("norm.weight"), saved.names()::toString);
      assertTrue(saved.names().stream().noneMatch(n -> n.startsWith("model.")));
      assertFalse(saved.names().contains("lm_head.weight"));
    }
    assertArrayEquals(lastHiddenState(golden(name)), lastHiddenState(out));
    try (GranitePreTrainedModel model = GranitePreTrainedModel.open(out, LoadOptions.defaults())) {
      assertInstanceOf(GraniteModel.class, model);
      assertEquals(model.checkpoint().byteSize(), Costs.of(model).weightBytes());
      assertEquals(
          Costs.of(model).weightBytes(),
          Costs.of(model.config(), model.checkpoint()).weightBytes());
    }
    try (GranitePreTrainedModel model =
        GranitePreTrainedModel.open(golden(name), LoadOptions.defaults())) {
      assertInstanceOf(GraniteForCausalLM.class, model);
    }
  }

  @Test
  void tiedHeadComesBackFromTheEmbedding() throws IOException {
    try (GraniteForCausalLM before = GraniteForCausalLM.load(golden(TIED));
        GraniteForCausalLM after = GraniteForCausalLM.load(bare(TIED))) {
      assertArrayEquals(logits(before), logits(after));
      after.save(temporary.resolve("again"), SaveOptions.defaults());
      try (Checkpoint saved = Checkpoint.open(temporary.resolve("again"))) {
        assertTrue(saved.names().contains("model.embed_tokens.weight"));
      }
    }
  }

  @Test
  void headOfItsOwnCannotComeBack() throws IOException {
    Path out = bare(UNTIED);
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> GraniteForCausalLM.load(out));
    assertTrue(e.getMessage().contains("lm_head.weight"), e.getMessage());
  }

  @Test
  void otherHeadIsRefusedByNameButItsModelOpens() throws IOException {
    Path folder = GoldenFolders.copy(TIED, temporary);
    Path file = folder.resolve("config.json");
    Files.writeString(
        file,
        Files.readString(file).replace("GraniteForCausalLM", "GraniteForSequenceClassification"));
    UnsupportedModelException e =
        assertThrows(UnsupportedModelException.class, () -> GraniteForCausalLM.load(folder));
    assertTrue(e.getMessage().startsWith(file.toString()), e.getMessage());
    assertTrue(
        e.getMessage()
            .contains(
                "architectures: \"GraniteForSequenceClassification\" is not supported,"
                    + " only GraniteForCausalLM"),
        e.getMessage());
    assertArrayEquals(lastHiddenState(golden(TIED)), lastHiddenState(folder));
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertEquals(
          checkpoint.byteSize(),
          Costs.of(GraniteConfig.load(folder), checkpoint).weightBytes(),
          "what is not a language model needs no head");
    }
  }

  @Test
  void givenConfigCounts() throws IOException {
    Path folder = golden(TIED);
    GraniteConfig own = GraniteConfig.load(folder);
    try (GraniteModel same = GraniteModel.load(folder, LoadOptions.defaults().with(own));
        GraniteModel other =
            GraniteModel.load(
                folder,
                LoadOptions.defaults()
                    .with(own.toBuilder().ropeParameters(RopeParameters.plain(123)).build()));
        GraniteForCausalLM scores =
            GraniteForCausalLM.load(
                folder,
                LoadOptions.defaults()
                    .with(own.toBuilder().logitsScaling(2 * own.logitsScaling()).build()));
        GraniteForCausalLM before = GraniteForCausalLM.load(folder)) {
      assertArrayEquals(lastHiddenState(folder), lastHiddenState(same));
      assertFalse(Arrays.equals(lastHiddenState(folder), lastHiddenState(other)));
      assertEquals(logits(before)[3] / 2, logits(scores)[3], 1e-6);
    }
    GraniteConfig wider = own.toBuilder().intermediateSize(own.intermediateSize() + 1).build();
    assertThrows(
        ModelFormatException.class,
        () -> GraniteModel.load(folder, LoadOptions.defaults().with(wider)));
  }

  @Test
  void whatNeedsAHeadIsRefused() throws IOException {
    try (GraniteModel model = GraniteModel.load(golden(TIED))) {
      ForwardInput labels = ForwardInput.ofIds(IDS).labels(new int[][] {IDS}).build();
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> model.forward(labels));
      assertTrue(e.getMessage().startsWith("labels: "), e.getMessage());
      ForwardInput keep = ForwardInput.ofIds(IDS).logitsToKeep(1).build();
      e = assertThrows(IllegalArgumentException.class, () -> model.forward(keep));
      assertTrue(e.getMessage().startsWith("logits_to_keep: "), e.getMessage());
    }
  }

  @Test
  void closingEitherClosesBoth() throws IOException {
    GraniteForCausalLM model = GraniteForCausalLM.load(golden(TIED));
    GraniteModel base = model.model();
    base.close();
    base.close();
    model.close();
    assertThrows(ClosedException.class, () -> logits(model));
    assertThrows(ClosedException.class, () -> lastHiddenState(base));
  }

  @Test
  void checkpointThatACallerClosesIsNotTheModelsOwn() throws IOException {
    try (GraniteForCausalLM model = GraniteForCausalLM.load(golden(TIED))) {
      float[] before = logits(model);
      model.checkpoint().close();
      assertThrows(ClosedException.class, () -> model.checkpoint().find(StoredTensors.EMBEDDING));
      assertArrayEquals(before, logits(model));
    }
  }

  @Test
  void useEndsOnce() throws IOException {
    try (GraniteForCausalLM model = GraniteForCausalLM.load(golden(TIED))) {
      GranitePreTrainedModel.Use outer = model.use();
      GranitePreTrainedModel.Use inner = model.use();
      inner.close();
      inner.close();
      assertThrows(ClosedException.class, model::close); // outer goes on
      outer.close();
    }
  }

  @Test
  void randomModelIsThatOfTheLanguageModel() {
    GraniteConfig config =
        GraniteMoeConfig.builder()
            .vocabSize(97)
            .hiddenSize(48)
            .intermediateSize(40)
            .numHiddenLayers(2)
            .numAttentionHeads(4)
            .build();
    try (GraniteModel base = GraniteModel.random(config, DType.BF16, 3);
        GraniteForCausalLM model = GraniteForCausalLM.random(config, DType.BF16, 3)) {
      assertFalse(base.checkpoint().names().contains("lm_head.weight"));
      assertArrayEquals(lastHiddenState(model.model()), lastHiddenState(base));
    }
  }
}
