package org.graniteffm.runtime.config;

import java.util.List;
import java.util.Objects;
import java.util.OptionalDouble;

/**
 * Parameters of the rotary positions, resolved: every default that depends on another field is
 * filled in, and what the type does not use has one fixed value, so that two equal scalings are
 * equal objects.
 *
 * @param type the kind of scaling
 * @param theta base of the frequencies, {@code rope_theta}
 * @param factor stretch of the context, at least 1; 1 for {@code DEFAULT}
 * @param originalMaxPositionEmbeddings positions before the stretch, in tokens, for {@code YARN},
 *     {@code LONGROPE} and {@code LLAMA3}; 0 for the other types
 * @param attentionFactor factor of sine and cosine if the file gives it, for {@code YARN} and
 *     {@code LONGROPE}
 * @param betaFast {@code YARN}: rotations at which frequencies are kept; 32 for the other types
 * @param betaSlow {@code YARN}: rotations at which frequencies are divided by the factor; 1 for the
 *     other types
 * @param mscale {@code YARN}: numerator of the attention factor if given and not 0
 * @param mscaleAllDim {@code YARN}: its denominator if given and not 0
 * @param truncate {@code YARN}: whether the ramp's ends are rounded outwards; true for the other
 *     types
 * @param shortFactor {@code LONGROPE}: divisors up to the original length, one per pair of a head;
 *     else empty
 * @param longFactor {@code LONGROPE}: divisors beyond it; else empty
 * @param lowFreqFactor {@code LLAMA3}: original length / longest wavelength on the ramp; 0 for the
 *     other types
 * @param highFreqFactor {@code LLAMA3}: original length / shortest wavelength on the ramp; 0 for
 *     the other types
 */
public record RopeParameters(
    RopeType type,
    double theta,
    double factor,
    int originalMaxPositionEmbeddings,
    OptionalDouble attentionFactor,
    double betaFast,
    double betaSlow,
    OptionalDouble mscale,
    OptionalDouble mscaleAllDim,
    boolean truncate,
    List<Double> shortFactor,
    List<Double> longFactor,
    double lowFreqFactor,
    double highFreqFactor) {

  /** {@code rope_theta} where the file has none. */
  public static final double DEFAULT_THETA = 10000.0;

  /**
   * Checks the ranges. Prefer {@link #builder}.
   *
   * @throws IllegalArgumentException if a value is out of range for the type; the message has the
   *     field's Hugging Face name, the value and the legal range
   */
  public RopeParameters {
    Objects.requireNonNull(type, "type");
    Objects.requireNonNull(attentionFactor, "attentionFactor");
    Objects.requireNonNull(mscale, "mscale");
    Objects.requireNonNull(mscaleAllDim, "mscaleAllDim");
    shortFactor = List.copyOf(shortFactor);
    longFactor = List.copyOf(longFactor);
    Ranges.above("rope_theta", theta, type == RopeType.YARN ? 1 : 0);
    Ranges.atLeast("factor", factor, 1);
    boolean stretched =
        type == RopeType.YARN || type == RopeType.LONGROPE || type == RopeType.LLAMA3;
    if (stretched) {
      // longrope divides by the logarithm of the original length
      Ranges.integer(
          "original_max_position_embeddings",
          originalMaxPositionEmbeddings,
          type == RopeType.LONGROPE ? 2 : 1,
          Integer.MAX_VALUE);
    } else {
      unused(type, "original_max_position_embeddings", originalMaxPositionEmbeddings == 0);
    }
    boolean scaled = type == RopeType.YARN || type == RopeType.LONGROPE;
    if (attentionFactor.isPresent()) {
      unused(type, "attention_factor", scaled);
      Ranges.above("attention_factor", attentionFactor.getAsDouble(), 0);
    }
    if (type == RopeType.YARN) {
      Ranges.above("beta_slow", betaSlow, 0);
      Ranges.atLeast("beta_fast", betaFast, betaSlow);
      if (mscale.isPresent()) {
        Ranges.above("mscale", mscale.getAsDouble(), 0);
      }
      if (mscaleAllDim.isPresent()) {
        Ranges.above("mscale_all_dim", mscaleAllDim.getAsDouble(), 0);
      }
    } else {
      unused(
          type,
          "beta_fast, beta_slow, mscale, mscale_all_dim, truncate",
          betaFast == 32
              && betaSlow == 1
              && mscale.isEmpty()
              && mscaleAllDim.isEmpty()
              && truncate);
    }
    if (type == RopeType.LONGROPE) {
      for (double f : shortFactor) {
        Ranges.above("short_factor", f, 0);
      }
      for (double f : longFactor) {
        Ranges.above("long_factor", f, 0);
      }
      if (shortFactor.isEmpty() || shortFactor.size() != longFactor.size()) {
        throw new IllegalArgumentException(
            "short_factor and long_factor: need as many values as a head has pairs, have %d and %d"
                .formatted(shortFactor.size(), longFactor.size()));
      }
    } else {
      unused(type, "short_factor, long_factor", shortFactor.isEmpty() && longFactor.isEmpty());
    }
    if (type == RopeType.LLAMA3) {
      Ranges.above("low_freq_factor", lowFreqFactor, 0);
      Ranges.above("high_freq_factor", highFreqFactor, lowFreqFactor);
    } else {
      unused(type, "low_freq_factor, high_freq_factor", lowFreqFactor == 0 && highFreqFactor == 0);
    }
  }

  private static void unused(RopeType type, String fields, boolean fine) {
    if (!fine) {
      throw new IllegalArgumentException(
          fields + ": not used by rope_type " + type.huggingFaceName());
    }
  }

  /**
   * Returns plain rotary positions.
   *
   * @param theta base of the frequencies, greater than 0
   * @return parameters of type {@code DEFAULT}
   * @throws IllegalArgumentException if theta is out of range
   */
  public static RopeParameters plain(double theta) {
    return builder(RopeType.DEFAULT).theta(theta).build(Integer.MAX_VALUE);
  }

  /**
   * Starts to describe a scaling.
   *
   * @param type its kind
   * @return a builder with the type's defaults
   */
  public static Builder builder(RopeType type) {
    return new Builder(type);
  }

  /** Collects parameters; what the type does not use is dropped by {@link #build}. */
  public static final class Builder {
    private final RopeType type;
    private double theta = DEFAULT_THETA;
    private OptionalDouble factor = OptionalDouble.empty();
    private int originalMaxPositionEmbeddings;
    private boolean originalGiven;
    private OptionalDouble attentionFactor = OptionalDouble.empty();
    private double betaFast = 32;
    private double betaSlow = 1;
    private OptionalDouble mscale = OptionalDouble.empty();
    private OptionalDouble mscaleAllDim = OptionalDouble.empty();
    private boolean truncate = true;
    private List<Double> shortFactor = List.of();
    private List<Double> longFactor = List.of();
    private double lowFreqFactor;
    private double highFreqFactor;

    private Builder(RopeType type) {
      this.type = Objects.requireNonNull(type, "type");
    }

    /**
     * Sets {@code rope_theta}; default 10000.
     *
     * @param value greater than 0, for {@code YARN} greater than 1
     * @return this
     */
    public Builder theta(double value) {
      theta = value;
      return this;
    }

    /**
     * Sets {@code factor}; needed but for {@code DEFAULT}, and for {@code YARN} and {@code
     * LONGROPE}, where the default is max_position_embeddings / original_max_position_embeddings.
     *
     * @param value at least 1
     * @return this
     */
    public Builder factor(double value) {
      factor = OptionalDouble.of(value);
      return this;
    }

    /**
     * Sets {@code original_max_position_embeddings}; default max_position_embeddings.
     *
     * @param value tokens, at least 1
     * @return this
     */
    public Builder originalMaxPositionEmbeddings(int value) {
      originalMaxPositionEmbeddings = value;
      originalGiven = true;
      return this;
    }

    /**
     * Sets {@code attention_factor}; default computed from the factor.
     *
     * @param value greater than 0
     * @return this
     */
    public Builder attentionFactor(double value) {
      attentionFactor = OptionalDouble.of(value);
      return this;
    }

    /**
     * Sets {@code beta_fast}; default 32.
     *
     * @param value at least beta_slow
     * @return this
     */
    public Builder betaFast(double value) {
      betaFast = value;
      return this;
    }

    /**
     * Sets {@code beta_slow}; default 1.
     *
     * @param value greater than 0
     * @return this
     */
    public Builder betaSlow(double value) {
      betaSlow = value;
      return this;
    }

    /**
     * Sets {@code mscale}; 0 is as good as absent.
     *
     * @param value at least 0
     * @return this
     */
    public Builder mscale(double value) {
      mscale = value == 0 ? OptionalDouble.empty() : OptionalDouble.of(value);
      return this;
    }

    /**
     * Sets {@code mscale_all_dim}; 0 is as good as absent.
     *
     * @param value at least 0
     * @return this
     */
    public Builder mscaleAllDim(double value) {
      mscaleAllDim = value == 0 ? OptionalDouble.empty() : OptionalDouble.of(value);
      return this;
    }

    /**
     * Sets {@code truncate}; default true.
     *
     * @param value whether the ramp's ends are rounded outwards
     * @return this
     */
    public Builder truncate(boolean value) {
      truncate = value;
      return this;
    }

    /**
     * Sets {@code short_factor}.
     *
     * @param values greater than 0, one for each pair of a head
     * @return this
     */
    public Builder shortFactor(List<Double> values) {
      shortFactor = List.copyOf(values);
      return this;
    }

    /**
     * Sets {@code long_factor}.
     *
     * @param values greater than 0, one for each pair of a head
     * @return this
     */
    public Builder longFactor(List<Double> values) {
      longFactor = List.copyOf(values);
      return this;
    }

    /**
     * Sets {@code low_freq_factor}.
     *
     * @param value greater than 0
     * @return this
     */
    public Builder lowFreqFactor(double value) {
      lowFreqFactor = value;
      return this;
    }

    /**
     * Sets {@code high_freq_factor}.
     *
     * @param value greater than low_freq_factor
     * @return this
     */
    public Builder highFreqFactor(double value) {
      highFreqFactor = value;
      return this;
    }

    /**
     * Fills in the defaults and checks.
     *
     * @param maxPositionEmbeddings the model's positions, in tokens, for the defaults that depend
     *     on it
     * @return the parameters
     * @throws IllegalArgumentException if a value is missing or out of range; names the field
     */
    public RopeParameters build(int maxPositionEmbeddings) {
      Ranges.integer("max_position_embeddings", maxPositionEmbeddings, 1, Integer.MAX_VALUE);
      boolean yarn = type == RopeType.YARN;
      boolean longrope = type == RopeType.LONGROPE;
      boolean llama3 = type == RopeType.LLAMA3;
      int original = 0;
      if (yarn || longrope || llama3) {
        original = originalGiven ? originalMaxPositionEmbeddings : maxPositionEmbeddings;
        Ranges.integer("original_max_position_embeddings", original, 1, Integer.MAX_VALUE);
      }
      double resolved = 1;
      if (type != RopeType.DEFAULT) {
        if (factor.isEmpty() && !yarn && !longrope) {
          throw new IllegalArgumentException(
              "factor: missing, rope_type " + type.huggingFaceName() + " needs it");
        }
        resolved = factor.orElse((double) maxPositionEmbeddings / original);
      }
      return new RopeParameters(
          type,
          theta,
          resolved,
          original,
          yarn || longrope ? attentionFactor : OptionalDouble.empty(),
          yarn ? betaFast : 32,
          yarn ? betaSlow : 1,
          yarn ? mscale : OptionalDouble.empty(),
          yarn ? mscaleAllDim : OptionalDouble.empty(),
          !yarn || truncate,
          longrope ? shortFactor : List.of(),
          longrope ? longFactor : List.of(),
          llama3 ? lowFreqFactor : 0,
          llama3 ? highFreqFactor : 0);
    }
  }
}
