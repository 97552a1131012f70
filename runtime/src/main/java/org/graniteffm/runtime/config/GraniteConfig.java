package org.graniteffm.runtime.config;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalInt;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.json.JsonReader;
import org.graniteffm.runtime.tensor.DType;

/**
 * What {@code config.json} says about a Granite model, checked: every field in its range, and
 * against the others. This class is a dense model, {@link GraniteMoeConfig} a mixture of experts.
 *
 * <p>Immutable, and equal to another one with the same values, whichever spelling they were read
 * from. Accessors have the Hugging Face names in camel case. Numbers are kept in double precision,
 * as written; accessors that compute in single precision round once.
 */
public sealed class GraniteConfig permits GraniteMoeConfig {
  private static final int WIDEST = 1 << 20;

  /** What was built, in a copy that nobody else has: so each field is declared once. */
  final Builder<?> values;

  private final int numKeyValueHeads;
  private final int headDim;

  GraniteConfig(Builder<?> builder) {
    Builder<?> b = builder.copy();
    values = b;
    Ranges.integer("vocab_size", b.vocabSize, 1, Integer.MAX_VALUE);
    Ranges.integer("hidden_size", b.hiddenSize, 1, WIDEST);
    Ranges.integer("intermediate_size", b.intermediateSize, 1, WIDEST);
    Ranges.integer("num_hidden_layers", b.numHiddenLayers, 1, 10_000);
    Ranges.integer("num_attention_heads", b.numAttentionHeads, 1, 1 << 16);
    numKeyValueHeads = b.numKeyValueHeads.orElse(b.numAttentionHeads);
    Ranges.integer("num_key_value_heads", numKeyValueHeads, 1, b.numAttentionHeads);
    if (b.numAttentionHeads % numKeyValueHeads != 0) {
      throw new IllegalArgumentException(
          "num_attention_heads: %d is not a multiple of num_key_value_heads, %d"
              .formatted(b.numAttentionHeads, numKeyValueHeads));
    }
    if (b.headDim.isEmpty() && b.hiddenSize % b.numAttentionHeads != 0) {
      throw new IllegalArgumentException(
          "hidden_size: %d is not a multiple of num_attention_heads, %d, and head_dim is not given"
              .formatted(b.hiddenSize, b.numAttentionHeads));
    }
    headDim = b.headDim.orElse(b.hiddenSize / b.numAttentionHeads);
    Ranges.integer("head_dim", headDim, 2, 1 << 16);
    if (headDim % 2 != 0) {
      throw new IllegalArgumentException(
          ("head_dim: %d is odd, rotary positions need pairs"
                  + " (default: hidden_size / num_attention_heads, %d / %d)")
              .formatted(headDim, b.hiddenSize, b.numAttentionHeads));
    }
    Ranges.integer(
        "num_attention_heads * head_dim", (long) b.numAttentionHeads * headDim, 2, WIDEST);
    Ranges.integer("max_position_embeddings", b.maxPositionEmbeddings, 1, Integer.MAX_VALUE);
    checkRope(b.ropeParameters);

    if (!(b.rmsNormEps >= 0 && b.rmsNormEps <= 1)) {
      throw new IllegalArgumentException("rms_norm_eps: " + b.rmsNormEps + " is outside 0 to 1");
    }
    Ranges.finite("embedding_multiplier", b.embeddingMultiplier);
    Ranges.finite("residual_multiplier", b.residualMultiplier);
    Ranges.finite("attention_multiplier", b.attentionMultiplier);
    Ranges.above("logits_scaling", b.logitsScaling, 0);
    Ranges.atLeast("initializer_range", b.initializerRange, 0);
    if (!(b.attentionDropout >= 0 && b.attentionDropout <= 1)) {
      throw new IllegalArgumentException(
          "attention_dropout: " + b.attentionDropout + " is outside 0 to 1");
    }
    checkTokens(b);

    Ranges.integer("shared_intermediate_size", b.sharedIntermediateSize, 0, WIDEST);
    if (this instanceof GraniteMoeConfig) {
      Ranges.integer("num_local_experts", b.numLocalExperts, 1, 1 << 16);
      Ranges.integer("num_experts_per_tok", b.numExpertsPerTok, 1, b.numLocalExperts);
      Ranges.atLeast("router_aux_loss_coef", b.routerAuxLossCoef, 0);
      if (b.mlpBias) {
        throw new IllegalArgumentException(
            "mlp_bias: true is not possible in a mixture of experts, only false");
      }
    }
  }

  /**
   * Defaults are those of the classes in transformers, 1 and 2 whatever the vocabulary: only what
   * was set can be wrong.
   */
  private static void checkTokens(Builder<?> b) {
    long last = b.vocabSize - 1L;
    if (b.bosGiven && b.bosTokenId.isPresent()) {
      Ranges.integer("bos_token_id", b.bosTokenId.getAsInt(), 0, last);
    }
    if (b.padTokenId.isPresent()) {
      Ranges.integer("pad_token_id", b.padTokenId.getAsInt(), 0, last);
    }
    if (b.eosGiven) {
      for (int id : b.eosTokenIds) {
        Ranges.integer("eos_token_id", id, 0, last);
      }
    }
  }

  private void checkRope(RopeParameters ropeParameters) {
    int maxPositionEmbeddings = values.maxPositionEmbeddings;
    switch (ropeParameters.type()) {
      case LONGROPE -> {
        int pairs = ropeParameters.shortFactor().size();
        if (pairs != headDim / 2) {
          throw new IllegalArgumentException(
              "short_factor and long_factor: %d values, a head has %d pairs"
                  .formatted(pairs, headDim / 2));
        }
      }
      case DYNAMIC -> {
        if (headDim < 4) {
          // the base grows with the power d / (d - 2)
          throw new IllegalArgumentException(
              "head_dim: %d is too small for rope_type dynamic, at least 4".formatted(headDim));
        }
      }
      case LLAMA3 -> {
        int original = ropeParameters.originalMaxPositionEmbeddings();
        if (original >= maxPositionEmbeddings) {
          throw new IllegalArgumentException(
              "original_max_position_embeddings: %d is not below max_position_embeddings, %d"
                  .formatted(original, maxPositionEmbeddings));
        }
      }
      case YARN -> {
        double implied =
            (double) maxPositionEmbeddings / ropeParameters.originalMaxPositionEmbeddings();
        double factor = ropeParameters.factor();
        if (implied != 1 && Math.abs(implied - factor) > 1e-6 * factor) {
          throw new IllegalArgumentException(
              "factor: %s, but max_position_embeddings / original_max_position_embeddings is %s"
                  .formatted(factor, implied));
        }
      }
      case DEFAULT, LINEAR -> {}
    }
  }

  /**
   * Reads {@code config.json} of a checkpoint.
   *
   * <p>Both spellings are understood: {@code rope_theta} with {@code rope_scaling}, and {@code
   * rope_parameters}. Fields that change nothing in inference are ignored, as are unknown ones.
   *
   * @param directory the checkpoint's folder
   * @return the configuration, a {@link GraniteMoeConfig} if the file is that of a mixture of
   *     experts
   * @throws UnsupportedModelException if the architecture, or something a field asks for, is not
   *     supported
   * @throws ModelFormatException if the file is malformed, or a field is out of range; names file
   *     and field
   * @throws IOException if the file cannot be read
   */
  public static GraniteConfig load(Path directory) throws IOException {
    Path file = directory.resolve("config.json");
    return ConfigReader.read(JsonReader.readObject(file, JsonReader.CONFIG_LIMIT), file.toString());
  }

  /**
   * Reads the text of a {@code config.json}, as {@link #load} does.
   *
   * @param utf8 the text
   * @param source what messages call it
   * @return the configuration
   * @throws UnsupportedModelException if something in it is not supported
   * @throws ModelFormatException if it is malformed, or a field is out of range
   */
  public static GraniteConfig parse(ByteBuffer utf8, String source) throws ModelFormatException {
    return ConfigReader.read(JsonReader.parseObject(utf8, source), source);
  }

  /**
   * Starts to describe a dense model.
   *
   * @return a builder with the defaults of transformers
   */
  public static Builder<?> builder() {
    return new DenseBuilder();
  }

  /**
   * Returns the kind of model.
   *
   * @return {@code granite}, {@code granitemoe} or {@code granitemoeshared}
   */
  public String modelType() {
    return "granite";
  }

  /**
   * Returns {@code vocab_size}.
   *
   * @return rows of the embedding matrix
   */
  public int vocabSize() {
    return values.vocabSize;
  }

  /**
   * Returns {@code hidden_size}.
   *
   * @return width of the residual stream, in elements
   */
  public int hiddenSize() {
    return values.hiddenSize;
  }

  /**
   * Returns {@code intermediate_size}.
   *
   * @return width of the feed-forward network, in elements; in a mixture of experts that of one
   *     expert
   */
  public int intermediateSize() {
    return values.intermediateSize;
  }

  /**
   * Returns {@code num_hidden_layers}.
   *
   * @return number of decoder layers
   */
  public int numHiddenLayers() {
    return values.numHiddenLayers;
  }

  /**
   * Returns {@code num_attention_heads}.
   *
   * @return number of query heads
   */
  public int numAttentionHeads() {
    return values.numAttentionHeads;
  }

  /**
   * Returns {@code num_key_value_heads}.
   *
   * @return number of key and value heads
   */
  public int numKeyValueHeads() {
    return numKeyValueHeads;
  }

  /**
   * Returns {@code head_dim}.
   *
   * @return width of a head, in elements
   */
  public int headDim() {
    return headDim;
  }

  /**
   * Returns {@code max_position_embeddings}.
   *
   * @return context length, in tokens
   */
  public int maxPositionEmbeddings() {
    return values.maxPositionEmbeddings;
  }

  /**
   * Returns {@code rms_norm_eps}.
   *
   * @return what is added to the mean square in every norm, rounded to single precision
   */
  public float rmsNormEps() {
    return (float) values.rmsNormEps;
  }

  /**
   * Returns {@code embedding_multiplier}.
   *
   * @return factor of the embeddings, rounded to single precision
   */
  public float embeddingMultiplier() {
    return (float) values.embeddingMultiplier;
  }

  /**
   * Returns {@code residual_multiplier}.
   *
   * @return factor of each block's output before it is added, rounded to single precision
   */
  public float residualMultiplier() {
    return (float) values.residualMultiplier;
  }

  /**
   * Returns {@code attention_multiplier}.
   *
   * @return factor of the attention scores, in place of 1/√head_dim, rounded to single precision
   */
  public float attentionMultiplier() {
    return (float) values.attentionMultiplier;
  }

  /**
   * Returns {@code logits_scaling}.
   *
   * @return divisor of the logits, rounded to single precision
   */
  public float logitsScaling() {
    return (float) values.logitsScaling;
  }

  /**
   * Returns {@code tie_word_embeddings}.
   *
   * @return whether the output head is the embedding matrix
   */
  public boolean tieWordEmbeddings() {
    return values.tieWordEmbeddings;
  }

  /**
   * Returns {@code attention_bias}.
   *
   * @return whether the attention's four projections have a bias
   */
  public boolean attentionBias() {
    return values.attentionBias;
  }

  /**
   * Returns {@code mlp_bias}.
   *
   * @return whether the feed-forward network's three projections have a bias; false in a mixture of
   *     experts
   */
  public boolean mlpBias() {
    return values.mlpBias;
  }

  /**
   * Returns {@code hidden_act}.
   *
   * @return activation of the feed-forward gate
   */
  public Activation hiddenAct() {
    return values.hiddenAct;
  }

  /**
   * Returns {@code rope_parameters}.
   *
   * @return parameters of the rotary positions, all defaults filled in
   */
  public RopeParameters ropeParameters() {
    return values.ropeParameters;
  }

  /**
   * Returns {@code bos_token_id}.
   *
   * @return the start token, if there is one
   */
  public OptionalInt bosTokenId() {
    return values.bosTokenId;
  }

  /**
   * Returns {@code pad_token_id}.
   *
   * @return the padding token, if there is one
   */
  public OptionalInt padTokenId() {
    return values.padTokenId;
  }

  /**
   * Returns {@code eos_token_id}.
   *
   * @return the tokens that end a text, possibly none; unmodifiable
   */
  public List<Integer> eosTokenIds() {
    return values.eosTokenIds;
  }

  /**
   * Returns {@code initializer_range}, which matters only to fresh weights.
   *
   * @return their standard deviation
   */
  public double initializerRange() {
    return values.initializerRange;
  }

  /**
   * Returns {@code attention_dropout}, which matters only to training.
   *
   * @return share of the attention probabilities that training drops
   */
  public double attentionDropout() {
    return values.attentionDropout;
  }

  /**
   * Returns {@code use_cache}. Nothing here follows it: each call says for itself whether it wants
   * a cache.
   *
   * @return whether a pass returns its keys and values by default
   */
  public boolean useCache() {
    return values.useCache;
  }

  /**
   * Returns {@code architectures}, the classes of transformers that the checkpoint was saved from.
   * No part of {@link #equals}: it says which head stands behind the model, not what the model is.
   *
   * @return names such as GraniteForCausalLM, none where the file has none; unmodifiable
   */
  public List<String> architectures() {
    return values.architectures;
  }

  /**
   * Returns what the names of transformers' classes for this kind of model begin with.
   *
   * @return {@code Granite}, {@code GraniteMoe} or {@code GraniteMoeShared}
   */
  public String classPrefix() {
    return "Granite";
  }

  /**
   * Starts to describe a model like this one.
   *
   * @return a builder of the same kind that holds what this configuration was built from; what it
   *     derived from other fields, such as head_dim, is derived anew
   */
  public Builder<?> toBuilder() {
    return values.copy();
  }

  /**
   * Writes the text of a {@code config.json} that {@link #parse} reads as an equal configuration.
   * Fields that change nothing in inference and are not kept here, such as {@code
   * attention_dropout}, are left to their defaults.
   *
   * @param style which version's spelling
   * @param dtype what the weights are, F32, F16 or BF16; null leaves the field out
   * @return the text, its fields sorted by name
   * @throws IllegalArgumentException if the dtype is no weight type
   */
  public final String toJson(ConfigStyle style, DType dtype) {
    return ConfigWriter.write(this, Objects.requireNonNull(style, "style"), dtype);
  }

  /** All fields but architectures, under their Hugging Face names. */
  Map<String, Object> fields() {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("model_type", modelType());
    all.put("vocab_size", values.vocabSize);
    all.put("hidden_size", values.hiddenSize);
    all.put("intermediate_size", values.intermediateSize);
    all.put("num_hidden_layers", values.numHiddenLayers);
    all.put("num_attention_heads", values.numAttentionHeads);
    all.put("num_key_value_heads", numKeyValueHeads);
    all.put("head_dim", headDim);
    all.put("max_position_embeddings", values.maxPositionEmbeddings);
    all.put("rms_norm_eps", values.rmsNormEps);
    all.put("embedding_multiplier", values.embeddingMultiplier);
    all.put("residual_multiplier", values.residualMultiplier);
    all.put("attention_multiplier", values.attentionMultiplier);
    all.put("logits_scaling", values.logitsScaling);
    all.put("tie_word_embeddings", values.tieWordEmbeddings);
    all.put("attention_bias", values.attentionBias);
    all.put("mlp_bias", values.mlpBias);
    all.put("hidden_act", values.hiddenAct);
    all.put("rope_parameters", values.ropeParameters);
    all.put("bos_token_id", values.bosTokenId);
    all.put("pad_token_id", values.padTokenId);
    all.put("eos_token_id", values.eosTokenIds);
    all.put("initializer_range", values.initializerRange);
    all.put("attention_dropout", values.attentionDropout);
    all.put("use_cache", values.useCache);
    if (this instanceof GraniteMoeConfig) {
      all.put("num_local_experts", values.numLocalExperts);
      all.put("num_experts_per_tok", values.numExpertsPerTok);
      all.put("output_router_logits", values.outputRouterLogits);
      all.put("router_aux_loss_coef", values.routerAuxLossCoef);
    }
    if (this instanceof GraniteMoeSharedConfig) {
      all.put("shared_intermediate_size", values.sharedIntermediateSize);
    }
    return all;
  }

  @Override
  public final boolean equals(Object other) {
    return other instanceof GraniteConfig that && fields().equals(that.fields());
  }

  @Override
  public final int hashCode() {
    return fields().hashCode();
  }

  /** Returns all fields under their Hugging Face names. */
  @Override
  public final String toString() {
    return fields().toString();
  }

  /**
   * Collects fields; {@link #build} checks them.
   *
   * @param <B> the builder's own type
   */
  public abstract static sealed class Builder<B extends Builder<B>> implements Cloneable
      permits DenseBuilder, GraniteMoeConfig.Builder {
    private int vocabSize = 32000;
    private int hiddenSize = 4096;
    private int intermediateSize = 11008;
    private int numHiddenLayers = 32;
    private int numAttentionHeads = 32;
    private OptionalInt numKeyValueHeads = OptionalInt.empty();
    private OptionalInt headDim = OptionalInt.empty();
    private int maxPositionEmbeddings = 2048;
    private double rmsNormEps = 1e-6;
    private double embeddingMultiplier = 1.0;
    private double residualMultiplier = 1.0;
    private double attentionMultiplier = 1.0;
    private double logitsScaling = 1.0;
    private boolean tieWordEmbeddings;
    private boolean attentionBias;
    private boolean mlpBias;
    private Activation hiddenAct = Activation.SILU;
    private RopeParameters ropeParameters = RopeParameters.plain(RopeParameters.DEFAULT_THETA);
    private OptionalInt bosTokenId = OptionalInt.of(1);
    private boolean bosGiven;
    private OptionalInt padTokenId = OptionalInt.empty();
    private List<Integer> eosTokenIds = List.of(2);
    private boolean eosGiven;
    private double initializerRange = 0.02;
    private double attentionDropout;
    private boolean useCache = true;
    private List<String> architectures = List.of();
    // for GraniteMoeConfig.Builder; here, because the configuration's constructor checks them
    int numLocalExperts = 8;
    int numExpertsPerTok = 2;
    boolean outputRouterLogits;
    double routerAuxLossCoef = 0.001;
    int sharedIntermediateSize;

    Builder() {}

    abstract B self();

    /** All values are immutable. */
    @SuppressWarnings("unchecked") // a clone is of the same class
    final B copy() {
      try {
        return (B) clone();
      } catch (CloneNotSupportedException e) {
        throw new AssertionError(e);
      }
    }

    /**
     * Checks the fields and makes the configuration.
     *
     * @return the configuration
     * @throws IllegalArgumentException if a field is out of range or does not fit another one; the
     *     message has its Hugging Face name, the value and the legal range
     */
    public abstract GraniteConfig build();

    /**
     * Sets {@code vocab_size}; default 32000.
     *
     * @param value rows of the embedding matrix: 1 to 2^31 - 1
     * @return this
     */
    public B vocabSize(int value) {
      vocabSize = value;
      return self();
    }

    /**
     * Sets {@code hidden_size}; default 4096.
     *
     * @param value width of the residual stream, in elements: 1 to 1048576
     * @return this
     */
    public B hiddenSize(int value) {
      hiddenSize = value;
      return self();
    }

    /**
     * Sets {@code intermediate_size}; default 11008.
     *
     * @param value width of the feed-forward network, in elements; in a mixture of experts that of
     *     one expert: 1 to 1048576
     * @return this
     */
    public B intermediateSize(int value) {
      intermediateSize = value;
      return self();
    }

    /**
     * Sets {@code num_hidden_layers}; default 32.
     *
     * @param value number of decoder layers: 1 to 10000
     * @return this
     */
    public B numHiddenLayers(int value) {
      numHiddenLayers = value;
      return self();
    }

    /**
     * Sets {@code num_attention_heads}; default 32.
     *
     * @param value number of query heads: 1 to 65536, a multiple of num_key_value_heads
     * @return this
     */
    public B numAttentionHeads(int value) {
      numAttentionHeads = value;
      return self();
    }

    /**
     * Sets {@code num_key_value_heads}.
     *
     * @param value number of key and value heads: 1 to num_attention_heads; by default as many as
     *     those
     * @return this
     */
    public B numKeyValueHeads(int value) {
      numKeyValueHeads = OptionalInt.of(value);
      return self();
    }

    /**
     * Sets {@code head_dim}.
     *
     * @param value width of a head, in elements: even, 2 to 65536; by default hidden_size /
     *     num_attention_heads
     * @return this
     */
    public B headDim(int value) {
      headDim = OptionalInt.of(value);
      return self();
    }

    /**
     * Sets {@code max_position_embeddings}; default 2048.
     *
     * @param value context length, in tokens: 1 to 2^31 - 1
     * @return this
     */
    public B maxPositionEmbeddings(int value) {
      maxPositionEmbeddings = value;
      return self();
    }

    /**
     * Sets {@code rms_norm_eps}; default 1e-6.
     *
     * @param value what is added to the mean square in every norm: 0 to 1
     * @return this
     */
    public B rmsNormEps(double value) {
      rmsNormEps = value;
      return self();
    }

    /**
     * Sets {@code embedding_multiplier}; default 1.0.
     *
     * @param value factor of the embeddings: finite
     * @return this
     */
    public B embeddingMultiplier(double value) {
      embeddingMultiplier = value;
      return self();
    }

    /**
     * Sets {@code residual_multiplier}; default 1.0.
     *
     * @param value factor of each block's output before it is added: finite
     * @return this
     */
    public B residualMultiplier(double value) {
      residualMultiplier = value;
      return self();
    }

    /**
     * Sets {@code attention_multiplier}; default 1.0.
     *
     * @param value factor of the attention scores, in place of 1/√head_dim: finite
     * @return this
     */
    public B attentionMultiplier(double value) {
      attentionMultiplier = value;
      return self();
    }

    /**
     * Sets {@code logits_scaling}; default 1.0.
     *
     * @param value divisor of the logits: greater than 0
     * @return this
     */
    public B logitsScaling(double value) {
      logitsScaling = value;
      return self();
    }

    /**
     * Sets {@code tie_word_embeddings}; default false.
     *
     * @param value whether the output head is the embedding matrix
     * @return this
     */
    public B tieWordEmbeddings(boolean value) {
      tieWordEmbeddings = value;
      return self();
    }

    /**
     * Sets {@code attention_bias}; default false.
     *
     * @param value whether the attention's four projections have a bias
     * @return this
     */
    public B attentionBias(boolean value) {
      attentionBias = value;
      return self();
    }

    /**
     * Sets {@code mlp_bias}; default false.
     *
     * @param value whether the feed-forward network's three projections have a bias; false in a
     *     mixture of experts
     * @return this
     */
    public B mlpBias(boolean value) {
      mlpBias = value;
      return self();
    }

    /**
     * Sets {@code hidden_act}; default {@code SILU}.
     *
     * @param value activation of the feed-forward gate
     * @return this
     */
    public B hiddenAct(Activation value) {
      hiddenAct = Objects.requireNonNull(value, "hiddenAct");
      return self();
    }

    /**
     * Sets {@code rope_parameters}; default plain, with theta 10000.
     *
     * @param value parameters of the rotary positions, which must fit max_position_embeddings and
     *     head_dim
     * @return this
     */
    public B ropeParameters(RopeParameters value) {
      ropeParameters = Objects.requireNonNull(value, "ropeParameters");
      return self();
    }

    /**
     * Sets {@code bos_token_id}; default 1.
     *
     * @param value the start token, below vocab_size, or empty
     * @return this
     */
    public B bosTokenId(OptionalInt value) {
      bosTokenId = Objects.requireNonNull(value, "bosTokenId");
      bosGiven = true;
      return self();
    }

    /**
     * Sets {@code pad_token_id}; default none.
     *
     * @param value the padding token, below vocab_size, or empty
     * @return this
     */
    public B padTokenId(OptionalInt value) {
      padTokenId = Objects.requireNonNull(value, "padTokenId");
      return self();
    }

    /**
     * Sets {@code eos_token_id}; default 2.
     *
     * @param value the tokens that end a text, each below vocab_size
     * @return this
     */
    public B eosTokenIds(List<Integer> value) {
      eosTokenIds = value.stream().distinct().toList();
      eosGiven = true;
      return self();
    }

    /**
     * Sets {@code initializer_range}; default 0.02.
     *
     * @param value standard deviation of fresh weights, at least 0
     * @return this
     */
    public B initializerRange(double value) {
      initializerRange = value;
      return self();
    }

    /**
     * Sets {@code attention_dropout}; default 0.0. Of no effect here.
     *
     * @param value share of the attention probabilities that training drops: 0 to 1
     * @return this
     */
    public B attentionDropout(double value) {
      attentionDropout = value;
      return self();
    }

    /**
     * Sets {@code use_cache}; default true. Of no effect here.
     *
     * @param value whether a pass returns its keys and values by default
     * @return this
     */
    public B useCache(boolean value) {
      useCache = value;
      return self();
    }

    /**
     * Sets {@code architectures}; default none.
     *
     * @param value names of transformers' classes
     * @return this
     */
    public B architectures(List<String> value) {
      architectures = List.copyOf(value);
      return self();
    }
  }

  private static final class DenseBuilder extends Builder<DenseBuilder> {
    @Override
    DenseBuilder self() {
      return this;
    }

    @Override
    public GraniteConfig build() {
      return new GraniteConfig(this);
    }
  }
}
