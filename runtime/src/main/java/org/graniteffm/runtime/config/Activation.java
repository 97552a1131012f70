package org.graniteffm.runtime.config;

import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.stream.Collectors;

/** Activation of the feed-forward gate, field {@code hidden_act}. */
public enum Activation {
  /** z / (1 + e^-z), the one every published Granite uses. */
  SILU("silu", "swish"),
  /** z · Φ(z), with the exact normal distribution function. */
  GELU("gelu"),
  /** z/2 · (1 + tanh(√(2/π) · (z + 0.044715 z³))). */
  GELU_TANH("gelu_pytorch_tanh", "gelu_new", "gelu_fast"),
  /** z / (1 + e^(-1.702 z)). */
  QUICK_GELU("quick_gelu"),
  /** max(z, 0). */
  RELU("relu"),
  /** max(z, 0)². */
  RELU2("relu2");

  private final List<String> names;

  Activation(String... names) {
    this.names = List.of(names);
  }

  /**
   * Returns the names this activation has in {@code config.json}.
   *
   * @return Hugging Face names, the usual one first
   */
  public List<String> names() {
    return names;
  }

  /**
   * Finds an activation.
   *
   * @param name a value of {@code hidden_act}
   * @return the activation, or nothing if the name is not supported
   */
  public static Optional<Activation> of(String name) {
    return Arrays.stream(values()).filter(a -> a.names.contains(name)).findFirst();
  }

  static String supported() {
    return Arrays.stream(values()).flatMap(a -> a.names.stream()).collect(Collectors.joining(", "));
  }
}
