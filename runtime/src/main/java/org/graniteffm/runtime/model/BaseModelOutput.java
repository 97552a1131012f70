package org.graniteffm.runtime.model;

import java.lang.foreign.Arena;
import org.graniteffm.runtime.tensor.Tensor;

/** What {@link GraniteModel#forward} returns: transformers' {@code BaseModelOutputWithPast}. */
public final class BaseModelOutput extends ModelOutput {
  private final Tensor lastHiddenState;

  BaseModelOutput(Arena arena, Outputs outputs, KvCache pastKeyValues, boolean ownsCache) {
    super(arena, outputs, pastKeyValues, ownsCache);
    lastHiddenState = outputs.lastHiddenState;
  }

  /**
   * The hidden states behind the last layer and the final norm.
   *
   * @return {@code [batch, tokens, H]} F32
   */
  public Tensor lastHiddenState() {
    return lastHiddenState;
  }
}
