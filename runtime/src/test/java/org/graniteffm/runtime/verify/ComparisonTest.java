package org.graniteffm.runtime.verify;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Optional;
import org.graniteffm.runtime.ModelFormatException;
import org.junit.jupiter.api.Test;

class ComparisonTest {
  private static final Tolerance ELEMENTS = new Tolerance.ElementWise(0.25, 0.5);
  private static final Tolerance RMS = new Tolerance.RelativeRms(0.02);

  private static Comparison compare(Tolerance tolerance, float[] got, float... want) {
    long[] shape = {want.length};
    return Comparison.ofFloats(
        "logits", got, shape, want, shape, Comparison.Selection.ALL, tolerance);
  }

  private static float[] floats(float... values) {
    return values;
  }

  @Test
  void anElementAtItsToleranceIsCloseAndBehindItMisses() {
    assertTrue(compare(ELEMENTS, floats(1, 3.25f), 1, 2).miss().isEmpty());
    assertEquals(1, compare(ELEMENTS, floats(1, 3.25f), 1, 2).fraction());
    assertEquals(
        Optional.of("logits[1]: got 3.2500002, want 2.0 (1 elements miss)"),
        compare(ELEMENTS, floats(1, Math.nextUp(3.25f)), 1, 2).miss());
  }

  @Test
  void theWorstElementIsNamed() {
    Comparison comparison =
        Comparison.ofFloats(
            "hidden_states.1",
            floats(0, 1, 0, 0, 0, 9),
            new long[] {1, 2, 3},
            floats(0, 0, 0, 0, 0, 0),
            new long[] {1, 2, 3},
            Comparison.Selection.ALL,
            ELEMENTS);
    assertEquals(
        Optional.of("hidden_states.1[0, 1, 2]: got 9.0, want 0.0 (2 elements miss)"),
        comparison.miss());
    assertEquals(36, comparison.fraction());
  }

  @Test
  void notANumberIsAMissOnEitherSideAndInEitherArithmetic() {
    float nan = Float.NaN;
    for (Tolerance tolerance : new Tolerance[] {ELEMENTS, RMS}) {
      assertTrue(compare(tolerance, floats(1, nan), 1, 1).miss().isPresent());
      assertTrue(compare(tolerance, floats(nan, 1), 1, 1).miss().isPresent());
      assertTrue(compare(tolerance, floats(1, 1), 1, nan).miss().isPresent());
      assertTrue(compare(tolerance, floats(nan, nan), nan, nan).miss().isPresent());
      assertTrue(compare(tolerance, floats(nan, 100), 1, 1).miss().get().contains("[0]: got NaN"));
    }
  }

  @Test
  void infinityIsCloseToItselfAlone() {
    float inf = Float.POSITIVE_INFINITY;
    for (Tolerance tolerance : new Tolerance[] {ELEMENTS, RMS}) {
      assertTrue(compare(tolerance, floats(1, inf), 1, inf).miss().isEmpty());
      assertTrue(compare(tolerance, floats(1, -inf), 1, inf).miss().isPresent());
      assertTrue(compare(tolerance, floats(1, 1), 1, inf).miss().isPresent());
      assertTrue(compare(tolerance, floats(1, inf), 1, 1).miss().isPresent());
    }
  }

  @Test
  void relativeRmsIsTakenOverAllElements() {
    assertEquals(0.01, compare(RMS, floats(1.01f, 0.99f), 1, 1).error(), 1e-6);
    assertTrue(compare(RMS, floats(1.01f, 0.99f), 1, 1).miss().isEmpty());
    assertTrue(compare(RMS, floats(1.03f, 1.03f), 1, 1).miss().isPresent());
    assertTrue(compare(RMS, floats(0, 0), 0, 0).miss().isEmpty());
    assertTrue(compare(RMS, floats(0, 1), 0, 0).miss().isPresent());
  }

  @Test
  void shapesMustAgree() {
    float[] six = new float[6];
    Comparison comparison =
        Comparison.ofFloats(
            "logits",
            six,
            new long[] {2, 3},
            six,
            new long[] {3, 2},
            Comparison.Selection.ALL,
            ELEMENTS);
    assertEquals(Optional.of("logits: shape: got [2, 3], want [3, 2]"), comparison.miss());
  }

  @Test
  void idsMustBeEqual() {
    long[] shape = {1, 3};
    long[] want = {1, 2, 3};
    assertTrue(
        Comparison.ofIntegers("sequences", want.clone(), shape, want, shape).miss().isEmpty());
    assertEquals(
        Optional.of("sequences[0, 1]: got 7, want 2"),
        Comparison.ofIntegers("sequences", new long[] {1, 7, 3}, shape, want, shape).miss());
  }

  @Test
  void rowsOfPaddingAreLeftOutAndOnlyThose() throws ModelFormatException {
    Rows prompt = Rows.of(new int[][] {{0, 1}, {1, 1}}, null);
    Comparison.Selection logits = prompt.select("logits", new long[] {2, 2, 3});
    for (int i = 0; i < 12; i++) {
      assertEquals(i >= 3, logits.includes(i), "logits element " + i);
    }
    Comparison.Selection last = prompt.select("logits", new long[] {2, 1, 3});
    Comparison.Selection routers = prompt.select("router_logits.0", new long[] {4, 2});
    for (int i = 0; i < 6; i++) {
      assertTrue(last.includes(i), "the last position's logits, element " + i);
      assertEquals(i >= 2, routers.includes(i), "router logits element " + i);
    }
    // the cache of a run that continues: two heads, three tokens
    Comparison.Selection keys =
        Rows.all(2, 1, prompt).select("past_key.0", new long[] {2, 2, 3, 1});
    for (int i = 0; i < 12; i++) {
      assertEquals(i != 0 && i != 3, keys.includes(i), "keys element " + i);
    }
    assertFalse(
        prompt.select("attentions.0", new long[] {2, 2, 2, 2}).includes(5), "row 0 of head 1");
  }
}
