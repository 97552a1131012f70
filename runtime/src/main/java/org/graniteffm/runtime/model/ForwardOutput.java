package org.graniteffm.runtime.model;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.OptionalDouble;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * What {@link Session#forward} returns, under the names transformers' model outputs give it. Owns
 * its tensors, and the cache if the call made one: {@link #close} frees them all.
 */
public final class ForwardOutput implements AutoCloseable {
  private final Arena arena;
  private final Tensor logits;
  private final OptionalDouble loss;
  private final OptionalDouble lmLoss;
  private final OptionalDouble auxLoss;
  private final List<Tensor> hiddenStates;
  private final List<Tensor> attentions;
  private final List<Tensor> routerLogits;
  private final KvCache pastKeyValues;
  private final KvCache ownCache;

  ForwardOutput(
      Arena arena,
      Tensor logits,
      OptionalDouble lmLoss,
      OptionalDouble auxLoss,
      double auxLossCoefficient,
      List<Tensor> hiddenStates,
      List<Tensor> attentions,
      List<Tensor> routerLogits,
      KvCache pastKeyValues,
      boolean ownsCache) {
    this.arena = arena;
    this.logits = logits;
    this.lmLoss = lmLoss;
    this.auxLoss = auxLoss;
    this.loss =
        lmLoss.isPresent() && auxLoss.isPresent()
            ? OptionalDouble.of(lmLoss.getAsDouble() + auxLossCoefficient * auxLoss.getAsDouble())
            : lmLoss;
    this.hiddenStates = hiddenStates;
    this.attentions = attentions;
    this.routerLogits = routerLogits;
    this.pastKeyValues = pastKeyValues;
    this.ownCache = ownsCache ? pastKeyValues : null;
  }

  /**
   * Scores of the next token.
   *
   * @return {@code [batch, kept tokens, V]} F32, divided by logits_scaling
   */
  public Tensor logits() {
    return logits;
  }

  /**
   * The loss, if labels were given: {@link #lmLoss}, plus router_aux_loss_coef times {@link
   * #auxLoss} where there is one.
   *
   * @return in nats
   */
  public OptionalDouble loss() {
    return loss;
  }

  /**
   * The language-model loss, if labels were given: mean over the labels other than -100.
   *
   * @return in nats per token
   */
  public OptionalDouble lmLoss() {
    return lmLoss;
  }

  /**
   * The experts' balancing loss, if router logits were asked for; the number of experts per token
   * in perfect balance.
   *
   * @return without the coefficient
   */
  public OptionalDouble auxLoss() {
    return auxLoss;
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
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
    if (ownCache != null) {
      ownCache.close();
    }
  }
}
