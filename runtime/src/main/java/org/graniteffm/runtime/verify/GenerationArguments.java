package org.graniteffm.runtime.verify;

import java.util.ArrayList;
import java.util.List;
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
   * @param ignored names that are no arguments
   * @throws ModelFormatException if an argument is of the wrong type
   * @throws UnsupportedOptionException if arguments or defaults hold what is not implemented
   * @throws IllegalArgumentException if an argument is out of range
   */
  static GenerationConfig over(GenerationConfig defaults, JsonFields arguments, String... ignored)
      throws ModelFormatException {
    GenerationConfig.Builder builder = defaults.toBuilder();
    List<String> unsupported = new ArrayList<>();
    for (String name : arguments.names()) {
      if (!List.of(ignored).contains(name) && !set(builder, arguments, name)) {
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
      default -> {
        return builder.set(name, arguments.object(), arguments.source());
      }
    }
    return true;
  }
}
