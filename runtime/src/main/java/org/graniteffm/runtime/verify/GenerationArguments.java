package org.graniteffm.runtime.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.UnsupportedOptionException;
import org.graniteffm.runtime.json.JsonFields;

/** Arguments of a generation, under their Hugging Face names, over a checkpoint's defaults. */
final class GenerationArguments {
  private GenerationArguments() {}

  /**
   * Puts arguments over defaults. Null means none for token ids, and the default for everything
   * else.
   *
   * @throws ModelFormatException if an argument is of the wrong type
   * @throws UnsupportedOptionException if arguments or defaults hold what is not implemented
   * @throws IllegalArgumentException if an argument is out of range
   */
  static GenerationConfig over(GenerationConfig defaults, JsonFields arguments)
      throws ModelFormatException {
    GenerationConfig.Builder builder = defaults.toBuilder();
    List<String> unsupported = new ArrayList<>();
    for (String name : arguments.names()) {
      if (!set(builder, arguments, name) && arguments.has(name)) {
        unsupported.add(name);
      }
    }
    GenerationConfig config = builder.build();
    if (!unsupported.isEmpty()) {
      unsupported.addAll(config.unsupported());
      throw new UnsupportedOptionException(unsupported.stream().distinct().sorted().toList());
    }
    return config;
  }

  /** Sets one argument; false if there is none of that name. */
  private static boolean set(GenerationConfig.Builder builder, JsonFields arguments, String name)
      throws ModelFormatException {
    switch (name) {
      case "bos_token_id" -> builder.bosTokenId(arguments.integer(name));
      case "pad_token_id" -> builder.padTokenId(arguments.integer(name));
      case "eos_token_id" -> builder.eosTokenIds(arguments.integers(name).orElse(List.of()));
      case "do_sample" -> bool(arguments, name).ifPresent(v -> builder.doSample(v));
      case "use_cache" -> bool(arguments, name).ifPresent(v -> builder.useCache(v));
      case "max_new_tokens" -> arguments.integer(name).ifPresent(v -> builder.maxNewTokens(v));
      case "max_length" -> arguments.integer(name).ifPresent(v -> builder.maxLength(v));
      case "min_new_tokens" -> arguments.integer(name).ifPresent(v -> builder.minNewTokens(v));
      case "min_length" -> arguments.integer(name).ifPresent(v -> builder.minLength(v));
      case "num_beams" -> arguments.integer(name).ifPresent(v -> builder.numBeams(v));
      case "top_k" -> arguments.integer(name).ifPresent(v -> builder.topK(v));
      case "temperature" -> arguments.number(name).ifPresent(v -> builder.temperature(v));
      case "top_p" -> arguments.number(name).ifPresent(v -> builder.topP(v));
      case "min_p" -> arguments.number(name).ifPresent(v -> builder.minP(v));
      case "repetition_penalty" ->
          arguments.number(name).ifPresent(v -> builder.repetitionPenalty(v));
      default -> {
        return false;
      }
    }
    return true;
  }

  private static Optional<Boolean> bool(JsonFields arguments, String name)
      throws ModelFormatException {
    return arguments.has(name) ? Optional.of(arguments.bool(name, false)) : Optional.empty();
  }
}
