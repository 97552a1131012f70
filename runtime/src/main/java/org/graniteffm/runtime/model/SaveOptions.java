package org.graniteffm.runtime.model;

import java.util.Objects;
import org.graniteffm.runtime.config.ConfigStyle;
import org.graniteffm.runtime.tensor.DType;

/**
 * How {@link GraniteForCausalLM#save} writes.
 *
 * @param dtype type of the weights, F32, F16 or BF16; null for the one each has. A narrower one
 *     rounds to the nearest value, to the even one of two
 * @param maxShardBytes tensors of more bytes than this are spread over several files; a tensor that
 *     alone is larger has a file to itself
 * @param configStyle how config.json is spelt
 * @param otherFiles whether what else belongs to a model is copied from its folder, as far as it is
 *     there: generation_config.json, the tokenizer's files and the chat template
 */
public record SaveOptions(
    DType dtype, long maxShardBytes, ConfigStyle configStyle, boolean otherFiles) {
  /** {@link #maxShardBytes} unless told otherwise. */
  public static final long DEFAULT_SHARD_BYTES = 5_000_000_000L;

  /**
   * Checks the ranges.
   *
   * @throws IllegalArgumentException if the dtype is no weight type or maxShardBytes is below 1
   */
  public SaveOptions {
    Objects.requireNonNull(configStyle, "configStyle");
    if (dtype != null && !dtype.isWeight()) {
      throw new IllegalArgumentException(
          "dtype: " + dtype + " is no weight type, legal are F32, F16, BF16");
    }
    if (maxShardBytes < 1) {
      throw new IllegalArgumentException("maxShardBytes: " + maxShardBytes + " is not positive");
    }
  }

  /**
   * Weights as they are, in shards of at most 5 GB, with the other files and a config.json that all
   * versions of transformers read.
   *
   * @return the defaults
   */
  public static SaveOptions defaults() {
    return new SaveOptions(null, DEFAULT_SHARD_BYTES, ConfigStyle.TRANSFORMERS_4, true);
  }
}
