package org.graniteffm.runtime.generate;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.OptionalLong;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.json.JsonFields;

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

  private static final String CUTOFF = "at least 0 and below 1";

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
  private final double typicalP;
  private final double epsilonCutoff;
  private final double etaCutoff;
  private final int noRepeatNgramSize;
  private final List<List<Integer>> badWordsIds;
  private final List<SequenceBias> sequenceBias;
  private final List<Integer> suppressTokens;
  private final List<Integer> beginSuppressTokens;
  private final OptionalInt forcedBosTokenId;
  private final List<Integer> forcedEosTokenIds;
  private final Optional<LengthDecay> exponentialDecayLengthPenalty;
  private final boolean renormalizeLogits;
  private final OptionalDouble maxTime;
  private final double lengthPenalty;
  private final EarlyStopping earlyStopping;
  private final int numReturnSequences;
  private final OptionalInt promptLookupNumTokens;
  private final int maxMatchingNgramSize;
  private final int numAssistantTokens;
  private final AssistantTokensSchedule numAssistantTokensSchedule;
  private final double assistantConfidenceThreshold;
  private final boolean outputScores;
  private final boolean outputLogits;
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
    typicalP = b.typicalP;
    epsilonCutoff = b.epsilonCutoff;
    etaCutoff = b.etaCutoff;
    noRepeatNgramSize = b.noRepeatNgramSize;
    badWordsIds = b.badWordsIds;
    sequenceBias = b.sequenceBias;
    suppressTokens = b.suppressTokens;
    beginSuppressTokens = b.beginSuppressTokens;
    forcedBosTokenId = b.forcedBosTokenId;
    forcedEosTokenIds = b.forcedEosTokenIds;
    exponentialDecayLengthPenalty = b.exponentialDecayLengthPenalty;
    renormalizeLogits = b.renormalizeLogits;
    maxTime = b.maxTime;
    lengthPenalty = b.lengthPenalty;
    earlyStopping = b.earlyStopping;
    numReturnSequences = b.numReturnSequences;
    promptLookupNumTokens = b.promptLookupNumTokens;
    maxMatchingNgramSize = b.maxMatchingNgramSize;
    numAssistantTokens = b.numAssistantTokens;
    numAssistantTokensSchedule = b.numAssistantTokensSchedule;
    assistantConfidenceThreshold = b.assistantConfidenceThreshold;
    outputScores = b.outputScores;
    outputLogits = b.outputLogits;
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
    checkProcessors();
    checkSequences();
    checkAssistance();
    unsupported = b.unsupported.stream().distinct().sorted().toList();
  }

  private void checkProcessors() {
    check("typical_p", typicalP, typicalP > 0 && typicalP <= 1, "greater than 0 and at most 1");
    check("epsilon_cutoff", epsilonCutoff, epsilonCutoff >= 0 && epsilonCutoff < 1, CUTOFF);
    check("eta_cutoff", etaCutoff, etaCutoff >= 0 && etaCutoff < 1, CUTOFF);
    check("no_repeat_ngram_size", noRepeatNgramSize, noRepeatNgramSize >= 0, "at least 0");
    for (List<Integer> word : badWordsIds) {
      checkIds("bad_words_ids", word);
    }
    for (SequenceBias bias : sequenceBias) {
      checkIds("sequence_bias", bias.tokens());
      check("sequence_bias", bias.bias(), true, "a finite number");
    }
    for (int id : suppressTokens) {
      check("suppress_tokens", id, id >= 0, "at least 0");
    }
    for (int id : beginSuppressTokens) {
      check("begin_suppress_tokens", id, id >= 0, "at least 0");
    }
    atLeast("forced_bos_token_id", forcedBosTokenId, 0);
    for (int id : forcedEosTokenIds) {
      check("forced_eos_token_id", id, id >= 0, "at least 0");
    }
    exponentialDecayLengthPenalty.ifPresent(decay -> {
      String name = "exponential_decay_length_penalty";
      check(name, decay.start(), decay.start() >= 0, "a start of at least 0");
      check(name, decay.factor(), decay.factor() > 0, "a finite factor greater than 0");
    });
  }

  private void checkSequences() {
    double seconds = maxTime.orElse(0);
    check("max_time", seconds, seconds >= 0, "at least 0");
    check("length_penalty", lengthPenalty, true, "a finite number");
    check("num_return_sequences", numReturnSequences, numReturnSequences >= 1, "at least 1");
    if (numReturnSequences > numBeams && (numBeams > 1 || !doSample)) {
      throw new IllegalArgumentException(
          "num_return_sequences: %d, needs as many beams, or sampling without beams; num_beams is %d"
              .formatted(numReturnSequences, numBeams));
    }
  }

  private void checkAssistance() {
    atLeast("prompt_lookup_num_tokens", promptLookupNumTokens, 1);
    check("max_matching_ngram_size", maxMatchingNgramSize, maxMatchingNgramSize >= 1, "at least 1");
    check("num_assistant_tokens", numAssistantTokens, numAssistantTokens >= 1, "at least 1");
    double threshold = assistantConfidenceThreshold;
    check("assistant_confidence_threshold", threshold, threshold >= 0 && threshold <= 1, "0 to 1");
  }

  private static void checkIds(String field, List<Integer> ids) {
    if (ids.isEmpty()) {
      throw new IllegalArgumentException(field + ": a sequence is empty");
    }
    for (int id : ids) {
      check(field, id, id >= 0, "at least 0");
    }
  }

  /**
   * Checks the tokens of processors against a vocabulary.
   *
   * @throws IllegalArgumentException if one is outside; names the option
   */
  void checkTokens(int vocabSize) {
    for (List<Integer> word : badWordsIds) {
      inVocabulary(word, "bad_words_ids", vocabSize);
    }
    for (SequenceBias bias : sequenceBias) {
      inVocabulary(bias.tokens(), "sequence_bias", vocabSize);
    }
    inVocabulary(suppressTokens, "suppress_tokens", vocabSize);
    inVocabulary(beginSuppressTokens, "begin_suppress_tokens", vocabSize);
    inVocabulary(forcedBosTokenId, "forced_bos_token_id", vocabSize);
    inVocabulary(forcedEosTokenIds, "forced_eos_token_id", vocabSize);
  }

  static void inVocabulary(List<Integer> ids, String field, int vocabSize) {
    for (int id : ids) {
      inVocabulary(OptionalInt.of(id), field, vocabSize);
    }
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
    return GenerationConfigJson.load(directory, config);
  }

  static void inVocabulary(OptionalInt id, String field, int vocabSize) {
    if (id.isPresent() && (id.getAsInt() < 0 || id.getAsInt() >= vocabSize)) {
      throw new IllegalArgumentException(
          field + ": " + id.getAsInt() + " is outside 0 to " + (vocabSize - 1));
    }
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
    b.typicalP = typicalP;
    b.epsilonCutoff = epsilonCutoff;
    b.etaCutoff = etaCutoff;
    b.noRepeatNgramSize = noRepeatNgramSize;
    b.badWordsIds = badWordsIds;
    b.sequenceBias = sequenceBias;
    b.suppressTokens = suppressTokens;
    b.beginSuppressTokens = beginSuppressTokens;
    b.forcedBosTokenId = forcedBosTokenId;
    b.forcedEosTokenIds = forcedEosTokenIds;
    b.exponentialDecayLengthPenalty = exponentialDecayLengthPenalty;
    b.renormalizeLogits = renormalizeLogits;
    b.maxTime = maxTime;
    b.lengthPenalty = lengthPenalty;
    b.earlyStopping = earlyStopping;
    b.numReturnSequences = numReturnSequences;
    b.promptLookupNumTokens = promptLookupNumTokens;
    b.maxMatchingNgramSize = maxMatchingNgramSize;
    b.numAssistantTokens = numAssistantTokens;
    b.numAssistantTokensSchedule = numAssistantTokensSchedule;
    b.assistantConfidenceThreshold = assistantConfidenceThreshold;
    b.outputScores = outputScores;
    b.outputLogits = outputLogits;
    b.unsupported.addAll(unsupported);
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

  /** What stands before short prompts of a batch, and what its finished rows go on with. */
  int padToken() {
    return padTokenId.orElse(eosTokenIds.isEmpty() ? 0 : eosTokenIds.get(0));
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

  /**
   * Returns {@code typical_p}.
   *
   * @return probability mass of the most typical tokens that sampling keeps
   */
  public double typicalP() {
    return typicalP;
  }

  /**
   * Returns {@code epsilon_cutoff}.
   *
   * @return probability below which sampling drops a token; 0 drops none
   */
  public double epsilonCutoff() {
    return epsilonCutoff;
  }

  /**
   * Returns {@code eta_cutoff}.
   *
   * @return the same, lowered where the distribution is flat; 0 drops none
   */
  public double etaCutoff() {
    return etaCutoff;
  }

  /**
   * Returns {@code no_repeat_ngram_size}.
   *
   * @return length of sequences that may not come twice, the prompt's included; 0 allows all
   */
  public int noRepeatNgramSize() {
    return noRepeatNgramSize;
  }

  /**
   * Returns {@code bad_words_ids}.
   *
   * @return token sequences that may not come; unmodifiable
   */
  public List<List<Integer>> badWordsIds() {
    return badWordsIds;
  }

  /**
   * Returns {@code sequence_bias}.
   *
   * @return what to add to the scores of token sequences; unmodifiable
   */
  public List<SequenceBias> sequenceBias() {
    return sequenceBias;
  }

  /**
   * Returns {@code suppress_tokens}.
   *
   * @return tokens that may not come; unmodifiable
   */
  public List<Integer> suppressTokens() {
    return suppressTokens;
  }

  /**
   * Returns {@code begin_suppress_tokens}.
   *
   * @return tokens that may not come first; unmodifiable
   */
  public List<Integer> beginSuppressTokens() {
    return beginSuppressTokens;
  }

  /**
   * Returns {@code forced_bos_token_id}.
   *
   * @return the token that comes second, behind a prompt of one token
   */
  public OptionalInt forcedBosTokenId() {
    return forcedBosTokenId;
  }

  /**
   * Returns {@code forced_eos_token_id}.
   *
   * @return the tokens of which one comes last when the length runs out; unmodifiable
   */
  public List<Integer> forcedEosTokenIds() {
    return forcedEosTokenIds;
  }

  /**
   * Returns {@code exponential_decay_length_penalty}.
   *
   * @return how end tokens become likelier with length
   */
  public Optional<LengthDecay> exponentialDecayLengthPenalty() {
    return exponentialDecayLengthPenalty;
  }

  /**
   * Returns {@code renormalize_logits}.
   *
   * @return whether processed scores are made log probabilities again; matters to beams only
   */
  public boolean renormalizeLogits() {
    return renormalizeLogits;
  }

  /**
   * Returns {@code max_time}.
   *
   * @return seconds after which no further token is begun
   */
  public OptionalDouble maxTime() {
    return maxTime;
  }

  /**
   * Returns {@code length_penalty}.
   *
   * @return beam search: power of the length that a text's score is divided by
   */
  public double lengthPenalty() {
    return lengthPenalty;
  }

  /**
   * Returns {@code early_stopping}.
   *
   * @return beam search: when to give up improving on what is finished
   */
  public EarlyStopping earlyStopping() {
    return earlyStopping;
  }

  /**
   * Returns {@code num_return_sequences}.
   *
   * @return texts for each prompt: samples, or the best of the beams
   */
  public int numReturnSequences() {
    return numReturnSequences;
  }

  /**
   * Returns {@code prompt_lookup_num_tokens}.
   *
   * @return how many tokens to guess at a time from what came after the same tokens before; empty
   *     guesses none
   */
  public OptionalInt promptLookupNumTokens() {
    return promptLookupNumTokens;
  }

  /**
   * Returns {@code max_matching_ngram_size}.
   *
   * @return how many of the newest tokens are looked for at most
   */
  public int maxMatchingNgramSize() {
    return maxMatchingNgramSize;
  }

  /**
   * Returns {@code num_assistant_tokens}.
   *
   * @return how many tokens an assistant model guesses at a time, at first
   */
  public int numAssistantTokens() {
    return numAssistantTokens;
  }

  /**
   * Returns {@code num_assistant_tokens_schedule}.
   *
   * @return how that number goes on
   */
  public AssistantTokensSchedule numAssistantTokensSchedule() {
    return numAssistantTokensSchedule;
  }

  /**
   * Returns {@code assistant_confidence_threshold}.
   *
   * @return an assistant model's guesses end with the first one that it gives less probability
   */
  public double assistantConfidenceThreshold() {
    return assistantConfidenceThreshold;
  }

  /**
   * Returns {@code output_scores}.
   *
   * @return whether the result has the processed scores of each step
   */
  public boolean outputScores() {
    return outputScores;
  }

  /**
   * Returns {@code output_logits}.
   *
   * @return whether the result has the model's own scores of each step
   */
  public boolean outputLogits() {
    return outputLogits;
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
    all.put("typical_p", typicalP);
    all.put("epsilon_cutoff", epsilonCutoff);
    all.put("eta_cutoff", etaCutoff);
    all.put("no_repeat_ngram_size", noRepeatNgramSize);
    all.put("bad_words_ids", badWordsIds);
    all.put("sequence_bias", sequenceBias);
    all.put("suppress_tokens", suppressTokens);
    all.put("begin_suppress_tokens", beginSuppressTokens);
    all.put("forced_bos_token_id", forcedBosTokenId);
    all.put("forced_eos_token_id", forcedEosTokenIds);
    all.put("exponential_decay_length_penalty", exponentialDecayLengthPenalty);
    all.put("renormalize_logits", renormalizeLogits);
    all.put("max_time", maxTime);
    all.put("length_penalty", lengthPenalty);
    all.put("early_stopping", earlyStopping);
    all.put("num_return_sequences", numReturnSequences);
    all.put("prompt_lookup_num_tokens", promptLookupNumTokens);
    all.put("max_matching_ngram_size", maxMatchingNgramSize);
    all.put("num_assistant_tokens", numAssistantTokens);
    all.put("num_assistant_tokens_schedule", numAssistantTokensSchedule);
    all.put("assistant_confidence_threshold", assistantConfidenceThreshold);
    all.put("output_scores", outputScores);
    all.put("output_logits", outputLogits);
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
    private double typicalP = 1.0;
    private double epsilonCutoff = 0.0;
    private double etaCutoff = 0.0;
    private int noRepeatNgramSize = 0;
    private List<List<Integer>> badWordsIds = List.of();
    private List<SequenceBias> sequenceBias = List.of();
    private List<Integer> suppressTokens = List.of();
    private List<Integer> beginSuppressTokens = List.of();
    private OptionalInt forcedBosTokenId = OptionalInt.empty();
    private List<Integer> forcedEosTokenIds = List.of();
    private Optional<LengthDecay> exponentialDecayLengthPenalty = Optional.empty();
    private boolean renormalizeLogits = false;
    private OptionalDouble maxTime = OptionalDouble.empty();
    private double lengthPenalty = 1.0;
    private EarlyStopping earlyStopping = EarlyStopping.FALSE;
    private int numReturnSequences = 1;
    private OptionalInt promptLookupNumTokens = OptionalInt.empty();
    private int maxMatchingNgramSize = 2;
    private int numAssistantTokens = 20;
    private AssistantTokensSchedule numAssistantTokensSchedule = AssistantTokensSchedule.CONSTANT;
    private double assistantConfidenceThreshold = 0.4;
    private boolean outputScores = false;
    private boolean outputLogits = false;
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

    /** Remembers an option of a file that generating with it will refuse, by its name. */
    void addUnsupported(String name) {
      unsupported.add(name);
    }

    /**
     * Forgets settings of a file that are not implemented, so that they are ignored instead of
     * refused.
     *
     * @return this
     */
    public Builder dropUnsupported() {
      unsupported.clear();
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

    /**
     * Sets {@code typical_p}; default 1.
     *
     * @param value probability mass of the most typical tokens that sampling keeps: greater than 0,
     *     at most 1
     * @return this
     */
    public Builder typicalP(double value) {
      typicalP = value;
      return this;
    }

    /**
     * Sets {@code epsilon_cutoff}; default 0.
     *
     * @param value probability below which sampling drops a token; 0 drops none: at least 0, below
     *     1
     * @return this
     */
    public Builder epsilonCutoff(double value) {
      epsilonCutoff = value;
      return this;
    }

    /**
     * Sets {@code eta_cutoff}; default 0.
     *
     * @param value the same, lowered where the distribution is flat; 0 drops none: at least 0,
     *     below 1
     * @return this
     */
    public Builder etaCutoff(double value) {
      etaCutoff = value;
      return this;
    }

    /**
     * Sets {@code no_repeat_ngram_size}; default 0.
     *
     * @param value length of sequences that may not come twice, the prompt's included; 0 allows
     *     all: at least 0
     * @return this
     */
    public Builder noRepeatNgramSize(int value) {
      noRepeatNgramSize = value;
      return this;
    }

    /**
     * Sets {@code bad_words_ids}; default none.
     *
     * @param value token sequences that may not come: no sequence is empty
     * @return this
     */
    public Builder badWordsIds(List<List<Integer>> value) {
      badWordsIds = value.stream().map(List::copyOf).toList();
      return this;
    }

    /**
     * Sets {@code sequence_bias}; default none.
     *
     * @param value what to add to the scores of token sequences: no sequence is empty, each bias is
     *     finite
     * @return this
     */
    public Builder sequenceBias(List<SequenceBias> value) {
      sequenceBias = List.copyOf(value);
      return this;
    }

    /**
     * Sets {@code suppress_tokens}; default none.
     *
     * @param value tokens that may not come: each at least 0
     * @return this
     */
    public Builder suppressTokens(List<Integer> value) {
      suppressTokens = List.copyOf(value);
      return this;
    }

    /**
     * Sets {@code begin_suppress_tokens}; default none.
     *
     * @param value tokens that may not come first: each at least 0
     * @return this
     */
    public Builder beginSuppressTokens(List<Integer> value) {
      beginSuppressTokens = List.copyOf(value);
      return this;
    }

    /**
     * Sets {@code forced_bos_token_id}; default none.
     *
     * @param value the token that comes second, behind a prompt of one token: at least 0
     * @return this
     */
    public Builder forcedBosTokenId(OptionalInt value) {
      forcedBosTokenId = Objects.requireNonNull(value, "forcedBosTokenId");
      return this;
    }

    /**
     * Sets {@code forced_eos_token_id}; default none.
     *
     * @param value the tokens of which one comes last when the length runs out: each at least 0
     * @return this
     */
    public Builder forcedEosTokenIds(List<Integer> value) {
      forcedEosTokenIds = List.copyOf(value);
      return this;
    }

    /**
     * Sets {@code exponential_decay_length_penalty}; default none.
     *
     * @param value how end tokens become likelier with length: a start of at least 0 and a factor
     *     greater than 0
     * @return this
     */
    public Builder exponentialDecayLengthPenalty(Optional<LengthDecay> value) {
      exponentialDecayLengthPenalty =
          Objects.requireNonNull(value, "exponentialDecayLengthPenalty");
      return this;
    }

    /**
     * Sets {@code renormalize_logits}; default false.
     *
     * @param value whether processed scores are made log probabilities again; matters to beams only
     * @return this
     */
    public Builder renormalizeLogits(boolean value) {
      renormalizeLogits = value;
      return this;
    }

    /**
     * Sets {@code max_time}; default none.
     *
     * @param value seconds after which no further token is begun: at least 0
     * @return this
     */
    public Builder maxTime(OptionalDouble value) {
      maxTime = Objects.requireNonNull(value, "maxTime");
      return this;
    }

    /**
     * Sets {@code length_penalty}; default 1.
     *
     * @param value beam search: power of the length that a text's score is divided by: finite
     * @return this
     */
    public Builder lengthPenalty(double value) {
      lengthPenalty = value;
      return this;
    }

    /**
     * Sets {@code early_stopping}; default false.
     *
     * @param value beam search: when to give up improving on what is finished
     * @return this
     */
    public Builder earlyStopping(EarlyStopping value) {
      earlyStopping = Objects.requireNonNull(value, "earlyStopping");
      return this;
    }

    /**
     * Sets {@code num_return_sequences}; default 1.
     *
     * @param value texts for each prompt: samples, or the best of the beams: at least 1; with beams
     *     no more than those, greedy only 1
     * @return this
     */
    public Builder numReturnSequences(int value) {
      numReturnSequences = value;
      return this;
    }

    /**
     * Sets {@code prompt_lookup_num_tokens}; default none.
     *
     * @param value how many tokens to guess at a time, all checked in one pass, from what came
     *     after the same tokens before: at least 1, of which a pass takes 15; changes no text, and
     *     saves time where a text repeats itself or its prompt
     * @return this
     */
    public Builder promptLookupNumTokens(OptionalInt value) {
      promptLookupNumTokens = Objects.requireNonNull(value, "promptLookupNumTokens");
      return this;
    }

    /**
     * Sets {@code max_matching_ngram_size}; default 2.
     *
     * @param value how many of the newest tokens are looked for at most, before fewer: at least 1
     * @return this
     */
    public Builder maxMatchingNgramSize(int value) {
      maxMatchingNgramSize = value;
      return this;
    }

    /**
     * Sets {@code num_assistant_tokens}; default 20. Like the next two, it matters to a {@link
     * Generator} with an assistant model.
     *
     * @param value how many tokens the assistant guesses at a time: at least 1, of which a pass
     *     takes 15
     * @return this
     */
    public Builder numAssistantTokens(int value) {
      numAssistantTokens = value;
      return this;
    }

    /**
     * Sets {@code num_assistant_tokens_schedule}; default constant.
     *
     * @param value how the number of guesses goes on
     * @return this
     */
    public Builder numAssistantTokensSchedule(AssistantTokensSchedule value) {
      numAssistantTokensSchedule = Objects.requireNonNull(value, "numAssistantTokensSchedule");
      return this;
    }

    /**
     * Sets {@code assistant_confidence_threshold}; default 0.4.
     *
     * @param value the assistant's guesses end with the first one that it gives less probability: 0
     *     to 1
     * @return this
     */
    public Builder assistantConfidenceThreshold(double value) {
      assistantConfidenceThreshold = value;
      return this;
    }

    /**
     * Sets {@code output_scores}; default false. No file sets it, or output_logits.
     *
     * @param value whether the result has the processed scores of each step, which take 4 bytes of
     *     the Java heap for each sequence, step and token of the vocabulary
     * @return this
     */
    public Builder outputScores(boolean value) {
      outputScores = value;
      return this;
    }

    /**
     * Sets {@code output_logits}; default false.
     *
     * @param value whether the result has the model's own scores of each step, which take as much
     * @return this
     */
    public Builder outputLogits(boolean value) {
      outputLogits = value;
      return this;
    }

    /**
     * Sets what a JSON object holds under a Hugging Face name.
     *
     * @param name of the setting
     * @param object the JSON object; a null there leaves the setting alone
     * @param source what messages call the object
     * @return false if the name is none of the settings
     * @throws ModelFormatException if the value is of the wrong type; names source and setting
     */
    public boolean set(String name, JsonNode object, String source) throws ModelFormatException {
      JsonFields fields = new JsonFields(object, source);
      return !fields.has(name) || GenerationConfigJson.set(this, fields, name);
    }
  }
}
