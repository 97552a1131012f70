package org.graniteffm.runtime.cli;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.generate.GenerationConfig;
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
    NOT_SUPPORTED.put("--num-return-sequences", "1");
    NOT_SUPPORTED.put("--length-penalty", "1.0");
    NOT_SUPPORTED.put("--early-stopping", "false");
    NOT_SUPPORTED.put("--diversity-penalty", "0.0");
    NOT_SUPPORTED.put("--penalty-alpha", "0.0");
    NOT_SUPPORTED.put("--typical-p", "1.0");
    NOT_SUPPORTED.put("--epsilon-cutoff", "0.0");
    NOT_SUPPORTED.put("--eta-cutoff", "0.0");
    NOT_SUPPORTED.put("--top-h", "1.0");
    NOT_SUPPORTED.put("--no-repeat-ngram-size", "0");
    NOT_SUPPORTED.put("--encoder-no-repeat-ngram-size", "0");
    NOT_SUPPORTED.put("--encoder-repetition-penalty", "1.0");
    NOT_SUPPORTED.put("--guidance-scale", "1.0");
    NOT_SUPPORTED.put("--max-time", "");
    NOT_SUPPORTED.put("--dola-layers", "");
    NOT_SUPPORTED.put("--bad-words-ids", "");
    NOT_SUPPORTED.put("--force-words-ids", "");
    NOT_SUPPORTED.put("--renormalize-logits", "false");
    NOT_SUPPORTED.put("--forced-bos-token-id", "");
    NOT_SUPPORTED.put("--forced-eos-token-id", "");
    NOT_SUPPORTED.put("--remove-invalid-values", "false");
    NOT_SUPPORTED.put("--exponential-decay-length-penalty", "");
    NOT_SUPPORTED.put("--suppress-tokens", "");
    NOT_SUPPORTED.put("--begin-suppress-tokens", "");
    NOT_SUPPORTED.put("--sequence-bias", "");
    NOT_SUPPORTED.put("--token-healing", "false");
    NOT_SUPPORTED.put("--watermarking-config", "");
    NOT_SUPPORTED.put("--cache-implementation", "");
    NOT_SUPPORTED.put("--assistant-early-exit", "");
    NOT_SUPPORTED.put("--prompt-lookup-num-tokens", "");
  }

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

  @Option(names = "--num-beams", paramLabel = "N", description = "Not supported yet beyond 1.")
  private Integer numBeams;

  @Option(names = "--stop-strings", paramLabel = "TEXT", description = "Not supported yet.")
  private List<String> stopStrings;

  @Option(
      names = "--use-cache",
      negatable = true,
      fallbackValue = "true",
      description = "Keep keys and values; changes nothing but the time it takes.")
  private Boolean useCache;

  /** Called by picocli: takes the command, and tells it of what Hugging Face has besides. */
  @Spec(Spec.Target.MIXEE)
  void setCommand(CommandSpec mixee) {
    command = mixee;
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
   * @return what to generate with, all of it supported
   * @throws ParameterException if an option is out of range, or not supported
   * @throws UnsupportedModelException if the file asks for what is not supported
   */
  GenerationConfig over(GenerationConfig file, Path folder) throws UnsupportedModelException {
    List<String> refused = notSupported();
    if (numBeams != null && numBeams > 1) {
      refused.add("--num-beams above 1");
    }
    if (stopStrings != null) {
      refused.add("--stop-strings");
    }
    if (!refused.isEmpty()) {
      throw usage("not supported: " + String.join(", ", refused), null);
    }
    GenerationConfig config;
    try {
      config = build(file.toBuilder());
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
    if (useCache != null) {
      builder.useCache(useCache);
    }
    return builder.build();
  }

  /** Whether the user said how long the text may get. */
  boolean limitsLength() {
    return maxNewTokens != null || maxLength != null;
  }

  private ParameterException usage(String message, Throwable cause) {
    return new ParameterException(command.commandLine(), message, cause);
  }
}
