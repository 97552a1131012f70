package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;

/** What models are given to read. */
final class Prompts {
  private Prompts() {}

  /**
   * Puts the start token in place of a prompt without tokens.
   *
   * @param ids of the prompt
   * @param config knows the start token
   * @return at least one token
   * @throws IllegalArgumentException if there is neither a token nor a start token
   */
  static int[] orStart(int[] ids, GenerationConfig config) {
    if (ids.length > 0) {
      return ids;
    }
    if (config.bosTokenId().isEmpty()) {
      throw new IllegalArgumentException(
          "prompt: is empty, and the checkpoint names no bos_token_id to start from");
    }
    return new int[] {config.bosTokenId().getAsInt()};
  }

  /**
   * Opens a checkpoint's tokenizer.
   *
   * @param folder the checkpoint's
   * @return null if it has none: token ids do without
   * @throws IOException if it cannot be read
   */
  static Tokenizer tokenizer(Path folder) throws IOException {
    return Files.exists(folder.resolve("tokenizer.json")) ? Tokenizers.open(folder) : null;
  }

  /** As the models take them. */
  static int[] array(List<Integer> ids) {
    return ids.stream().mapToInt(Integer::intValue).toArray();
  }
}
