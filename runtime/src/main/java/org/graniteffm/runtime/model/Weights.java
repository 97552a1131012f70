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
 * @param head {@code [V, H]}, the embedding itself where the two are tied; null without a head
 * @param cacheSuitsBfloat16 whether bf16 weights make all keys and values
 */
record Weights(
    Tensor embedding, Block[] blocks, MemorySegment norm, Linear head, boolean cacheSuitsBfloat16) {

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
   *
   * @param withHead whether the model needs one
   */
  static Weights bind(Checkpoint checkpoint, GraniteConfig config, boolean withHead, Arena arena)
      throws IOException {
    return new Binder(new StoredTensors(checkpoint), config, arena).bind(withHead);
  }

  private record Binder(StoredTensors tensors, GraniteConfig config, Arena arena) {
    Weights bind(boolean withHead) throws IOException {
      long hidden = config.hiddenSize();
      Tensor embedding = tensors.require(StoredTensors.EMBEDDING, config.vocabSize(), hidden);
      Block[] blocks = new Block[config.numHiddenLayers()];
      for (int i = 0; i < blocks.length; i++) {
        blocks[i] = block("model.layers." + i + ".");
      }
      return new Weights(
          embedding,
          blocks,
          vector("model.norm.weight", hidden),
          withHead ? head(embedding) : null,
          tensors.cacheSuitsBfloat16(blocks.length));
    }

    /**
     * A head in the file is used even where the config ties it: transformers warns and does not tie
     * them if they differ, and if they do not differ it makes none.
     */
    private Linear head(Tensor embedding) throws IOException {
      String name = StoredTensors.HEAD;
      if (config.tieWordEmbeddings() && tensors.find(name) == null) {
        return new Linear(embedding, null);
      }
      return new Linear(tensors.require(name, config.vocabSize(), config.hiddenSize()), null);
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

    private Moe experts(String prefix, String sharedPrefix, GraniteMoeConfig moe)
        throws IOException {
      long hidden = moe.hiddenSize();
      long intermediate = moe.intermediateSize();
      long experts = moe.numLocalExperts();
      return new Moe(
          linear(prefix + "router.layer", experts, hidden, false),
          tensors.require(prefix + "input_linear.weight", experts, 2 * intermediate, hidden),
          tensors.require(prefix + "output_linear.weight", experts, hidden, intermediate),
          moe.sharedIntermediateSize() == 0 ? null : shared(sharedPrefix, moe));
    }

    /** Gate and up stand in one matrix, the gate's rows first. */
    private Dense shared(String prefix, GraniteMoeConfig moe) throws IOException {
      long hidden = moe.hiddenSize();
      long width = moe.sharedIntermediateSize();
      Tensor input = tensors.require(prefix + "input_linear.weight", 2 * width, hidden);
      return new Dense(
          new Linear(input.slice(0, 0, width), null),
          new Linear(input.slice(0, width, 2 * width), null),
          linear(prefix + "output_linear", hidden, width, false));
    }

    private Linear linear(String name, long outFeatures, long inFeatures, boolean bias)
        throws IOException {
      return new Linear(
          tensors.require(name + ".weight", outFeatures, inFeatures),
          bias ? vector(name + ".bias", outFeatures) : null);
    }

    private MemorySegment vector(String name, long size) throws IOException {
      try {
        float[] values = tensors.require(name, size).toFloatArray();
        return Tensor.ofFloats(arena, values, size).segment();
      } catch (UncheckedIOException e) {
        throw e.getCause();
      }
    }
  }
}
