package org.graniteffm.runtime.model;

import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;

/** What tensors a model has, in the order of its layers. */
final class TensorNames {
  private TensorNames() {}

  /** Told of each tensor. */
  interface Visitor {
    /**
     * One tensor.
     *
     * @param name its name in published checkpoints
     * @param shape its dimensions
     */
    void tensor(String name, long... shape);
  }

  /** The head comes last, also where it is tied and need not be there. */
  static void forEach(GraniteConfig config, Visitor visitor) {
    long hidden = config.hiddenSize();
    visitor.tensor(StoredTensors.EMBEDDING, config.vocabSize(), hidden);
    for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
      layer(config, "model.layers." + layer + ".", visitor);
    }
    visitor.tensor("model.norm.weight", hidden);
    visitor.tensor(StoredTensors.HEAD, config.vocabSize(), hidden);
  }

  private static void layer(GraniteConfig config, String prefix, Visitor visitor) {
    long hidden = config.hiddenSize();
    long intermediate = config.intermediateSize();
    long queries = (long) config.numAttentionHeads() * config.headDim();
    long keys = (long) config.numKeyValueHeads() * config.headDim();
    boolean bias = config.attentionBias();
    visitor.tensor(prefix + "input_layernorm.weight", hidden);
    linear(prefix + "self_attn.q_proj", queries, hidden, bias, visitor);
    linear(prefix + "self_attn.k_proj", keys, hidden, bias, visitor);
    linear(prefix + "self_attn.v_proj", keys, hidden, bias, visitor);
    linear(prefix + "self_attn.o_proj", hidden, queries, bias, visitor);
    visitor.tensor(prefix + "post_attention_layernorm.weight", hidden);
    if (config instanceof GraniteMoeConfig moe) {
      String experts = prefix + "block_sparse_moe.";
      long count = moe.numLocalExperts();
      visitor.tensor(experts + "router.layer.weight", count, hidden);
      visitor.tensor(experts + "input_linear.weight", count, 2 * intermediate, hidden);
      visitor.tensor(experts + "output_linear.weight", count, hidden, intermediate);
      long shared = moe.sharedIntermediateSize();
      if (shared > 0) {
        linear(prefix + "shared_mlp.input_linear", 2 * shared, hidden, false, visitor);
        linear(prefix + "shared_mlp.output_linear", hidden, shared, false, visitor);
      }
    } else {
      linear(prefix + "mlp.gate_proj", intermediate, hidden, config.mlpBias(), visitor);
      linear(prefix + "mlp.up_proj", intermediate, hidden, config.mlpBias(), visitor);
      linear(prefix + "mlp.down_proj", hidden, intermediate, config.mlpBias(), visitor);
    }
  }

  private static void linear(
      String name, long outFeatures, long inFeatures, boolean bias, Visitor visitor) {
    visitor.tensor(name + ".weight", outFeatures, inFeatures);
    if (bias) {
      visitor.tensor(name + ".bias", outFeatures);
    }
  }
}
