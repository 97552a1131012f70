package org.graniteffm.runtime.config;

/** Range checks whose messages give the field, the value and what is legal. */
final class Ranges {
  private Ranges() {}

  static void integer(String field, long value, long least, long most) {
    if (value < least || value > most) {
      throw new IllegalArgumentException(
          field + ": " + value + " is outside " + least + " to " + most);
    }
  }

  /** Checks that a number, as a float too, is finite and at least {@code least}. */
  static void atLeast(String field, double value, double least) {
    if (!(value >= least && Float.isFinite((float) value))) {
      throw new IllegalArgumentException(
          field + ": " + value + " is not a finite number of at least " + least);
    }
  }

  /** Checks that a number, as a float too, is finite and greater than {@code bound}. */
  static void above(String field, double value, double bound) {
    if (!((float) value > (float) bound && Float.isFinite((float) value))) {
      throw new IllegalArgumentException(
          field + ": " + value + " is not a finite number greater than " + bound);
    }
  }

  static void finite(String field, double value) {
    if (!Float.isFinite((float) value)) {
      throw new IllegalArgumentException(
          field + ": " + value + " is not a finite number in the range of a float");
    }
  }
}
