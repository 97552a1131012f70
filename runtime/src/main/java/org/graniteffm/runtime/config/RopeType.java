package org.graniteffm.runtime.config;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;

/** How rotary positions are scaled, field {@code rope_type}. */
public enum RopeType {
  /** Plain rotary positions. */
  DEFAULT,
  /** All frequencies divided by the factor. */
  LINEAR,
  /** The base grows with the length once that exceeds max_position_embeddings. */
  DYNAMIC,
  /**
   * Low frequencies divided by the factor, high ones kept, a ramp between; source: arXiv
   * 2309.00071.
   */
  YARN,
  /**
   * A divisor for each frequency, one list for short and one for long texts; source: arXiv
   * 2402.13753.
   */
  LONGROPE,
  /** As YARN with bounds given as wavelengths. */
  LLAMA3;

  /**
   * Returns the name in {@code config.json}.
   *
   * @return the Hugging Face name
   */
  public String huggingFaceName() {
    return name().toLowerCase(Locale.ROOT);
  }

  /**
   * Finds a type.
   *
   * @param name a value of {@code rope_type}
   * @return the type, or nothing if the name is not supported
   */
  public static Optional<RopeType> of(String name) {
    return Arrays.stream(values()).filter(t -> t.huggingFaceName().equals(name)).findFirst();
  }

  static String supported() {
    return Arrays.stream(values()).map(RopeType::huggingFaceName).collect(Collectors.joining(", "));
  }
}
