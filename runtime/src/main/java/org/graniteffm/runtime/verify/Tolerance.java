package org.graniteffm.runtime.verify;

import java.util.Locale;

/**
 * How close computed floats must come to the wanted ones. NaN is never close. Integers must be
 * equal whatever this says; generated tokens at least without rounding, as {@link Arithmetic} has
 * it.
 *
 * <p>Single precision, for every element: {@code |got - want| <= atol + rtol * |want|}.
 *
 * <p>Activations or cache in bfloat16, for a tensor as a whole: {@code sqrt(mean((got - want)^2) /
 * mean(want^2)) <= limit}. For logits the limit is twice what transformers itself misses by in that
 * run, at least 0.02. For all other tensors, of which a case does not say by how much transformers
 * misses, it is the case's limit over all runs, where that is larger.
 */
sealed interface Tolerance {
  /** For people, such as {@code 3.0e-04 + 1.0e-04 |want|}. */
  String describe();

  /**
   * Each element on its own.
   *
   * @param atol absolute part
   * @param rtol part relative to the wanted value
   */
  record ElementWise(double atol, double rtol) implements Tolerance {
    @Override
    public String describe() {
      return String.format(Locale.ROOT, "%.1e + %.1e |want|", atol, rtol);
    }
  }

  /**
   * The tensor as a whole.
   *
   * @param limit of the relative root mean square
   */
  record RelativeRms(double limit) implements Tolerance {
    @Override
    public String describe() {
      return String.format(Locale.ROOT, "%.1e relative RMS", limit);
    }
  }

  /** What no limit of a run or a case goes below, with anything in bfloat16. */
  double LEAST_RELATIVE_RMS = 2e-2;

  /** The tolerance of one tensor of a run. */
  static Tolerance of(
      Arithmetic arithmetic, GoldenCase goldenCase, GoldenCase.Run run, String role) {
    if (arithmetic == Arithmetic.FLOAT32) {
      return new ElementWise(goldenCase.atol(), goldenCase.rtol());
    }
    double limit = Math.max(LEAST_RELATIVE_RMS, 2 * run.bfloat16Noise().orElse(0));
    if (!role.equals("logits")) {
      limit = Math.max(limit, goldenCase.relativeRms().orElse(0));
    }
    return new RelativeRms(limit);
  }
}
