package org.graniteffm.runtime.config;

/** How {@code config.json} spells what two generations of transformers spell differently. */
public enum ConfigStyle {
  /**
   * {@code rope_theta} and {@code rope_scaling} at top level, {@code torch_dtype}: as in nearly all
   * published checkpoints. Version 5 reads it as well.
   */
  TRANSFORMERS_4,
  /** One object {@code rope_parameters}, {@code dtype}. */
  TRANSFORMERS_5
}
