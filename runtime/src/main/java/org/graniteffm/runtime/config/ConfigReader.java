package org.graniteffm.runtime.config;

import com.fasterxml.jackson.databind.JsonNode;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.json.JsonFields;

/** Turns a parsed {@code config.json} into a configuration. */
final class ConfigReader {
  /** Fields that mean the stored weights are not plain numbers. */
  private static final List<String> QUANTIZED =
      List.of("quantization_config", "compression_config");

  private static final Logger LOGGER = System.getLogger("org.graniteffm.runtime.config");

  private ConfigReader() {}

  static GraniteConfig read(JsonNode object, String source) throws ModelFormatException {
    JsonFields fields = new JsonFields(object, source);
    String type =
        fields
            .string("model_type")
            .orElseThrow(() -> new ModelFormatException(fields.where("model_type") + ": missing"));
    try {
      return switch (type) {
        case "granite" -> dense(fields);
        case "granitemoe" -> mixture(fields, GraniteMoeConfig.builder());
        case "granitemoeshared" ->
            mixture(
                fields,
                GraniteMoeSharedConfig.builder()
                    .sharedIntermediateSize(fields.integer("shared_intermediate_size", 0)));
        default ->
            throw new UnsupportedModelException(
                "%s: %s is not supported, only granite, granitemoe and granitemoeshared"
                    .formatted(fields.where("model_type"), Names.quote(type)));
      };
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(source + ": " + e.getMessage(), e);
    }
  }

  private static GraniteConfig dense(JsonFields fields) throws ModelFormatException {
    GraniteConfig.Builder<?> builder = GraniteConfig.builder();
    common(fields, builder);
    return builder.build();
  }

  private static GraniteConfig mixture(JsonFields fields, GraniteMoeConfig.Builder<?> builder)
      throws ModelFormatException {
    common(fields, builder);
    return builder
        .numLocalExperts(fields.integer("num_local_experts", 8))
        .numExpertsPerTok(fields.integer("num_experts_per_tok", 2))
        .outputRouterLogits(fields.bool("output_router_logits", false))
        .routerAuxLossCoef(fields.number("router_aux_loss_coef", 0.001))
        .build();
  }

  private static void common(JsonFields fields, GraniteConfig.Builder<?> builder)
      throws ModelFormatException {
    for (String field : QUANTIZED) {
      if (fields.has(field)) {
        throw new UnsupportedModelException(
            fields.where(field)
                + ": quantized weights are not supported, only float32, float16 and bfloat16");
      }
    }
    if (fields.bool("is_encoder_decoder", false)) {
      throw new UnsupportedModelException(
          fields.where("is_encoder_decoder") + ": true is not supported, only false");
    }
    if (fields.object("pruned_heads").filter(heads -> !heads.names().isEmpty()).isPresent()) {
      throw new UnsupportedModelException(
          fields.where("pruned_heads") + ": pruned attention heads are not supported, only none");
    }
    int positions = fields.integer("max_position_embeddings", 2048);
    builder
        .vocabSize(fields.integer("vocab_size", 32000))
        .hiddenSize(fields.integer("hidden_size", 4096))
        .intermediateSize(fields.integer("intermediate_size", 11008))
        .numHiddenLayers(fields.integer("num_hidden_layers", 32))
        .numAttentionHeads(fields.integer("num_attention_heads", 32))
        .maxPositionEmbeddings(positions)
        .rmsNormEps(fields.number("rms_norm_eps", 1e-6))
        .embeddingMultiplier(fields.number("embedding_multiplier", 1))
        .residualMultiplier(fields.number("residual_multiplier", 1))
        .attentionMultiplier(fields.number("attention_multiplier", 1))
        .logitsScaling(fields.number("logits_scaling", 1))
        .tieWordEmbeddings(fields.bool("tie_word_embeddings", false))
        .attentionBias(fields.bool("attention_bias", false))
        .mlpBias(fields.bool("mlp_bias", false))
        .hiddenAct(activation(fields))
        .ropeParameters(rope(fields, positions))
        .initializerRange(fields.number("initializer_range", 0.02))
        .attentionDropout(fields.number("attention_dropout").orElse(0))
        .useCache(!fields.has("use_cache") || fields.bool("use_cache", true))
        .architectures(fields.strings("architectures").orElse(List.of()))
        .padTokenId(fields.integer("pad_token_id"));
    fields.integer("num_key_value_heads").ifPresent(builder::numKeyValueHeads);
    fields.integer("head_dim").ifPresent(builder::headDim);
    // an explicit null is not the default, but no token
    if (fields.get("bos_token_id") != null) {
      builder.bosTokenId(fields.integer("bos_token_id"));
    }
    if (fields.get("eos_token_id") != null) {
      builder.eosTokenIds(fields.integers("eos_token_id").orElse(List.of()));
    }
  }

  private static Activation activation(JsonFields fields) throws ModelFormatException {
    if (fields.get("hidden_act") == null) {
      return Activation.SILU;
    }
    String name =
        fields
            .string("hidden_act")
            .orElseThrow(() ->
                new ModelFormatException(
                    fields.where("hidden_act") + ": expected a string, found null"));
    return Activation.of(name)
        .orElseThrow(() ->
            new UnsupportedModelException(
                "%s: %s is not supported, only %s"
                    .formatted(
                        fields.where("hidden_act"), Names.quote(name), Activation.supported())));
  }

  /**
   * Reads either spelling. As in transformers, a {@code rope_scaling} that is neither null nor
   * empty beats {@code rope_parameters}; inside the object {@code rope_type} beats {@code type},
   * its {@code rope_theta} beats the one at top level, but {@code original_max_position_embeddings}
   * at top level beats the one inside.
   */
  private static RopeParameters rope(JsonFields fields, int positions) throws ModelFormatException {
    Optional<JsonFields> old = fields.object("rope_scaling").filter(o -> !o.names().isEmpty());
    if (old.isPresent() && fields.has("rope_parameters")) {
      LOGGER.log(Level.INFO, "{0}: not used, rope_scaling is", fields.where("rope_parameters"));
    }
    Optional<JsonFields> given = old.isPresent() ? old : fields.object("rope_parameters");
    double theta = fields.number("rope_theta").orElse(RopeParameters.DEFAULT_THETA);
    OptionalInt original = fields.integer("original_max_position_embeddings");
    if (given.isEmpty()) {
      return RopeParameters.plain(theta);
    }
    JsonFields rope = given.get();
    RopeType type = ropeType(rope);
    if (type != RopeType.DEFAULT) {
      refusePartial(fields);
      refusePartial(rope);
    }
    RopeParameters.Builder builder =
        RopeParameters.builder(type).theta(rope.number("rope_theta").orElse(theta));
    if (original.isEmpty()) {
      original = rope.integer("original_max_position_embeddings");
    }
    rope.number("factor").ifPresent(builder::factor);
    original.ifPresent(builder::originalMaxPositionEmbeddings);
    rope.number("attention_factor").ifPresent(builder::attentionFactor);
    rope.number("beta_fast").ifPresent(builder::betaFast);
    rope.number("beta_slow").ifPresent(builder::betaSlow);
    rope.number("mscale").ifPresent(builder::mscale);
    rope.number("mscale_all_dim").ifPresent(builder::mscaleAllDim);
    rope.numbers("short_factor").ifPresent(builder::shortFactor);
    rope.numbers("long_factor").ifPresent(builder::longFactor);
    rope.number("low_freq_factor").ifPresent(builder::lowFreqFactor);
    rope.number("high_freq_factor").ifPresent(builder::highFreqFactor);
    return builder.truncate(rope.bool("truncate", true)).build(positions);
  }

  private static RopeType ropeType(JsonFields rope) throws ModelFormatException {
    String field = rope.has("rope_type") ? "rope_type" : "type";
    if (field.equals("type") && rope.has(field)) {
      LOGGER.log(Level.INFO, "{0}: an old name, rope_type is the new one", rope.where(field));
    }
    String name = rope.string(field).orElse("default");
    for (String key : rope.names()) {
      if (rope.get(key).isObject()) {
        throw new UnsupportedModelException(
            rope.where(key) + ": rotary positions that differ by layer are not supported");
      }
    }
    return RopeType.of(name)
        .orElseThrow(() ->
            new UnsupportedModelException(
                "%s: %s is not supported, only %s"
                    .formatted(rope.where(field), Names.quote(name), RopeType.supported())));
  }

  private static void refusePartial(JsonFields fields) throws ModelFormatException {
    double factor = fields.number("partial_rotary_factor").orElse(1);
    if (factor != 1) {
      throw new UnsupportedModelException(
          "%s: %s is not supported with a rope_type other than default, only 1"
              .formatted(fields.where("partial_rotary_factor"), factor));
    }
  }
}
