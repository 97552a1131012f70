package org.graniteffm.runtime.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.json.JsonReader;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * The options of generation under their Hugging Face names, in kebab case. What is not given is as
 * the checkpoint's generation_config.json has it.
 */
final class GenerationOptions {
  /** Known to Hugging Face and not to this library: the value that means "off", or "" for none. */
  private static final Map<String, String> NOT_SUPPORTED = new LinkedHashMap<>();

  static {
    NOT_SUPPORTED.put("--num-beam-groups", "1");
    NOT_SUPPORTED.put("--diversity-penalty", "0.0");
    NOT_SUPPORTED.put("--penalty-alpha", "0.0");
    NOT_SUPPORTED.put("--top-h", "1.0");
    NOT_SUPPORTED.put("--encoder-no-repeat-ngram-size", "0");
    NOT_SUPPORTED.put("--encoder-repetition-penalty", "1.0");
    NOT_SUPPORTED.put("--guidance-scale", "1.0");
    NOT_SUPPORTED.put("--dola-layers", "");
    NOT_SUPPORTED.put("--force-words-ids", "");
    NOT_SUPPORTED.put("--remove-invalid-values", "false");
    NOT_SUPPORTED.put("--token-healing", "false");
    NOT_SUPPORTED.put("--watermarking-config", "");
    NOT_SUPPORTED.put("--cache-implementation", "");
    NOT_SUPPORTED.put("--assistant-early-exit", "");
  }

  /** An option whose value is JSON, or for a list of numbers its elements. */
  private record JsonOption(String name, String label, boolean isList, String description) {
    /** The Hugging Face name. */
    String field() {
      return name.substring(2).replace('-', '_');
    }

    /** The value as JSON. */
    String json(String given) {
      String value = given.strip();
      if (isList && !value.startsWith("[")) {
        return "[" + value + "]";
      }
      return value.matches("never|constant|heuristic\\w*") ? '"' + value + '"' : value;
    }
  }

  private static final List<JsonOption> JSON_OPTIONS =
      List.of(
          new JsonOption(
              "--typical-p",
              "P",
              false,
              "Sampling: probability mass of the most typical tokens that is kept."),
          new JsonOption(
              "--epsilon-cutoff",
              "P",
              false,
              "Sampling: probability below which a token is dropped."),
          new JsonOption(
              "--eta-cutoff",
              "P",
              false,
              "Sampling: the same, lowered where many tokens are likely."),
          new JsonOption(
              "--no-repeat-ngram-size",
              "N",
              false,
              "Length of token sequences that may not come twice; 0 allows all."),
          new JsonOption(
              "--bad-words-ids", "[[ID,…],…]", false, "Token sequences that may not come."),
          new JsonOption(
              "--sequence-bias",
              "[[[ID,…],B],…]",
              false,
              "What to add to the scores of token sequences."),
          new JsonOption("--suppress-tokens", "ID,…", true, "Tokens that may not come."),
          new JsonOption(
              "--begin-suppress-tokens", "ID,…", true, "Tokens that may not come first."),
          new JsonOption(
              "--forced-bos-token-id", "ID", false, "Token behind a prompt of one token."),
          new JsonOption(
              "--forced-eos-token-id",
              "ID,…",
              true,
              "Tokens of which one comes last when the length runs out."),
          new JsonOption(
              "--exponential-decay-length-penalty",
              "START,FACTOR",
              true,
              "From so many new tokens on, makes end tokens likelier with each."),
          new JsonOption(
              "--renormalize-logits",
              "true|false",
              false,
              "Beams: make processed scores log probabilities again."),
          new JsonOption(
              "--max-time", "SECONDS", false, "Time after which no further token is begun."),
          new JsonOption(
              "--num-return-sequences",
              "N",
              false,
              "Texts for each prompt: samples, or the best of the beams."),
          new JsonOption(
              "--length-penalty",
              "P",
              false,
              "Beams: power of the length that a text's score is divided by."),
          new JsonOption(
              "--early-stopping",
              "true|false|never",
              false,
              "Beams: when to give up improving on finished texts."),
          new JsonOption(
              "--prompt-lookup-num-tokens",
              "N",
              false,
              "Tokens to guess at a time from what came after the same ones before; all are checked"
                  + " in one pass, which is fast where a text repeats itself or its prompt."),
          new JsonOption(
              "--max-matching-ngram-size",
              "N",
              false,
              "Look-up: how many of the newest tokens are looked for at most."),
          new JsonOption(
              "--num-assistant-tokens",
              "N",
              false,
              "Assistant: tokens to guess at a time; a pass takes 15."),
          new JsonOption(
              "--num-assistant-tokens-schedule",
              "constant|heuristic|heuristic_transient",
              false,
              "Assistant: whether that number adapts."),
          new JsonOption(
              "--assistant-confidence-threshold",
              "P",
              false,
              "Assistant: probability below which a guess is the last one."));

  private CommandSpec command;

  @Option(names = "--max-new-tokens", paramLabel = "N", description = "Most new tokens.")
  private Integer maxNewTokens;

  @Option(
      names = "--max-length",
      paramLabel = "N",
      description = "Most tokens, the prompt's included; --max-new-tokens wins.")
  private Integer maxLength;

  @Option(
      names = "--min-new-tokens",
      paramLabel = "N",
      description = "New tokens before which no end token is allowed.")
  private Integer minNewTokens;

  @Option(
      names = "--min-length",
      paramLabel = "N",
      description = "Tokens, the prompt's included, before which no end token is allowed.")
  private Integer minLength;

  @Option(
      names = "--do-sample",
      negatable = true,
      fallbackValue = "true",
      description = "Sample, or take the best token each time.")
  private Boolean doSample;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      description = "Sampling: divisor of the scores.")
  private Double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      description = "Sampling: how many of the best tokens are kept; 0 keeps all.")
  private Integer topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      description = "Sampling: probability mass of the best tokens that is kept.")
  private Double topP;

  @Option(
      names = "--min-p",
      paramLabel = "P",
      description = "Sampling: share of the best token's probability that a token needs.")
  private Double minP;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "R",
      description = "Makes tokens that were there before less likely, if above 1.")
  private Double repetitionPenalty;

  @Option(
      names = "--seed",
      paramLabel = "N",
      description = "Sampling: the same seed gives the same text.")
  private Long seed;

  @Option(
      names = "--eos-token-id",
      paramLabel = "ID",
      split = ",",
      description = "Tokens that end the text.")
  private List<Integer> eosTokenIds;

  @Option(names = "--pad-token-id", paramLabel = "ID", hidden = true)
  private Integer padTokenId;

  @Option(names = "--bos-token-id", paramLabel = "ID", hidden = true)
  private Integer bosTokenId;

  @Option(
      names = "--num-beams",
      paramLabel = "N",
      description = "Beams to search with; 1 is no search.")
  private Integer numBeams;

  @Option(
      names = "--stop-strings",
      paramLabel = "TEXT",
      description = "Text that ends the continuation; may be given several times.")
  private List<String> stopStrings;

  @Option(
      names = "--use-cache",
      negatable = true,
      fallbackValue = "true",
      description = "Keep keys and values; changes nothing but the time it takes.")
  private Boolean useCache;

  @Option(
      names = "--assistant-model",
      paramLabel = "MODEL",
      description =
          "A smaller model with the same vocabulary, which guesses tokens; all are checked in one"
              + " pass.")
  private String assistantModel;

  /** Called by picocli: takes the command, and tells it of what Hugging Face has besides. */
  @Spec(Spec.Target.MIXEE)
  void setCommand(CommandSpec mixee) {
    command = mixee;
    for (JsonOption option : JSON_OPTIONS) {
      if (!mixee.optionsMap().containsKey(option.name())) {
        boolean isFlag = option.label().startsWith("true|");
        OptionSpec.Builder builder =
            OptionSpec.builder(option.name())
                .type(String.class)
                .arity(isFlag ? "0..1" : "1")
                .paramLabel(option.label())
                .description(option.description());
        if (isFlag) {
          builder.fallbackValue("true");
        }
        mixee.addOption(builder.build());
      }
    }
    for (String name : NOT_SUPPORTED.keySet()) {
      if (!mixee.optionsMap().containsKey(name)) {
        mixee.addOption(
            OptionSpec.builder(name)
                .type(String.class)
                .arity("0..1")
                .fallbackValue("true")
                .hidden(true)
                .build());
      }
    }
  }

  /**
   * Puts the options in place of what the checkpoint says.
   *
   * @param file as generation_config.json has it
   * @param folder the checkpoint's
   * @param assistant from {@link #loadAssistant}, or null
   * @return what to generate with, all of it supported
   * @throws ParameterException if an option is out of range, or not supported
   * @throws UnsupportedModelException if the file asks for what is not supported
   * @throws IOException if the assistant's generation_config.json cannot be read
   */
  GenerationConfig over(GenerationConfig file, Path folder, GraniteForCausalLM assistant)
      throws IOException {
    List<String> refused = notSupported();
    if (!refused.isEmpty()) {
      throw usage("not supported: " + String.join(", ", refused), null);
    }
    GenerationConfig.Builder builder = file.toBuilder();
    if (assistant != null) {
      takeAssistantSettings(builder, assistant);
    }
    GenerationConfig config;
    try {
      config = build(builder);
    } catch (IllegalArgumentException e) {
      throw usage(e.getMessage(), e);
    }
    if (!config.unsupported().isEmpty()) {
      throw new UnsupportedModelException(
          "%s: not supported: %s"
              .formatted(
                  folder.resolve("generation_config.json"),
                  String.join(", ", config.unsupported())));
    }
    return config;
  }

  /** How an assistant guesses is up to its own folder, as in transformers. */
  private static void takeAssistantSettings(
      GenerationConfig.Builder builder, GraniteForCausalLM assistant) throws IOException {
    GenerationConfig its =
        GenerationConfig.load(assistant.checkpoint().directory(), assistant.config());
    builder
        .numAssistantTokens(its.numAssistantTokens())
        .numAssistantTokensSchedule(its.numAssistantTokensSchedule())
        .assistantConfidenceThreshold(its.assistantConfidenceThreshold());
  }

  /**
   * Opens the assistant.
   *
   * @param models finds it
   * @param compute how to compute with it
   * @return the model, to be closed; or null if none was given
   * @throws IOException if it cannot be read
   */
  GraniteForCausalLM loadAssistant(ModelSource models, ComputeOptions compute) throws IOException {
    return assistantModel == null ? null : compute.load(models.locateOther(assistantModel));
  }

  private List<String> notSupported() {
    List<String> refused = new ArrayList<>();
    CommandLine.ParseResult given = command.commandLine().getParseResult();
    NOT_SUPPORTED.forEach((name, off) -> {
      if (given.hasMatchedOption(name) && !isOff(given.matchedOptionValue(name, ""), off)) {
        refused.add(name);
      }
    });
    return refused;
  }

  private static boolean isOff(String value, String off) {
    if (value.equals(off)) {
      return true;
    }
    try {
      return Double.parseDouble(value) == Double.parseDouble(off);
    } catch (NumberFormatException e) {
      return false;
    }
  }

  private GenerationConfig build(GenerationConfig.Builder builder) {
    if (maxNewTokens != null) {
      builder.maxNewTokens(maxNewTokens);
    }
    if (maxLength != null) {
      builder.maxLength(maxLength);
    }
    if (minNewTokens != null) {
      builder.minNewTokens(minNewTokens);
    }
    if (minLength != null) {
      builder.minLength(minLength);
    }
    if (doSample != null) {
      builder.doSample(doSample);
    }
    if (temperature != null) {
      builder.temperature(temperature);
    }
    if (topK != null) {
      builder.topK(topK);
    }
    if (topP != null) {
      builder.topP(topP);
    }
    if (minP != null) {
      builder.minP(minP);
    }
    if (repetitionPenalty != null) {
      builder.repetitionPenalty(repetitionPenalty);
    }
    if (seed != null) {
      builder.seed(seed);
    }
    if (eosTokenIds != null) {
      builder.eosTokenIds(eosTokenIds);
    }
    if (padTokenId != null) {
      builder.padTokenId(OptionalInt.of(padTokenId));
    }
    if (bosTokenId != null) {
      builder.bosTokenId(OptionalInt.of(bosTokenId));
    }
    if (numBeams != null) {
      builder.numBeams(numBeams);
    }
    if (stopStrings != null) {
      builder.stopStrings(stopStrings);
    }
    if (useCache != null) {
      builder.useCache(useCache);
    }
    setJson(builder);
    return builder.build();
  }

  private void setJson(GenerationConfig.Builder builder) {
    CommandLine.ParseResult given = command.commandLine().getParseResult();
    for (JsonOption option : JSON_OPTIONS) {
      if (!given.hasMatchedOption(option.name())) {
        continue;
      }
      String value = given.matchedOptionValue(option.name(), "");
      try {
        String object = "{\"" + option.field() + "\":" + option.json(value) + "}";
        JsonNode node =
            JsonReader.parseObject(
                ByteBuffer.wrap(object.getBytes(StandardCharsets.UTF_8)), option.name());
        builder.set(option.field(), node, option.name());
      } catch (ModelFormatException e) {
        String message =
            "%s: %s is not %s".formatted(option.name(), Names.quote(value), option.label());
        throw usage(message, e);
      }
    }
  }

  /** Whether the user gave an option. */
  boolean isGiven(String name) {
    return command.commandLine().getParseResult().hasMatchedOption(name);
  }

  /** Whether the user said how long the text may get. */
  boolean limitsLength() {
    return maxNewTokens != null || maxLength != null;
  }

  private ParameterException usage(String message, Throwable cause) {
    return new ParameterException(command.commandLine(), message, cause);
  }
}
