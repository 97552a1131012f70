package org.graniteffm.runtime.verify;

import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
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
      case "do_sample", "use_cache" -> setBoolean(builder, arguments, name);
      case "temperature" -> arguments.number(name).ifPresent(v -> builder.temperature(v));
      case "top_p" -> arguments.number(name).ifPresent(v -> builder.topP(v));
      case "min_p" -> arguments.number(name).ifPresent(v -> builder.minP(v));
      case "repetition_penalty" ->
          arguments.number(name).ifPresent(v -> builder.repetitionPenalty(v));
      default -> {
        return setInteger(builder, arguments, name);
      }
    }
    return true;
  }

  private static void setBoolean(
      GenerationConfig.Builder builder, JsonFields arguments, String name)
      throws ModelFormatException {
    if (!arguments.has(name)) {
      return;
    }
    boolean value = arguments.bool(name, false);
    if (name.equals("do_sample")) {
      builder.doSample(value);
    } else {
      builder.useCache(value);
    }
  }

  private static boolean setInteger(
      GenerationConfig.Builder builder, JsonFields arguments, String name)
      throws ModelFormatException {
    switch (name) {
      case "max_new_tokens", "max_length", "min_new_tokens", "min_length", "num_beams", "top_k" -> {
        OptionalInt value = arguments.integer(name);
        if (value.isPresent()) {
          setInteger(builder, name, value.getAsInt());
        }
        return true;
      }
      default -> {
        return false;
      }
    }
  }

  private static void setInteger(GenerationConfig.Builder builder, String name, int value) {
    switch (name) {
      case "max_new_tokens" -> builder.maxNewTokens(value);
      case "max_length" -> builder.maxLength(value);
      case "min_new_tokens" -> builder.minNewTokens(value);
      case "min_length" -> builder.minLength(value);
      case "num_beams" -> builder.numBeams(value);
      case "top_k" -> builder.topK(value);
      default -> throw new AssertionError(name);
    }
  }
}
