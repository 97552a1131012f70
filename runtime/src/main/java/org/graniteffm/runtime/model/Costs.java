package org.graniteffm.runtime.model;

import java.util.List;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * What a model costs: parameters, bytes read and arithmetic done. This is the one place where such
 * figures come from, so that the shares of a machine's limits that are reported here and there mean
 * the same.
 *
 * <p><b>Bytes of a decoding step</b> are what must come from memory, if the weights do not fit into
 * a cache: each weight once, whatever the batch; of the experts only those that are chosen; of the
 * embedding one row a token, unless it is the head as well; keys and values of all tokens so far,
 * and those that the step adds. Activations stay in the cache and do not count.
 *
 * <p><b>Arithmetic</b> counts a multiply-add as two operations: weights times activations, and
 * attention's two products over the tokens that a token may see. Norms, softmax, activation
 * functions and rotations do not count.
 */
public final class Costs {
  private final GraniteConfig config;
  private final DType cacheDtype;
  private final long parameters;
  private final long blockParameters; // of all layers, without experts
  private final long vectorParameters; // of these, norms and biases
  private final long expertParameters; // of all layers and experts
  private final long headParameters;
  private final long weightBytes;
  private final long blockBytes;
  private final long expertBytes;
  private final long headBytes;
  private final long embeddingRowBytes;

  private Costs(
      GraniteConfig config,
      DType cacheDtype,
      Count block,
      Count experts,
      Count head,
      Count embedding) {
    this.config = config;
    this.cacheDtype = cacheDtype;
    boolean tied = head == embedding;
    parameters =
        block.parameters + experts.parameters + head.parameters + (tied ? 0 : embedding.parameters);
    weightBytes = block.bytes + experts.bytes + head.bytes + (tied ? 0 : embedding.bytes);
    blockParameters = block.parameters;
    vectorParameters = block.vectorParameters;
    expertParameters = experts.parameters;
    headParameters = head.parameters;
    blockBytes = block.bytes;
    expertBytes = experts.bytes;
    headBytes = head.bytes;
    embeddingRowBytes = embedding.bytes / config.vocabSize();
  }

  /**
   * Counts the weights of an open model.
   *
   * @param model the model
   * @return its costs
   * @throws ClosedException if the model is closed
   */
  public static Costs of(GranitePreTrainedModel model) {
    try (GranitePreTrainedModel.Use _ = model.use()) {
      boolean withHead = model instanceof GraniteForCausalLM;
      return of(model.config(), model.open().checkpoint(), withHead, model.cacheDtype());
    } catch (ModelFormatException e) {
      throw new IllegalStateException("the model was open without all its tensors", e);
    }
  }

  /**
   * Counts the weights of a checkpoint that need not be open as a model: the head of a language
   * model unless its architectures say that there is none, and no other.
   *
   * @param config its configuration
   * @param checkpoint its tensors
   * @return its costs
   * @throws ModelFormatException if a tensor is missing that the model needs
   */
  public static Costs of(GraniteConfig config, Checkpoint checkpoint) throws ModelFormatException {
    List<String> classes = config.architectures();
    boolean withHead =
        classes.isEmpty() || classes.stream().anyMatch(c -> c.endsWith("ForCausalLM"));
    boolean bfloat16 = new StoredTensors(checkpoint).cacheSuitsBfloat16(config.numHiddenLayers());
    return of(config, checkpoint, withHead, bfloat16 ? DType.BF16 : DType.F32);
  }

  private static Costs of(
      GraniteConfig config, Checkpoint checkpoint, boolean withHead, DType cacheDtype)
      throws ModelFormatException {
    Counter counter = new Counter(new StoredTensors(checkpoint));
    Count embedding = counter.count(StoredTensors.EMBEDDING);
    Count head = new Count();
    if (withHead) {
      boolean tied = config.tieWordEmbeddings() && checkpoint.find(StoredTensors.HEAD) == null;
      head = tied ? embedding : counter.count(StoredTensors.HEAD);
    }
    Count block = counter.count("model.norm.weight");
    Count experts = new Count();
    for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
      String prefix = "model.layers." + layer + ".";
      block.add(counter.count(prefix + "input_layernorm.weight"));
      block.add(counter.count(prefix + "post_attention_layernorm.weight"));
      for (String name : new String[] {"q_proj", "k_proj", "v_proj", "o_proj"}) {
        block.add(counter.linear(prefix + "self_attn." + name, config.attentionBias()));
      }
      if (config instanceof GraniteMoeConfig mixture) {
        String moe = prefix + "block_sparse_moe.";
        block.add(counter.count(moe + "router.layer.weight"));
        experts.add(counter.count(moe + "input_linear.weight"));
        experts.add(counter.count(moe + "output_linear.weight"));
        if (mixture.sharedIntermediateSize() > 0) {
          block.add(counter.count(prefix + "shared_mlp.input_linear.weight"));
          block.add(counter.count(prefix + "shared_mlp.output_linear.weight"));
        }
      } else {
        for (String name : new String[] {"gate_proj", "up_proj", "down_proj"}) {
          block.add(counter.linear(prefix + "mlp." + name, config.mlpBias()));
        }
      }
    }
    return new Costs(config, cacheDtype, block, experts, head, embedding);
  }

  /** So many elements in so many bytes. */
  private static final class Count {
    long parameters;
    long vectorParameters;
    long bytes;

    void add(Count other) {
      parameters += other.parameters;
      vectorParameters += other.vectorParameters;
      bytes += other.bytes;
    }
  }

  /** Finds tensors; their shapes are checked where they are bound. */
  private record Counter(StoredTensors tensors) {
    Count count(String name) throws ModelFormatException {
      Tensor tensor = tensors.find(name);
      if (tensor == null) {
        throw new ModelFormatException(
            tensors + ": tensor " + tensors.nameOf(name) + ": expected, found none of that name");
      }
      Count count = new Count();
      count.parameters = tensor.elementCount();
      count.vectorParameters = tensor.rank() == 1 ? count.parameters : 0;
      count.bytes = tensor.elementCount() * tensor.dtype().byteSize();
      return count;
    }

    Count linear(String name, boolean bias) throws ModelFormatException {
      Count count = count(name + ".weight");
      if (bias) {
        count.add(count(name + ".bias"));
      }
      return count;
    }
  }

  /**
   * All parameters; an embedding that is the head as well counts once.
   *
   * @return elements of all weights that the model uses
   */
  public long parameters() {
    return parameters;
  }

  /**
   * Parameters that work on a token: all but the experts that are not chosen and the embedding,
   * which is looked up, unless it is the head as well.
   *
   * @return elements
   */
  public long activeParameters() {
    return blockParameters + Math.round(expertParameters * expertShare(1)) + headParameters;
  }

  /**
   * Bytes of all weights the model uses.
   *
   * @return bytes in the files
   */
  public long weightBytes() {
    return weightBytes;
  }

  /**
   * Type of keys and values in the cache.
   *
   * @return what the model's caches hold; of a checkpoint alone, what they hold unless told
   *     otherwise
   */
  public DType cacheDtype() {
    return cacheDtype;
  }

  /**
   * The share of the experts that some tokens choose between them: {@code 1 - (1 - k/E)^tokens},
   * which is exact for one token, and for more of them what independent and even choices give on
   * average.
   */
  private double expertShare(int tokens) {
    if (!(config instanceof GraniteMoeConfig moe)) {
      return 1;
    }
    double one = (double) moe.numExpertsPerTok() / moe.numLocalExperts();
    return tokens == 1 ? one : 1 - Math.pow(1 - one, tokens);
  }

  /**
   * Bytes to read, and to add to the cache, for one token more of each sequence.
   *
   * @param batch sequences
   * @param past tokens of each that are in the cache already
   * @return bytes
   */
  public double decodeBytes(int batch, double past) {
    return blockBytes
        + expertBytes * expertShare(batch)
        + headBytes
        + (double) embeddingRowBytes * batch
        + KvCache.byteSize(config, cacheDtype, batch, 1) * (past + 1);
  }

  /**
   * Arithmetic of a pass over new tokens of which only the last one's scores are wanted: of the
   * others the last layer needs keys and values alone.
   *
   * @param batch sequences
   * @param tokens new ones of each
   * @param past tokens of each that are in the cache already
   * @return floating-point operations
   */
  public double prefillFlops(int batch, long tokens, long past) {
    int layers = config.numHiddenLayers();
    double layer =
        2 * (blockParameters - vectorParameters + expertParameters * expertShare(1)) / layers;
    double keysAndValues = 4.0 * config.hiddenSize() * config.numKeyValueHeads() * config.headDim();
    double perKey = 4.0 * config.numAttentionHeads() * config.headDim();
    double seen = tokens * (double) past + tokens * (tokens + 1.0) / 2; // keys, over all tokens
    double one = layer + (past + tokens) * perKey + 2.0 * headParameters; // what the last one adds
    return batch
        * ((layers - 1) * (tokens * layer + seen * perKey) + (tokens - 1) * keysAndValues + one);
  }

  /**
   * Memory for activations of a pass.
   *
   * @param config of the model
   * @param tokens that come in together, of all sequences; longer prompts are cut into blocks
   * @return bytes for activations of one block and for the last token's scores
   */
  public static long scratchBytes(GraniteConfig config, long tokens) {
    int rows = Math.clamp(tokens, 1, Session.BLOCK_ROWS);
    return Scratch.byteSize(config, rows, false) + (long) config.vocabSize() * Float.BYTES;
  }
}
