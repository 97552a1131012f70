package org.graniteffm.runtime.verify;

import org.graniteffm.runtime.model.GranitePreTrainedModel;

/** What a forward pass computes in, which decides the tolerance it is held to. */
public enum Arithmetic {
  /** Single precision: every element counts, token ids are equal. */
  FLOAT32,
  /**
   * Activations, or keys and values in the cache, rounded to bfloat16: relative root mean square.
   * Token ids are equal, or are where the same model rounds nothing: a decision may be close.
   */
  BFLOAT16;

  /**
   * What a model computes in.
   *
   * @param model with its precision and the type of its caches
   * @return BFLOAT16 if it {@linkplain GranitePreTrainedModel#rounds rounds} on the tier in use;
   *     else it is held to what it can do
   */
  public static Arithmetic of(GranitePreTrainedModel model) {
    return model.rounds() ? BFLOAT16 : FLOAT32;
  }
}
