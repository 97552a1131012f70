package org.graniteffm.runtime.config;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Activation of the feed-forward gate, field {@code hidden_act}. */
public enum Activation {
  /** z / (1 + e^-z), the one every published Granite uses. */
  SILU,
  /** z · Φ(z), with the exact normal distribution function. */
  GELU,
  /** z/2 · (1 + tanh(√(2/π) · (z + 0.044715 z³))). */
  GELU_TANH,
  /** z / (1 + e^(-1.702 z)). */
  QUICK_GELU,
  /** max(z, 0). */
  RELU,
  /** max(z, 0)². */
  RELU2;

  /**
   * Returns the names this activation has in {@code config.json}.
   *
   * @return Hugging Face names, the usual one first
   */
  public List<String> names() {
    return switch (this) {
      case SILU -> List.of("silu", "swish");
      case GELU -> List.of("gelu");
      case GELU_TANH -> List.of("gelu_pytorch_tanh", "gelu_new", "gelu_fast");
      case QUICK_GELU -> List.of("quick_gelu");
      case RELU -> List.of("relu");
      case RELU2 -> List.of("relu2");
    };
  }

  /**
   * Finds an activation.
   *
   * @param name a value of {@code hidden_act}
   * @return the activation, or nothing if the name is not supported
   */
  public static Optional<Activation> of(String name) {
    return Arrays.stream(values()).filter(a -> a.names().contains(name)).findFirst();
  }

  static String supported() {
    return Arrays.stream(values())
        .flatMap(a -> a.names().stream())
        .collect(Collectors.joining(", "));
  }
}
