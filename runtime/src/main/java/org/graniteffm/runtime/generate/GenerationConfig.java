package org.graniteffm.runtime.generate;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import java.util.Set;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.json.JsonFields;
import org.graniteffm.runtime.json.JsonReader;

/**
 * How text is generated: what {@code generation_config.json} holds, or what a caller sets instead.
 *
 * <p>Accessors have the Hugging Face names in camel case, and the defaults are those of
 * transformers: greedy, 20 new tokens. Settings that change the text but are not implemented are
 * named by {@link #unsupported}, so that a generator refuses them rather than answering something
 * else in silence. Immutable.
 */
public final class GenerationConfig {
  /** New tokens where neither max_new_tokens nor max_length is given. */
  public static final int DEFAULT_NEW_TOKENS = 20;

  // Each name with the number that means "off"; true, other numbers and filled lists are on.
  private static final Map<String, Double> NOT_IMPLEMENTED =
      Map.ofEntries(
          Map.entry("num_beam_groups", 1.0),
          Map.entry("num_return_sequences", 1.0),
          Map.entry("diversity_penalty", 0.0),
          Map.entry("penalty_alpha", 0.0),
          Map.entry("typical_p", 1.0),
          Map.entry("epsilon_cutoff", 0.0),
          Map.entry("eta_cutoff", 0.0),
          Map.entry("top_h", 1.0),
          Map.entry("no_repeat_ngram_size", 0.0),
          Map.entry("encoder_no_repeat_ngram_size", 0.0),
          Map.entry("encoder_repetition_penalty", 1.0),
          Map.entry("guidance_scale", 1.0));

  // Whatever number these hold, token 0 for instance, they are on.
  private static final Set<String> NOT_IMPLEMENTED_IF_SET =
      Set.of(
          "max_time",
          "dola_layers",
          "bad_words_ids",
          "force_words_ids",
          "constraints",
          "renormalize_logits",
          "forced_bos_token_id",
          "forced_eos_token_id",
          "forced_decoder_ids",
          "remove_invalid_values",
          "exponential_decay_length_penalty",
          "suppress_tokens",
          "begin_suppress_tokens",
          "sequence_bias",
          "token_healing",
          "watermarking_config");

  private final boolean doSample;
  private final double temperature;
  private final int topK;
  private final double topP;
  private final OptionalDouble minP;
  private final double repetitionPenalty;
  private final OptionalInt maxNewTokens;
  private final OptionalInt maxLength;
  private final OptionalInt minNewTokens;
  private final int minLength;
  private final int numBeams;
  private final boolean useCache;
  private final OptionalInt bosTokenId;
  private final OptionalInt padTokenId;
  private final List<Integer> eosTokenIds;
  private final List<String> stopStrings;
  private final OptionalLong seed;
  private final List<String> unsupported;

  private GenerationConfig(Builder b) {
    doSample = b.doSample;
    temperature = b.temperature;
    topK = b.topK;
    topP = b.topP;
    minP = b.minP;
    repetitionPenalty = b.repetitionPenalty;
    maxNewTokens = b.maxNewTokens;
    maxLength = b.maxLength;
    minNewTokens = b.minNewTokens;
    minLength = b.minLength;
    numBeams = b.numBeams;
    useCache = b.useCache;
    bosTokenId = b.bosTokenId;
    padTokenId = b.padTokenId;
    eosTokenIds = b.eosTokenIds;
    stopStrings = b.stopStrings;
    seed = b.seed;
    check("temperature", temperature, (float) temperature > 0, "a finite number greater than 0");
    check("top_k", topK, topK >= 0, "at least 0");
    check("top_p", topP, topP > 0 && topP <= 1, "greater than 0 and at most 1");
    double p = minP.orElse(0);
    check("min_p", p, p >= 0 && p <= 1, "0 to 1");
    check(
        "repetition_penalty",
        repetitionPenalty,
        (float) repetitionPenalty > 0,
        "a finite number greater than 0");
    atLeast("max_new_tokens", maxNewTokens, 1);
    atLeast("max_length", maxLength, 1);
    atLeast("min_new_tokens", minNewTokens, 0);
    check("min_length", minLength, minLength >= 0, "at least 0");
    check("num_beams", numBeams, numBeams >= 1, "at least 1");
    atLeast("bos_token_id", bosTokenId, 0);
    atLeast("pad_token_id", padTokenId, 0);
    for (int id : eosTokenIds) {
      check("eos_token_id", id, id >= 0, "at least 0");
    }
    for (String stop : stopStrings) {
      if (stop.isEmpty()) {
        throw new IllegalArgumentException("stop_strings: \"\" is empty, would stop at once");
      }
    }
    if (maxNewTokens.isPresent() && minNewTokens.orElse(0) > maxNewTokens.getAsInt()) {
      throw new IllegalArgumentException(
          "min_new_tokens: %d is more than max_new_tokens, %d"
              .formatted(minNewTokens.getAsInt(), maxNewTokens.getAsInt()));
    }
    List<String> names = new ArrayList<>(b.unsupported);
    if (numBeams > 1) {
      names.add("num_beams");
    }
    if (!stopStrings.isEmpty()) {
      names.add("stop_strings");
    }
    unsupported = names.stream().distinct().sorted().toList();
  }

  private static void atLeast(String field, OptionalInt value, int least) {
    if (value.isPresent()) {
      check(field, value.getAsInt(), value.getAsInt() >= least, "at least " + least);
    }
  }

  private static void check(String field, Number value, boolean legal, String range) {
    if (!legal || !Float.isFinite(value.floatValue())) {
      throw new IllegalArgumentException(field + ": " + value + " is not " + range);
    }
  }

  /**
   * Reads {@code generation_config.json} of a checkpoint. Token ids it does not give are those of
   * {@code config.json}; so are all, if there is no such file. A null field is as good as absent,
   * unknown fields are ignored.
   *
   * @param directory the checkpoint's folder
   * @param config the checkpoint's configuration
   * @return the settings
   * @throws ModelFormatException if the file is malformed, or a field is out of range; names file
   *     and field
   * @throws IOException if the file cannot be read
   */
  public static GenerationConfig load(Path directory, GraniteConfig config) throws IOException {
    Path file = directory.resolve("generation_config.json");
    Builder builder =
        builder()
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

  private static GenerationConfig read(JsonFields fields, Builder builder, int vocabSize)
      throws ModelFormatException {
    if (fields.has("do_sample")) {
      builder.doSample(fields.bool("do_sample", false));
    }
    fields.number("temperature").ifPresent(builder::temperature);
    fields.integer("top_k").ifPresent(v -> builder.topK(v));
    fields.number("top_p").ifPresent(builder::topP);
    fields.number("min_p").ifPresent(builder::minP);
    fields.number("repetition_penalty").ifPresent(builder::repetitionPenalty);
    fields.integer("max_new_tokens").ifPresent(v -> builder.maxNewTokens(v));
    fields.integer("max_length").ifPresent(v -> builder.maxLength(v));
    fields.integer("min_new_tokens").ifPresent(v -> builder.minNewTokens(v));
    fields.integer("min_length").ifPresent(v -> builder.minLength(v));
    fields.integer("num_beams").ifPresent(v -> builder.numBeams(v));
    if (fields.has("use_cache")) {
      builder.useCache(fields.bool("use_cache", true));
    }
    fields.integer("bos_token_id").ifPresent(v -> builder.bosTokenId(OptionalInt.of(v)));
    fields.integer("pad_token_id").ifPresent(v -> builder.padTokenId(OptionalInt.of(v)));
    fields.integers("eos_token_id").ifPresent(builder::eosTokenIds);
    fields.strings("stop_strings").ifPresent(builder::stopStrings);
    for (String name : fields.names()) {
      if (notImplemented(name, fields.get(name))) {
        builder.unsupported.add(name);
      }
    }
    // Only what the file says: the defaults of config.json may be beyond a small vocabulary.
    try {
      inVocabulary(fields.integer("bos_token_id"), "bos_token_id", vocabSize);
      inVocabulary(fields.integer("pad_token_id"), "pad_token_id", vocabSize);
      for (int id : fields.integers("eos_token_id").orElse(List.of())) {
        inVocabulary(OptionalInt.of(id), "eos_token_id", vocabSize);
      }
      return builder.build();
    } catch (IllegalArgumentException e) {
      throw new ModelFormatException(fields.where(e.getMessage()), e);
    }
  }

  private static void inVocabulary(OptionalInt id, String field, int vocabSize) {
    if (id.isPresent() && (id.getAsInt() < 0 || id.getAsInt() >= vocabSize)) {
      throw new IllegalArgumentException(
          field + ": " + id.getAsInt() + " is outside 0 to " + (vocabSize - 1));
    }
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

  /**
   * Starts from the defaults: greedy, 20 new tokens, no end token.
   *
   * @return a builder
   */
  public static Builder builder() {
    return new Builder();
  }

  /**
   * Starts from these settings.
   *
   * @return a builder that holds them, {@link #unsupported} ones included
   */
  public Builder toBuilder() {
    Builder b = new Builder();
    b.doSample = doSample;
    b.temperature = temperature;
    b.topK = topK;
    b.topP = topP;
    b.minP = minP;
    b.repetitionPenalty = repetitionPenalty;
    b.maxNewTokens = maxNewTokens;
    b.maxLength = maxLength;
    b.minNewTokens = minNewTokens;
    b.minLength = minLength;
    b.numBeams = numBeams;
    b.useCache = useCache;
    b.bosTokenId = bosTokenId;
    b.padTokenId = padTokenId;
    b.eosTokenIds = eosTokenIds;
    b.stopStrings = stopStrings;
    b.seed = seed;
    b.unsupported.addAll(unsupported);
    b.unsupported.removeAll(List.of("num_beams", "stop_strings"));
    return b;
  }

  /**
   * Says how many new tokens to generate at most: max_new_tokens, else what max_length leaves, else
   * 20, the last capped by the context.
   *
   * @param promptLength number of tokens of the prompt, at least 0
   * @param maxPositionEmbeddings the model's context, in tokens
   * @return most new tokens; 0 only if nothing was asked for and the prompt fills the context
   * @throws IllegalArgumentException if max_length leaves nothing
   */
  public int newTokens(int promptLength, int maxPositionEmbeddings) {
    if (maxNewTokens.isPresent()) {
      return maxNewTokens.getAsInt();
    }
    if (maxLength.isPresent()) {
      int rest = maxLength.getAsInt() - promptLength;
      if (rest <= 0) {
        throw new IllegalArgumentException(
            "max_length: %d leaves nothing after a prompt of %d tokens"
                .formatted(maxLength.getAsInt(), promptLength));
      }
      return rest;
    }
    return Math.clamp((long) maxPositionEmbeddings - promptLength, 0, DEFAULT_NEW_TOKENS);
  }

  /**
   * Says how many new tokens there must be before an end token is allowed, by min_new_tokens and
   * min_length.
   *
   * @param promptLength number of tokens of the prompt, at least 0
   * @return least new tokens, at least 0
   */
  public int leastNewTokens(int promptLength) {
    return Math.max(minNewTokens.orElse(0), Math.max(0, minLength - promptLength));
  }

  /**
   * Names what is set but not implemented by this library's generator.
   *
   * @return Hugging Face names of settings that would change the text, sorted; empty if all is
   *     implemented
   */
  public List<String> unsupported() {
    return unsupported;
  }

  /**
   * Returns {@code do_sample}.
   *
   * @return whether to sample; else the best token is taken, and temperature, top_k, top_p, min_p
   *     and seed play no part
   */
  public boolean doSample() {
    return doSample;
  }

  /**
   * Returns {@code temperature}.
   *
   * @return divisor of the scores before sampling
   */
  public double temperature() {
    return temperature;
  }

  /**
   * Returns {@code top_k}.
   *
   * @return how many of the best tokens sampling keeps, ties with the last one included; 0 keeps
   *     all
   */
  public int topK() {
    return topK;
  }

  /**
   * Returns {@code top_p}.
   *
   * @return probability mass of the best tokens that sampling keeps
   */
  public double topP() {
    return topP;
  }

  /**
   * Returns {@code min_p}.
   *
   * @return share of the best token's probability below which sampling drops a token
   */
  public OptionalDouble minP() {
    return minP;
  }

  /**
   * Returns {@code repetition_penalty}.
   *
   * @return divisor of the positive, factor of the negative scores of tokens already seen, the
   *     prompt's included
   */
  public double repetitionPenalty() {
    return repetitionPenalty;
  }

  /**
   * Returns {@code max_new_tokens}.
   *
   * @return most new tokens; wins over max_length
   */
  public OptionalInt maxNewTokens() {
    return maxNewTokens;
  }

  /**
   * Returns {@code max_length}.
   *
   * @return most tokens, the prompt's included
   */
  public OptionalInt maxLength() {
    return maxLength;
  }

  /**
   * Returns {@code min_new_tokens}.
   *
   * @return number of new tokens before which no end token is allowed
   */
  public OptionalInt minNewTokens() {
    return minNewTokens;
  }

  /**
   * Returns {@code min_length}.
   *
   * @return number of tokens, the prompt's included, before which no end token is allowed
   */
  public int minLength() {
    return minLength;
  }

  /**
   * Returns {@code num_beams}.
   *
   * @return number of beams; 1 is no beam search
   */
  public int numBeams() {
    return numBeams;
  }

  /**
   * Returns {@code use_cache}.
   *
   * @return whether keys and values are kept; changes no result
   */
  public boolean useCache() {
    return useCache;
  }

  /**
   * Returns {@code bos_token_id}.
   *
   * @return the start token, which is what generation begins with if there is no prompt
   */
  public OptionalInt bosTokenId() {
    return bosTokenId;
  }

  /**
   * Returns {@code pad_token_id}.
   *
   * @return the token that fills finished rows of a batch
   */
  public OptionalInt padTokenId() {
    return padTokenId;
  }

  /**
   * Returns {@code eos_token_id}.
   *
   * @return the tokens that end a text, possibly none; unmodifiable
   */
  public List<Integer> eosTokenIds() {
    return eosTokenIds;
  }

  /**
   * Returns {@code stop_strings}.
   *
   * @return texts that end generation, usually none; unmodifiable
   */
  public List<String> stopStrings() {
    return stopStrings;
  }

  /**
   * Returns the seed of sampling, which no file holds.
   *
   * @return the seed; if empty, each generation takes a fresh one
   */
  public OptionalLong seed() {
    return seed;
  }

  private Map<String, Object> fields() {
    Map<String, Object> all = new LinkedHashMap<>();
    all.put("do_sample", doSample);
    all.put("temperature", temperature);
    all.put("top_k", topK);
    all.put("top_p", topP);
    all.put("min_p", minP);
    all.put("repetition_penalty", repetitionPenalty);
    all.put("max_new_tokens", maxNewTokens);
    all.put("max_length", maxLength);
    all.put("min_new_tokens", minNewTokens);
    all.put("min_length", minLength);
    all.put("num_beams", numBeams);
    all.put("use_cache", useCache);
    all.put("bos_token_id", bosTokenId);
    all.put("pad_token_id", padTokenId);
    all.put("eos_token_id", eosTokenIds);
    all.put("stop_strings", stopStrings);
    all.put("seed", seed);
    all.put("unsupported", unsupported);
    return all;
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof GenerationConfig that && fields().equals(that.fields());
  }

  @Override
  public int hashCode() {
    return fields().hashCode();
  }

  /** Returns all settings under their Hugging Face names. */
  @Override
  public String toString() {
    return fields().toString();
  }

  /** Collects settings; {@link #build} checks them. */
  public static final class Builder {
    private boolean doSample;
    private double temperature = 1.0;
    private int topK = 50;
    private double topP = 1.0;
    private OptionalDouble minP = OptionalDouble.empty();
    private double repetitionPenalty = 1.0;
    private OptionalInt maxNewTokens = OptionalInt.empty();
    private OptionalInt maxLength = OptionalInt.empty();
    private OptionalInt minNewTokens = OptionalInt.empty();
    private int minLength;
    private int numBeams = 1;
    private boolean useCache = true;
    private OptionalInt bosTokenId = OptionalInt.empty();
    private OptionalInt padTokenId = OptionalInt.empty();
    private List<Integer> eosTokenIds = List.of();
    private List<String> stopStrings = List.of();
    private OptionalLong seed = OptionalLong.empty();
    private final List<String> unsupported = new ArrayList<>();

    private Builder() {}

    /**
     * Checks the settings.
     *
     * @return the settings
     * @throws IllegalArgumentException if one is out of range; the message has its Hugging Face
     *     name, the value and the legal range
     */
    public GenerationConfig build() {
      return new GenerationConfig(this);
    }

    /**
     * Forgets settings of a file that are not implemented, so that they are ignored instead of
     * refused.
     *
     * @return this
     */
    public Builder dropUnsupported() {
      unsupported.clear();
      numBeams = 1;
      stopStrings = List.of();
      return this;
    }

    /**
     * Sets {@code do_sample}; default false.
     *
     * @param value whether to sample; else the best token is taken, and temperature, top_k, top_p,
     *     min_p and seed play no part
     * @return this
     */
    public Builder doSample(boolean value) {
      doSample = value;
      return this;
    }

    /**
     * Sets {@code temperature}; default 1.
     *
     * @param value divisor of the scores before sampling: greater than 0
     * @return this
     */
    public Builder temperature(double value) {
      temperature = value;
      return this;
    }

    /**
     * Sets {@code top_k}; default 50.
     *
     * @param value how many of the best tokens sampling keeps, ties with the last one included; 0
     *     keeps all: at least 0
     * @return this
     */
    public Builder topK(int value) {
      topK = value;
      return this;
    }

    /**
     * Sets {@code top_p}; default 1.
     *
     * @param value probability mass of the best tokens that sampling keeps: greater than 0, at most
     *     1
     * @return this
     */
    public Builder topP(double value) {
      topP = value;
      return this;
    }

    /**
     * Sets {@code min_p}; default none.
     *
     * @param value share of the best token's probability below which sampling drops a token: 0 to 1
     * @return this
     */
    public Builder minP(double value) {
      minP = OptionalDouble.of(value);
      return this;
    }

    /**
     * Sets {@code repetition_penalty}; default 1.
     *
     * @param value divisor of the positive, factor of the negative scores of tokens already seen,
     *     the prompt's included: greater than 0
     * @return this
     */
    public Builder repetitionPenalty(double value) {
      repetitionPenalty = value;
      return this;
    }

    /**
     * Sets {@code max_new_tokens}; default none.
     *
     * @param value most new tokens; wins over max_length: at least 1
     * @return this
     */
    public Builder maxNewTokens(int value) {
      maxNewTokens = OptionalInt.of(value);
      return this;
    }

    /**
     * Sets {@code max_length}; default none, which means 20 new tokens.
     *
     * @param value most tokens, the prompt's included: at least 1
     * @return this
     */
    public Builder maxLength(int value) {
      maxLength = OptionalInt.of(value);
      return this;
    }

    /**
     * Sets {@code min_new_tokens}; default none.
     *
     * @param value number of new tokens before which no end token is allowed: at least 0
     * @return this
     */
    public Builder minNewTokens(int value) {
      minNewTokens = OptionalInt.of(value);
      return this;
    }

    /**
     * Sets {@code min_length}; default 0.
     *
     * @param value number of tokens, the prompt's included, before which no end token is allowed:
     *     at least 0
     * @return this
     */
    public Builder minLength(int value) {
      minLength = value;
      return this;
    }

    /**
     * Sets {@code num_beams}; default 1.
     *
     * @param value number of beams; 1 is no beam search: at least 1
     * @return this
     */
    public Builder numBeams(int value) {
      numBeams = value;
      return this;
    }

    /**
     * Sets {@code use_cache}; default true.
     *
     * @param value whether keys and values are kept; changes no result
     * @return this
     */
    public Builder useCache(boolean value) {
      useCache = value;
      return this;
    }

    /**
     * Sets {@code bos_token_id}; default none.
     *
     * @param value the start token, which is what generation begins with if there is no prompt: at
     *     least 0
     * @return this
     */
    public Builder bosTokenId(OptionalInt value) {
      bosTokenId = Objects.requireNonNull(value, "bosTokenId");
      return this;
    }

    /**
     * Sets {@code pad_token_id}; default none.
     *
     * @param value the token that fills finished rows of a batch: at least 0
     * @return this
     */
    public Builder padTokenId(OptionalInt value) {
      padTokenId = Objects.requireNonNull(value, "padTokenId");
      return this;
    }

    /**
     * Sets {@code eos_token_id}; default none.
     *
     * @param value the tokens that end a text: at least 0
     * @return this
     */
    public Builder eosTokenIds(List<Integer> value) {
      eosTokenIds = value.stream().distinct().toList();
      return this;
    }

    /**
     * Sets {@code stop_strings}; default none.
     *
     * @param value texts that end generation: not empty
     * @return this
     */
    public Builder stopStrings(List<String> value) {
      stopStrings = List.copyOf(value);
      return this;
    }

    /**
     * Sets the seed of sampling; by default each generation takes a fresh one.
     *
     * @param value any number; the same seed gives the same text
     * @return this
     */
    public Builder seed(long value) {
      seed = OptionalLong.of(value);
      return this;
    }
  }
}
