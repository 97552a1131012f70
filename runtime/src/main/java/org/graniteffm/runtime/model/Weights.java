package org.graniteffm.runtime.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.ops.Linear;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * The weights of a model under their roles, each where its file has it. Only vectors (norms and
 * biases, some hundred kilobytes in all) are widened to f32 once, so that the kernels that take
 * them need no variant for each type.
 *
 * @param embedding {@code [V, H]}
 * @param blocks one for each layer
 * @param norm {@code [H]} f32, the final norm
 * @param head {@code [V, H]}, the embedding itself where the two are tied
 */
record Weights(Tensor embedding, Block[] blocks, MemorySegment norm, Linear head) {

  /**
   * One decoder layer.
   *
   * @param inputNorm {@code [H]} f32
   * @param q {@code [n * d, H]}
   * @param k {@code [g * d, H]}
   * @param v {@code [g * d, H]}
   * @param o {@code [H, n * d]}
   * @param postAttentionNorm {@code [H]} f32
   * @param feedForward dense or mixture of experts
   */
  record Block(
      MemorySegment inputNorm,
      Linear q,
      Linear k,
      Linear v,
      Linear o,
      MemorySegment postAttentionNorm,
      FeedForward feedForward) {}

  /** What stands behind the attention of a layer. */
  sealed interface FeedForward {}

  /**
   * SwiGLU.
   *
   * @param gate {@code [I, H]}
   * @param up {@code [I, H]}
   * @param down {@code [H, I]}
   */
  record Dense(Linear gate, Linear up, Linear down) implements FeedForward {}

  /**
   * Mixture of experts.
   *
   * @param router {@code [E, H]}
   * @param input {@code [E, 2I, H]}, gate rows first
   * @param output {@code [E, H, I]}
   * @param shared what every token goes through besides, or null
   */
  record Moe(Linear router, Tensor input, Tensor output, Dense shared) implements FeedForward {}

  /**
   * Finds all tensors and checks their shapes against the config, before anything else is
   * allocated.
   */
  static Weights bind(Checkpoint checkpoint, GraniteConfig config, Arena arena) throws IOException {
    return new Binder(checkpoint, config, arena).bind();
  }

  private record Binder(Checkpoint checkpoint, GraniteConfig config, Arena arena) {
    Weights bind() throws IOException {
      long hidden = config.hiddenSize();
      Tensor embedding =
          checkpoint.require("model.embed_tokens.weight", config.vocabSize(), hidden);
      Block[] blocks = new Block[config.numHiddenLayers()];
      for (int i = 0; i < blocks.length; i++) {
        blocks[i] = block("model.layers." + i + ".");
      }
      return new Weights(embedding, blocks, vector("model.norm.weight", hidden), head(embedding));
    }

    /**
     * A head in the file is used even where the config ties it: transformers warns and does not tie
     * them if they differ, and if they do not differ it makes none.
     */
    private Linear head(Tensor embedding) throws IOException {
      String name = "lm_head.weight";
      if (config.tieWordEmbeddings() && checkpoint.find(name) == null) {
        return new Linear(embedding, null);
      }
      return new Linear(checkpoint.require(name, config.vocabSize(), config.hiddenSize()), null);
    }

    private Block block(String prefix) throws IOException {
      long hidden = config.hiddenSize();
      long queries = (long) config.numAttentionHeads() * config.headDim();
      long keys = (long) config.numKeyValueHeads() * config.headDim();
      boolean bias = config.attentionBias();
      String attention = prefix + "self_attn.";
      return new Block(
          vector(prefix + "input_layernorm.weight", hidden),
          linear(attention + "q_proj", queries, hidden, bias),
          linear(attention + "k_proj", keys, hidden, bias),
          linear(attention + "v_proj", keys, hidden, bias),
          linear(attention + "o_proj", hidden, queries, bias),
          vector(prefix + "post_attention_layernorm.weight", hidden),
          config instanceof GraniteMoeConfig moe
              ? experts(prefix + "block_sparse_moe.", prefix + "shared_mlp.", moe)
              : dense(prefix + "mlp."));
    }

    private Dense dense(String prefix) throws IOException {
      long hidden = config.hiddenSize();
      long intermediate = config.intermediateSize();
      boolean bias = config.mlpBias();
      return new Dense(
          linear(prefix + "gate_proj", intermediate, hidden, bias),
          linear(prefix + "up_proj", intermediate, hidden, bias),
          linear(prefix + "down_proj", hidden, intermediate, bias));
    }

    /** Under the published names, or those that transformers 5 uses in memory. */
    private Moe experts(String prefix, String sharedPrefix, GraniteMoeConfig moe)
        throws IOException {
      long hidden = moe.hiddenSize();
      long intermediate = moe.intermediateSize();
      long experts = moe.numLocalExperts();
      String router = present(prefix + "router.layer.weight", prefix + "router.weight");
      String input = present(prefix + "input_linear.weight", prefix + "experts.gate_up_proj");
      String output = present(prefix + "output_linear.weight", prefix + "experts.down_proj");
      return new Moe(
          new Linear(checkpoint.require(router, experts, hidden), null),
          checkpoint.require(input, experts, 2 * intermediate, hidden),
          checkpoint.require(output, experts, hidden, intermediate),
          moe.sharedIntermediateSize() == 0 ? null : shared(sharedPrefix, moe));
    }

    /** Gate and up stand in one matrix, the gate's rows first. */
    private Dense shared(String prefix, GraniteMoeConfig moe) throws IOException {
      long hidden = moe.hiddenSize();
      long width = moe.sharedIntermediateSize();
      Tensor input = checkpoint.require(prefix + "input_linear.weight", 2 * width, hidden);
      return new Dense(
          new Linear(input.slice(0, 0, width), null),
          new Linear(input.slice(0, width, 2 * width), null),
          linear(prefix + "output_linear", hidden, width, false));
    }

    /**
     * The second name if the checkpoint has it and not the first; else the first, for the error
     * message.
     */
    private String present(String published, String inMemory) {
      return checkpoint.find(published) == null && checkpoint.find(inMemory) != null
          ? inMemory
          : published;
    }

    private Linear linear(String name, long outFeatures, long inFeatures, boolean bias)
        throws IOException {
      return new Linear(
          checkpoint.require(name + ".weight", outFeatures, inFeatures),
          bias ? vector(name + ".bias", outFeatures) : null);
    }

    private MemorySegment vector(String name, long size) throws IOException {
      try {
        float[] values = checkpoint.require(name, size).toFloatArray();
        return Tensor.ofFloats(arena, values, size).segment();
      } catch (UncheckedIOException e) {
        throw e.getCause();
      }
    }
  }
}
