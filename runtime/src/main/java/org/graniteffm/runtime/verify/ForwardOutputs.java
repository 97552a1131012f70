package org.graniteffm.runtime.verify;

import java.lang.foreign.Arena;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import org.graniteffm.runtime.model.BaseModelOutput;
import org.graniteffm.runtime.model.ForwardInput;
import org.graniteffm.runtime.model.ForwardOutput;
import org.graniteffm.runtime.model.ModelOutput;
import org.graniteffm.runtime.tensor.Tensor;

/** The results of a forward pass under the names that reference cases and files give them. */
public final class ForwardOutputs {
  private ForwardOutputs() {}

  /**
   * Asks for what an output needs.
   *
   * @param input to be told of it
   * @param role such as {@code attentions.0}
   * @return whether a forward pass has such an output at all
   */
  static boolean request(ForwardInput.Builder input, String role) {
    switch (kind(role)) {
      case "logits", "loss", "lm_loss" -> {
        // always there, given labels
      }
      case "aux_loss", "router_logits" -> input.outputRouterLogits(true);
      case "hidden_states" -> input.outputHiddenStates(true);
      case "attentions" -> input.outputAttentions(true);
      case "past_key", "past_value" -> input.useCache(true);
      default -> {
        return false;
      }
    }
    return true;
  }

  /**
   * Finds one result.
   *
   * @param output of the pass
   * @param role such as {@code past_key.3}; scalars are tensors of rank 0
   * @param layers of the model
   * @param arena owns the tensors made for scalars
   * @return a view of the result, or nothing if the pass does not have it
   */
  public static Optional<Tensor> find(ModelOutput output, String role, int layers, Arena arena) {
    int layer = layer(role);
    return switch (kind(role)) {
      case "hidden_states" -> element(output.hiddenStates(), layer);
      case "attentions" -> element(output.attentions(), layer);
      case "router_logits" -> element(output.routerLogits(), layer);
      case "past_key" ->
          hasCache(output, layer, layers)
              ? Optional.of(output.pastKeyValues().keys(layer))
              : Optional.empty();
      case "past_value" ->
          hasCache(output, layer, layers)
              ? Optional.of(output.pastKeyValues().values(layer))
              : Optional.empty();
      default ->
          switch (output) {
            case BaseModelOutput base -> ofBase(base, role);
            case ForwardOutput scores -> ofHead(scores, role, arena);
          };
    };
  }

  private static Optional<Tensor> ofBase(BaseModelOutput output, String role) {
    return role.equals("last_hidden_state")
        ? Optional.of(output.lastHiddenState())
        : Optional.empty();
  }

  private static Optional<Tensor> ofHead(ForwardOutput output, String role, Arena arena) {
    return switch (role) {
      case "logits" -> Optional.of(output.logits());
      case "loss" -> scalar(output.loss(), arena);
      case "lm_loss" -> scalar(output.lmLoss(), arena);
      case "aux_loss" -> scalar(output.auxLoss(), arena);
      default -> Optional.empty();
    };
  }

  private static boolean hasCache(ModelOutput output, int layer, int layers) {
    return output.pastKeyValues() != null && layer >= 0 && layer < layers;
  }

  private static Optional<Tensor> element(List<Tensor> tensors, int index) {
    return index >= 0 && index < tensors.size()
        ? Optional.of(tensors.get(index))
        : Optional.empty();
  }

  private static Optional<Tensor> scalar(OptionalDouble value, Arena arena) {
    return value.isEmpty()
        ? Optional.empty()
        : Optional.of(Tensor.ofFloats(arena, new float[] {(float) value.getAsDouble()}));
  }

  /** The part before the dot. */
  static String kind(String role) {
    int dot = role.indexOf('.');
    return dot < 0 ? role : role.substring(0, dot);
  }

  /**
   * The number behind the dot.
   *
   * @param role such as {@code past_key.3}
   * @return the layer; -1 if there is none, or it is not written as it should be
   */
  public static int layer(String role) {
    String digits = role.substring(role.indexOf('.') + 1);
    return digits.matches("0|[1-9][0-9]{0,5}") ? Integer.parseInt(digits) : -1;
  }
}
