package org.graniteffm.runtime.model;

import java.lang.foreign.Arena;
import java.util.List;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * What every forward pass may return, under the names transformers' model outputs give it. Owns its
 * tensors, and the cache if the call made one: {@link #close} frees them all.
 */
public abstract sealed class ModelOutput implements AutoCloseable
    permits BaseModelOutput, ForwardOutput {
  private final Arena arena;
  private final List<Tensor> hiddenStates;
  private final List<Tensor> attentions;
  private final List<Tensor> routerLogits;
  private final KvCache pastKeyValues;
  private final KvCache ownCache;

  ModelOutput(Arena arena, Outputs outputs, KvCache pastKeyValues, boolean ownsCache) {
    this.arena = arena;
    hiddenStates = List.copyOf(outputs.hiddenStates);
    attentions = List.copyOf(outputs.attentions);
    routerLogits = List.copyOf(outputs.routerLogits);
    this.pastKeyValues = pastKeyValues;
    this.ownCache = ownsCache ? pastKeyValues : null;
  }

  /**
   * The scaled embeddings, and what each layer returns; the last one is after the final norm.
   *
   * @return layers + 1 of {@code [batch, tokens, H]} F32, or none
   */
  public List<Tensor> hiddenStates() {
    return hiddenStates;
  }

  /**
   * Attention probabilities.
   *
   * @return for each layer {@code [batch, heads, tokens, past + tokens]} F32, or none
   */
  public List<Tensor> attentions() {
    return attentions;
  }

  /**
   * Router logits before softmax.
   *
   * @return for each layer {@code [batch * tokens, E]} F32, or none
   */
  public List<Tensor> routerLogits() {
    return routerLogits;
  }

  /**
   * The cache: the one that was given, or one that {@link #close} frees.
   *
   * @return null if none was given or asked for
   */
  public KvCache pastKeyValues() {
    return pastKeyValues;
  }

  /** Frees the tensors, and the cache if this call made it. */
  @Override
  public synchronized void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
    if (ownCache != null) {
      ownCache.close();
    }
  }
}
