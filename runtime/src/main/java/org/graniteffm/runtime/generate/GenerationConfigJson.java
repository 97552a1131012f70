package org.graniteffm.runtime.generate;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.json.JsonFields;
import org.graniteffm.runtime.json.JsonReader;

/** Reads the settings of a {@link GenerationConfig} from JSON, under their Hugging Face names. */
final class GenerationConfigJson {
  // Each name with the number that means "off"; true, other numbers and filled lists are on.
  private static final Map<String, Double> NOT_IMPLEMENTED =
      Map.ofEntries(
          Map.entry("num_beam_groups", 1.0),
          Map.entry("diversity_penalty", 0.0),
          Map.entry("penalty_alpha", 0.0),
          Map.entry("top_h", 1.0),
          Map.entry("encoder_no_repeat_ngram_size", 0.0),
          Map.entry("encoder_repetition_penalty", 1.0),
          Map.entry("guidance_scale", 1.0));

  // Whatever number these hold, token 0 for instance, they are on.
  private static final Set<String> NOT_IMPLEMENTED_IF_SET =
      Set.of(
          "dola_layers",
          "force_words_ids",
          "constraints",
          "forced_decoder_ids",
          "remove_invalid_values",
          "assistant_early_exit",
          "token_healing",
          "watermarking_config");

  private GenerationConfigJson() {}

  /** See {@link GenerationConfig#load}. */
  static GenerationConfig load(Path directory, GraniteConfig config) throws IOException {
    Path file = directory.resolve("generation_config.json");
    GenerationConfig.Builder builder =
        GenerationConfig.builder()
            .bosTokenId(config.bosTokenId())
            .padTokenId(config.padTokenId())
            .eosTokenIds(config.eosTokenIds());
    if (Files.notExists(file)) {
      return builder.build();
    }
    JsonFields fields =
        new JsonFields(JsonReader.readObject(file, JsonReader.CONFIG_LIMIT), file.toString());
    return read(fields, builder, config.vocabSize());
  }

  private static GenerationConfig read(
      JsonFields fields, GenerationConfig.Builder builder, int vocabSize)
      throws ModelFormatException {
    for (String name : fields.names()) {
      if (fields.has(name) && !set(builder, fields, name)) {
        if (notImplemented(name, fields.get(name))) {
          builder.addUnsupported(name);
        }
      }
    }
    // Only what the file says: the defaults of config.json may be beyond a small vocabulary.
    try {
      GenerationConfig.inVocabulary(fields.integer("bos_token_id"), "bos_token_id", vocabSize);
      GenerationConfig.inVocabulary(fields.integer("pad_token_id"), "pad_token_id", vocabSize);
      GenerationConfig.inVocabulary(
          fields.integers("eos_token_id").orElse(List.of()), "eos_token_id", vocabSize);
      GenerationConfig config = builder.build();
      config.checkTokens(vocabSize);
      return config;
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(fields.source() + ": " + e.getMessage(), e);
    }
  }

  /** Sets a field that is there and not null; false if it is none of the settings. */
  static boolean set(GenerationConfig.Builder builder, JsonFields fields, String name)
      throws ModelFormatException {
    switch (name) {
      case "do_sample" -> builder.doSample(fields.bool(name, false));
      case "use_cache" -> builder.useCache(fields.bool(name, true));
      case "renormalize_logits" -> builder.renormalizeLogits(fields.bool(name, false));
      case "temperature" -> fields.number(name).ifPresent(builder::temperature);
      case "top_k" -> fields.integer(name).ifPresent(builder::topK);
      case "top_p" -> fields.number(name).ifPresent(builder::topP);
      case "min_p" -> fields.number(name).ifPresent(builder::minP);
      case "typical_p" -> fields.number(name).ifPresent(builder::typicalP);
      case "epsilon_cutoff" -> fields.number(name).ifPresent(builder::epsilonCutoff);
      case "eta_cutoff" -> fields.number(name).ifPresent(builder::etaCutoff);
      case "repetition_penalty" -> fields.number(name).ifPresent(builder::repetitionPenalty);
      case "no_repeat_ngram_size" -> fields.integer(name).ifPresent(builder::noRepeatNgramSize);
      case "bad_words_ids" -> builder.badWordsIds(words(fields, name));
      case "sequence_bias" -> builder.sequenceBias(biases(fields, name));
      case "suppress_tokens" -> fields.integers(name).ifPresent(builder::suppressTokens);
      case "begin_suppress_tokens" -> fields.integers(name).ifPresent(builder::beginSuppressTokens);
      case "forced_bos_token_id" -> builder.forcedBosTokenId(fields.integer(name));
      case "forced_eos_token_id" -> fields.integers(name).ifPresent(builder::forcedEosTokenIds);
      case "exponential_decay_length_penalty" ->
          builder.exponentialDecayLengthPenalty(Optional.of(decay(fields, name)));
      case "max_new_tokens" -> fields.integer(name).ifPresent(builder::maxNewTokens);
      case "max_length" -> fields.integer(name).ifPresent(builder::maxLength);
      case "min_new_tokens" -> fields.integer(name).ifPresent(builder::minNewTokens);
      case "min_length" -> fields.integer(name).ifPresent(builder::minLength);
      case "max_time" -> builder.maxTime(fields.number(name));
      case "num_beams" -> fields.integer(name).ifPresent(builder::numBeams);
      case "num_return_sequences" -> fields.integer(name).ifPresent(builder::numReturnSequences);
      case "length_penalty" -> fields.number(name).ifPresent(builder::lengthPenalty);
      case "early_stopping" -> builder.earlyStopping(earlyStopping(fields, name));
      case "prompt_lookup_num_tokens" -> builder.promptLookupNumTokens(fields.integer(name));
      case "max_matching_ngram_size" ->
          fields.integer(name).ifPresent(builder::maxMatchingNgramSize);
      case "num_assistant_tokens" -> fields.integer(name).ifPresent(builder::numAssistantTokens);
      case "num_assistant_tokens_schedule" ->
          builder.numAssistantTokensSchedule(schedule(fields, name));
      case "assistant_confidence_threshold" ->
          fields.number(name).ifPresent(builder::assistantConfidenceThreshold);
      case "bos_token_id" -> builder.bosTokenId(fields.integer(name));
      case "pad_token_id" -> builder.padTokenId(fields.integer(name));
      case "eos_token_id" -> fields.integers(name).ifPresent(builder::eosTokenIds);
      case "stop_strings" -> fields.strings(name).ifPresent(builder::stopStrings);
      default -> {
        return false;
      }
    }
    return true;
  }

  private static List<List<Integer>> words(JsonFields fields, String name)
      throws ModelFormatException {
    List<List<Integer>> words = new ArrayList<>();
    for (JsonNode word : list(fields, name, "a list of lists of token ids")) {
      words.add(ids(fields, name, word));
    }
    return words;
  }

  private static List<SequenceBias> biases(JsonFields fields, String name)
      throws ModelFormatException {
    String expected = "a list of pairs of token ids and a number";
    List<SequenceBias> biases = new ArrayList<>();
    for (JsonNode pair : list(fields, name, expected)) {
      if (!pair.isArray() || pair.size() != 2 || !pair.get(1).isNumber()) {
        throw wrong(fields, name, expected, pair);
      }
      biases.add(new SequenceBias(ids(fields, name, pair.get(0)), pair.get(1).doubleValue()));
    }
    return biases;
  }

  private static LengthDecay decay(JsonFields fields, String name) throws ModelFormatException {
    String expected = "a whole number and a factor";
    JsonNode pair = list(fields, name, expected);
    if (pair.size() != 2
        || !pair.get(0).isIntegralNumber()
        || !pair.get(0).canConvertToInt()
        || !pair.get(1).isNumber()) {
      throw wrong(fields, name, expected, pair);
    }
    return new LengthDecay(pair.get(0).intValue(), pair.get(1).doubleValue());
  }

  private static EarlyStopping earlyStopping(JsonFields fields, String name)
      throws ModelFormatException {
    JsonNode value = fields.get(name);
    if (value.isBoolean()) {
      return value.booleanValue() ? EarlyStopping.TRUE : EarlyStopping.FALSE;
    }
    if (value.isTextual() && value.textValue().equals("never")) {
      return EarlyStopping.NEVER;
    }
    throw wrong(fields, name, "true, false or \"never\"", value);
  }

  private static AssistantTokensSchedule schedule(JsonFields fields, String name)
      throws ModelFormatException {
    JsonNode value = fields.get(name);
    return switch (value.asText()) {
      case "constant" -> AssistantTokensSchedule.CONSTANT;
      case "heuristic" -> AssistantTokensSchedule.HEURISTIC;
      case "heuristic_transient" -> AssistantTokensSchedule.HEURISTIC_TRANSIENT;
      default ->
          throw wrong(
              fields, name, "\"constant\", \"heuristic\" or \"heuristic_transient\"", value);
    };
  }

  private static JsonNode list(JsonFields fields, String name, String expected)
      throws ModelFormatException {
    JsonNode node = fields.get(name);
    if (!node.isArray()) {
      throw wrong(fields, name, expected, node);
    }
    return node;
  }

  private static List<Integer> ids(JsonFields fields, String name, JsonNode list)
      throws ModelFormatException {
    if (!list.isArray()) {
      throw wrong(fields, name, "a list of token ids", list);
    }
    List<Integer> ids = new ArrayList<>();
    for (JsonNode id : list) {
      if (!id.isIntegralNumber() || !id.canConvertToInt()) {
        throw wrong(fields, name, "a token id", id);
      }
      ids.add(id.intValue());
    }
    return ids;
  }

  private static ModelFormatException wrong(
      JsonFields fields, String name, String expected, JsonNode found) {
    return new ModelFormatException(
        "%s: expected %s, found %s"
            .formatted(fields.where(name), expected, JsonFields.describe(found)));
  }

  private static boolean notImplemented(String name, JsonNode value) {
    if (value.isNull() || (value.isBoolean() && !value.booleanValue())) {
      return false;
    }
    if (name.equals("cache_implementation")) {
      return value.asText().startsWith("quantized");
    }
    if (NOT_IMPLEMENTED_IF_SET.contains(name)) {
      return !(value.isContainerNode() && value.isEmpty());
    }
    Double off = NOT_IMPLEMENTED.get(name);
    return off != null && !(value.isNumber() && value.doubleValue() == off);
  }
}
