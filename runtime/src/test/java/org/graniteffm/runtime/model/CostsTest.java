package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.verify.GoldenFolders;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** The demo model's figures, worked out by hand: 6 layers, H 256, 8 experts of 112, 2 per token. */
class CostsTest {
  private static final long ATTENTION = 6L * (2 * 256 * 256 + 2 * 128 * 256);
  private static final long ROUTER = 6L * 8 * 256;
  private static final long NORMS = 6L * 2 * 256 + 256;
  private static final long EXPERTS = 6L * 8 * 3 * 112 * 256;
  private static final long EMBEDDING = 4096L * 256;
  private static final long CACHE_PER_TOKEN = 6L * 2 * 4 * 32 * 2; // in bf16

  private static Checkpoint checkpoint;
  private static Costs costs;

  @BeforeAll
  static void open() throws IOException {
    checkpoint = Checkpoint.open(DemoModel.directory());
    costs = Costs.of(GraniteConfig.load(DemoModel.directory()), checkpoint);
  }

  @AfterAll
  static void close() {
    checkpoint.close();
  }

  @Test
  void tiedEmbeddingCountsOnce() {
    assertEquals(ATTENTION + ROUTER + NORMS + EXPERTS + EMBEDDING, costs.parameters());
    assertEquals(2 * costs.parameters(), costs.weightBytes());
  }

  @Test
  void activeAreTheChosenExpertsAndTheHead() {
    assertEquals(ATTENTION + ROUTER + NORMS + EXPERTS / 4 + EMBEDDING, costs.activeParameters());
  }

  @Test
  void decodingReadsActiveWeightsOnceAndTheCache() {
    double weights = 2.0 * costs.activeParameters() + 2 * 256;
    assertEquals(weights + CACHE_PER_TOKEN, costs.decodeBytes(1, 0), 1e-6);
    assertEquals(weights + 101 * CACHE_PER_TOKEN, costs.decodeBytes(1, 100), 1e-6);
  }

  @Test
  void batchSharesWeightsAndChoosesMoreExperts() {
    double expertShare = 1 - Math.pow(0.75, 3);
    double weights =
        2 * (ATTENTION + ROUTER + NORMS + EMBEDDING) + 2 * EXPERTS * expertShare + 3 * 2 * 256;
    assertEquals(weights + 3 * 11 * CACHE_PER_TOKEN, costs.decodeBytes(3, 10), 1e-6);
  }

  @Test
  void prefillCountsTwoOperationsAWeightAndAttention() {
    double perToken = 2.0 * (ATTENTION + ROUTER + EXPERTS / 4);
    double perKey = 6 * 4.0 * 256;
    assertEquals(perToken + 11 * perKey + 2.0 * EMBEDDING, costs.prefillFlops(1, 1, 10), 1e-6);
  }

  @Test
  void prefillCountsOfTheLastLayerWhatTheLastTokenNeeds() {
    double perToken = 2.0 * (ATTENTION + ROUTER + EXPERTS / 4) / 6;
    double perKey = 4.0 * 256;
    double before = 5 * (5 * perToken + 15 * perKey);
    double keysAndValues = 4 * 2.0 * 2 * 128 * 256; // of four tokens
    double last = perToken + 5 * perKey;
    assertEquals(
        2 * (before + keysAndValues + last + 2.0 * EMBEDDING), costs.prefillFlops(2, 5, 0), 1e-6);
  }

  @Test
  void sharedNetworkWorksOnEveryToken() throws IOException {
    Path folder = GoldenFolders.bundled().resolve("granitemoeshared_with_shared_mlp");
    try (Checkpoint shared = Checkpoint.open(folder)) {
      GraniteConfig config = GraniteConfig.load(folder);
      long all = 0;
      long experts = 0;
      for (String name : shared.names()) {
        long elements = shared.find(name).elementCount();
        all += elements;
        experts += shared.find(name).rank() == 3 ? elements : 0;
      }
      Costs costs = Costs.of(config, shared);
      assertEquals(all, costs.parameters());
      assertEquals(all - experts + experts / 4, costs.activeParameters());
    }
  }

  @Test
  void missingTensorIsNamed() {
    GraniteConfig deeper =
        GraniteMoeConfig.builder().tieWordEmbeddings(true).numHiddenLayers(7).build();
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> Costs.of(deeper, checkpoint));
    assertTrue(e.getMessage().contains("model.layers.6."), e.getMessage());
  }
}
