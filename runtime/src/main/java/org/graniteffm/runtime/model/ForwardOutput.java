package org.graniteffm.runtime.model;

import java.lang.foreign.Arena;
import java.util.OptionalDouble;
import org.graniteffm.runtime.tensor.Tensor;

/** What {@link Session#forward} returns: transformers' {@code CausalLMOutputWithPast}. */
public final class ForwardOutput extends ModelOutput {
  private final Tensor logits;
  private final OptionalDouble loss;
  private final OptionalDouble lmLoss;
  private final OptionalDouble auxLoss;

  ForwardOutput(
      Arena arena,
      Outputs outputs,
      KvCache pastKeyValues,
      boolean ownsCache,
      Tensor logits,
      OptionalDouble lmLoss,
      OptionalDouble auxLoss,
      double auxLossCoefficient) {
    super(arena, outputs, pastKeyValues, ownsCache);
    this.logits = logits;
    this.lmLoss = lmLoss;
    this.auxLoss = auxLoss;
    this.loss =
        lmLoss.isPresent() && auxLoss.isPresent()
            ? OptionalDouble.of(lmLoss.getAsDouble() + auxLossCoefficient * auxLoss.getAsDouble())
            : lmLoss;
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
}
