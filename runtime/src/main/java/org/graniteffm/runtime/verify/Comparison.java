package org.graniteffm.runtime.verify;

import java.util.Arrays;
import java.util.Locale;
import java.util.Optional;

/**
 * One computed tensor against the wanted one.
 *
 * @param role what it is, such as {@code hidden_states.3}
 * @param error largest absolute difference of two elements, or the relative root mean square; NaN
 *     if there is no number for it
 * @param fraction the error as a fraction of the tolerance: above 1 is a miss
 * @param tolerance for people
 * @param miss what is wrong, on one line: position, got, want; empty if nothing is
 */
public record Comparison(
    String role, double error, double fraction, String tolerance, Optional<String> miss) {

  /** Says of each row-major index whether it is compared. */
  interface Selection {
    /** Compares everything. */
    Selection ALL = i -> true;

    boolean includes(int index);
  }

  /** Compares token ids: all equal. */
  static Comparison ofIntegers(
      String role, long[] got, long[] gotShape, long[] want, long[] wantShape) {
    if (!Arrays.equals(gotShape, wantShape)) {
      return wrongShape(role, gotShape, wantShape);
    }
    for (int i = 0; i < want.length; i++) {
      if (got[i] != want[i]) {
        String miss =
            "%s%s: got %d, want %d".formatted(role, position(i, wantShape), got[i], want[i]);
        return new Comparison(role, Double.NaN, Double.NaN, "equal", Optional.of(miss));
      }
    }
    return new Comparison(role, 0, 0, "equal", Optional.empty());
  }

  /** Compares floats within a tolerance, those that are selected. */
  static Comparison ofFloats(
      String role,
      float[] got,
      long[] gotShape,
      float[] want,
      long[] wantShape,
      Selection selection,
      Tolerance tolerance) {
    if (!Arrays.equals(gotShape, wantShape)) {
      return wrongShape(role, gotShape, wantShape);
    }
    return switch (tolerance) {
      case Tolerance.ElementWise t -> elementWise(role, got, want, wantShape, selection, t);
      case Tolerance.RelativeRms t -> relativeRms(role, got, want, wantShape, selection, t);
    };
  }

  private static Comparison elementWise(
      String role,
      float[] got,
      float[] want,
      long[] shape,
      Selection selection,
      Tolerance.ElementWise tolerance) {
    double largest = 0;
    double largestFraction = 0;
    int worst = -1;
    int misses = 0;
    for (int i = 0; i < want.length; i++) {
      if (!selection.includes(i)) {
        continue;
      }
      double error = difference(got[i], want[i]);
      double allowed = tolerance.atol() + tolerance.rtol() * Math.abs((double) want[i]);
      // where infinity is wanted, nothing finite is close: the quotient alone would be NaN
      double fraction = error == 0 ? 0 : Double.isInfinite(error) ? error : error / allowed;
      largest = Math.max(largest, error); // NaN, once there, stays
      if (!(fraction <= 1)) {
        misses++;
      }
      if (worst < 0 || fraction > largestFraction || isFirstNaN(fraction, largestFraction)) {
        worst = i;
        largestFraction = fraction;
      }
    }
    Optional<String> miss =
        misses == 0
            ? Optional.empty()
            : Optional.of(describe(role, got, want, shape, worst, misses + " elements miss"));
    return new Comparison(role, largest, largestFraction, tolerance.describe(), miss);
  }

  private static boolean isFirstNaN(double fraction, double before) {
    return Double.isNaN(fraction) && !Double.isNaN(before);
  }

  private static Comparison relativeRms(
      String role,
      float[] got,
      float[] want,
      long[] shape,
      Selection selection,
      Tolerance.RelativeRms tolerance) {
    double errors = 0;
    double wanted = 0;
    double largest = -1;
    int worst = -1;
    for (int i = 0; i < want.length; i++) {
      if (!selection.includes(i)) {
        continue;
      }
      double error = difference(got[i], want[i]);
      errors += error * error;
      wanted += Float.isFinite(want[i]) ? (double) want[i] * want[i] : 0;
      if (error > largest || isFirstNaN(error, largest)) {
        worst = i;
        largest = error;
      }
    }
    double error = errors == 0 ? 0 : Math.sqrt(errors / wanted);
    String value = String.format(Locale.ROOT, "relative RMS %.2e", error);
    Optional<String> miss =
        error <= tolerance.limit()
            ? Optional.empty()
            : Optional.of(describe(role, got, want, shape, worst, value));
    return new Comparison(
        role, error, error == 0 ? 0 : error / tolerance.limit(), tolerance.describe(), miss);
  }

  /** Equal infinities do not differ; NaN differs from everything, by NaN. */
  private static double difference(float got, float want) {
    return got == want ? 0 : Math.abs((double) got - want);
  }

  private static Comparison wrongShape(String role, long[] got, long[] want) {
    String miss =
        "%s: shape: got %s, want %s".formatted(role, Arrays.toString(got), Arrays.toString(want));
    return new Comparison(role, Double.NaN, Double.NaN, "equal", Optional.of(miss));
  }

  private static String describe(
      String role, float[] got, float[] want, long[] shape, int worst, String extent) {
    return String.format(
        Locale.ROOT,
        "%s%s: got %s, want %s (%s)",
        role,
        position(worst, shape),
        got[worst],
        want[worst],
        extent);
  }

  /** A row-major index as one number for each dimension; nothing for a scalar. */
  private static String position(int index, long[] shape) {
    if (shape.length == 0) {
      return "";
    }
    long[] position = new long[shape.length];
    long rest = index;
    for (int i = shape.length - 1; i >= 0; i--) {
      position[i] = rest % shape[i];
      rest /= shape[i];
    }
    return Arrays.toString(position);
  }
}
