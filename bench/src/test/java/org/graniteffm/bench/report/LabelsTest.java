package org.graniteffm.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.graniteffm.bench.report.Labels.Box;
import org.junit.jupiter.api.Test;

class LabelsTest {
  private static final Box AREA = new Box(0, 0, 400, 300);

  @Test
  void namesLieApartAndInside() {
    Labels labels = new Labels(AREA);
    Box point = new Box(195, 145, 205, 155);
    labels.keepClear(point);
    List<Box> placed = new ArrayList<>();
    for (int i = 0; i < 12; i++) { // all at the same point
      labels.place("RmsNorm", 200, 150, 8).ifPresent(placed::add);
    }
    assertEquals(12, placed.size());
    for (Box box : placed) {
      assertTrue(box.isWithin(AREA), box.toString());
      assertFalse(box.meets(point), box.toString());
      for (Box other : placed) {
        assertTrue(box.equals(other) || !box.meets(other), box + " lies on " + other);
      }
    }
  }

  @Test
  void nearestRoomIsAbove() {
    Box box = new Labels(AREA).place("Gemv", 200, 150, 8).orElseThrow();
    assertTrue(box.bottom() <= 142 && box.left() < 200 && box.right() > 200, box.toString());
  }

  @Test
  void aNameWithoutRoomIsLeftOut() {
    Labels labels = new Labels(AREA);
    labels.keepClear(AREA);
    assertEquals(Optional.empty(), labels.place("Gemv", 200, 150, 8));
  }

  @Test
  void linesAreKeptClear() {
    Labels labels = new Labels(AREA);
    labels.keepClearAlong(0, 150, 400, 150, 9);
    Box box = labels.place("Gemv", 200, 150, 2).orElseThrow();
    assertTrue(box.bottom() <= 141 || box.top() >= 159, box.toString());
  }
}
