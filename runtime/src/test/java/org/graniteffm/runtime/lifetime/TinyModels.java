package org.graniteffm.runtime.lifetime;

import java.io.IOException;
import java.nio.file.Path;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeSharedConfig;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.tensor.DType;

/** Models with random weights, so small that a round of a test takes about a millisecond. */
final class TinyModels {
  static final int VOCABULARY = 61;

  private TinyModels() {}

  static GraniteConfig dense(int layers) {
    return GraniteConfig.builder()
        .vocabSize(VOCABULARY)
        .hiddenSize(32)
        .intermediateSize(48)
        .numHiddenLayers(layers)
        .numAttentionHeads(4)
        .numKeyValueHeads(2)
        .initializerRange(0.3)
        .build();
  }

  static GraniteConfig experts() {
    return GraniteMoeSharedConfig.builder()
        .sharedIntermediateSize(24)
        .numLocalExperts(6)
        .numExpertsPerTok(3)
        .vocabSize(VOCABULARY)
        .hiddenSize(32)
        .intermediateSize(16)
        .numHiddenLayers(2)
        .numAttentionHeads(4)
        .numKeyValueHeads(2)
        .initializerRange(0.3)
        .build();
  }

  /** Makes a checkpoint folder, so that what is loaded is mapped. */
  static Path save(GraniteConfig config, Path folder) throws IOException {
    try (GraniteForCausalLM model = GraniteForCausalLM.random(config, DType.BF16, 7)) {
      model.save(folder, DType.BF16, Long.MAX_VALUE);
    }
    return folder;
  }
}
