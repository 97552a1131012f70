package org.graniteffm.bench.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Finds room for names beside points, so that none lies on another one or on a point. */
final class Labels {
  private static final double HEIGHT = 14;
  private static final double CHARACTER =
      7.4; // of the widest fonts that a page may get, at 12 pixels

  /** A rectangle; y grows downwards. */
  record Box(double left, double top, double right, double bottom) {
    boolean meets(Box other) {
      return left < other.right && other.left < right && top < other.bottom && other.top < bottom;
    }

    boolean isWithin(Box other) {
      return left >= other.left
          && right <= other.right
          && top >= other.top
          && bottom <= other.bottom;
    }
  }

  private final Box area;
  private final List<Box> taken = new ArrayList<>();

  Labels(Box area) {
    this.area = area;
  }

  /** About how wide a text will be. */
  static double width(String text) {
    return text.length() * CHARACTER;
  }

  /** Keeps names away from something that is there already. */
  void keepClear(Box box) {
    taken.add(box);
  }

  /** Keeps names away from a line. */
  void keepClearAlong(double x1, double y1, double x2, double y2, double distance) {
    int steps = (int) Math.ceil(Math.hypot(x2 - x1, y2 - y1) / distance);
    for (int i = 0; i <= steps; i++) {
      double x = x1 + (x2 - x1) * i / steps;
      double y = y1 + (y2 - y1) * i / steps;
      taken.add(new Box(x - distance, y - distance, x + distance, y + distance));
    }
  }

  /**
   * Finds the nearest room around a point, above first.
   *
   * @param gap from the point's middle to the name
   * @return where the name is to stand; nothing if there is no room nearby
   */
  Optional<Box> place(String text, double x, double y, double gap) {
    double width = width(text);
    for (double distance = gap; distance < gap + 130; distance += 4) {
      for (int direction = 0; direction < 16; direction++) {
        // from straight up to both sides in turn: 0, +1, -1, +2, ...
        int turns = (direction + 1) / 2 * (direction % 2 == 0 ? -1 : 1);
        double angle = turns * Math.PI / 8;
        double dx = Math.sin(angle);
        double dy = -Math.cos(angle);
        double centreX = x + dx * (distance + width / 2 * Math.abs(dx));
        double centreY = y + dy * (distance + HEIGHT / 2 * Math.abs(dy));
        Box box =
            new Box(
                centreX - width / 2,
                centreY - HEIGHT / 2,
                centreX + width / 2,
                centreY + HEIGHT / 2);
        if (box.isWithin(area) && taken.stream().noneMatch(box::meets)) {
          taken.add(box);
          return Optional.of(box);
        }
      }
    }
    return Optional.empty();
  }
}
