package org.graniteffm.runtime.cli;

import org.graniteffm.runtime.generate.GenerationConfig;

/** What generation starts from. */
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
}
