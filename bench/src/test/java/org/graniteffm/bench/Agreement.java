package org.graniteffm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Says whether implementations computed the same. */
public final class Agreement {
  private Agreement() {}

  /** The floats in a segment. */
  public static float[] floats(MemorySegment memory) {
    return memory.toArray(ValueLayout.JAVA_FLOAT);
  }

  /**
   * Fails unless all elements are within a bound, and some differ from zero: an implementation that
   * writes nothing agrees with another such one.
   */
  public static void assertAgree(float[] expected, float[] actual, double bound, String what) {
    assertEquals(expected.length, actual.length, what);
    boolean nonzero = false;
    for (int i = 0; i < expected.length; i++) {
      nonzero |= actual[i] != 0;
      double error = Math.abs((double) expected[i] - actual[i]);
      int at = i;
      assertTrue(
          error <= bound, // not for NaN either
          () -> "%s: [%d] is %s, expected %s".formatted(what, at, actual[at], expected[at]));
    }
    assertTrue(nonzero, what + ": all zero");
  }
}
