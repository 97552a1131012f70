package org.graniteffm.bench.report;

import static org.graniteffm.bench.report.Html.at;
import static org.graniteffm.bench.report.Html.escape;
import static org.graniteffm.bench.report.Html.three;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.graniteffm.bench.report.Labels.Box;

/**
 * Kernels under the roofs of the machine, on logarithmic scales: operations in a second over
 * operations for each byte. The slope is memory's bandwidth, the flat roofs are the peaks of the
 * tiers (Williams, Waterman and Patterson, "Roofline", CACM 52(4), 2009).
 */
final class Roofline {
  private static final double WIDTH = 960;
  private static final double HEIGHT = 540;
  private static final double LEFT = 58;
  private static final double RIGHT = WIDTH - 140; // beside it stand the names of the flat roofs
  private static final double TOP = 16;
  private static final double BOTTOM = HEIGHT - 48;
  private static final int MANY_POINTS = 120;

  private final Results results;
  private final String residency;
  private final List<Measurement> points;
  private final double bandwidth;
  private final Map<String, Double> peaks;
  private final double leastX;
  private final double mostX;
  private final double leastY;
  private final double mostY;
  private final double size;
  private final Labels labels = new Labels(new Box(LEFT, TOP, RIGHT, BOTTOM));
  private final StringBuilder svg = new StringBuilder();

  private Roofline(Results results, String residency, List<Measurement> points) {
    this.results = results;
    this.residency = residency;
    this.points = points;
    bandwidth = results.bandwidth(residency);
    peaks = results.peaks();
    double ridge = results.peak() / bandwidth;
    double leftmost = points.stream().mapToDouble(Measurement::intensity).min().orElse(ridge);
    double rightmost = points.stream().mapToDouble(Measurement::intensity).max().orElse(ridge);
    double lowest = points.stream().mapToDouble(Measurement::gigaflops).min().orElse(1);
    double highest = points.stream().mapToDouble(Measurement::gigaflops).max().orElse(1);
    leastX = Math.min(leftmost, ridge) / 2;
    mostX = Math.max(rightmost, ridge) * 2;
    leastY = Math.min(lowest, leastX * bandwidth) / 1.5;
    mostY = Math.max(highest, results.peak()) * 2;
    size = points.size() > MANY_POINTS ? 3.2 : 5;
  }

  /**
   * Draws the results of one residency.
   *
   * @return the chart; a sentence where roofs or points are missing
   */
  static String draw(Results results, List<Series> series, String residency) {
    List<Measurement> points =
        results.kernels().stream()
            .filter(m -> m.residency().equals(residency))
            .filter(m -> m.gigaflops() > 0 && Double.isFinite(m.intensity()))
            .toList();
    if (points.isEmpty() || !(results.bandwidth(residency) > 0) || !(results.peak() > 0)) {
      return "<p class='none'>Not measured.</p>\n";
    }
    return new Roofline(results, residency, points).draw(series);
  }

  private String draw(List<Series> series) {
    svg.append(
        "<svg viewBox='0 0 %.0f %.0f' role='img' aria-label='%s'>\n"
            .formatted(WIDTH, HEIGHT, escape("Roofline of kernels, operands " + residency)));
    drawAxes();
    drawRoofs();
    for (Measurement point : points) {
      labels.keepClear(around(point));
    }
    for (Series one : series) {
      drawPoints(one);
    }
    drawNames();
    return svg.append("</svg>\n").toString();
  }

  private double x(double intensity) {
    return LEFT + (RIGHT - LEFT) * Math.log(intensity / leastX) / Math.log(mostX / leastX);
  }

  private double y(double gigaflops) {
    return BOTTOM - (BOTTOM - TOP) * Math.log(gigaflops / leastY) / Math.log(mostY / leastY);
  }

  private Box around(Measurement m) {
    double x = x(m.intensity());
    double y = y(m.gigaflops());
    return new Box(x - size - 1, y - size - 1, x + size + 1, y + size + 1);
  }

  private void line(String style, double x1, double y1, double x2, double y2) {
    svg.append(
        "<line class='%s' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>\n"
            .formatted(style, x1, y1, x2, y2));
  }

  private void text(String style, double x, double y, String text) {
    svg.append(
        "<text class='%s' x='%.1f' y='%.1f'>%s</text>\n".formatted(style, x, y, escape(text)));
  }

  private void drawAxes() {
    for (double value : powersOfTen(leastY, mostY)) {
      line("grid", LEFT, y(value), RIGHT, y(value));
      text("tick-y", LEFT - 6, y(value) + 4, three(value));
    }
    for (double value : powersOfTwo(leastX, mostX)) {
      line("grid", x(value), TOP, x(value), BOTTOM);
      text("tick-x", x(value), BOTTOM + 17, value < 1 ? "1/" + three(1 / value) : three(value));
    }
    line("axis", LEFT, BOTTOM, RIGHT, BOTTOM);
    line("axis", LEFT, TOP, LEFT, BOTTOM);
    text("tick-x", (LEFT + RIGHT) / 2, HEIGHT - 8, "operations for each byte moved");
    svg.append(
        "<text class='tick-x' transform='translate(13 %s) rotate(-90)'>GFLOP/s</text>\n"
            .formatted(at((TOP + BOTTOM) / 2)));
  }

  private static List<Double> powersOfTen(double least, double most) {
    List<Double> powers = new ArrayList<>();
    for (int i = (int) Math.ceil(Math.log10(least)); Math.pow(10, i) <= most; i++) {
      powers.add(Math.pow(10, i));
    }
    return powers;
  }

  private static List<Double> powersOfTwo(double least, double most) {
    List<Double> powers = new ArrayList<>();
    for (int i = (int) Math.ceil(Math.log(least) / Math.log(2)); Math.scalb(1.0, i) <= most; i++) {
      powers.add(Math.scalb(1.0, i));
    }
    return powers;
  }

  private void drawRoofs() {
    double left = leastX * bandwidth;
    double ridge = results.peak() / bandwidth;
    line("roof", x(leastX), y(left), x(ridge), y(results.peak()));
    double angle = -Math.toDegrees(Math.atan2(y(left) - y(results.peak()), x(ridge) - x(leastX)));
    double labelX = leastX * Math.pow(ridge / leastX, 0.72);
    svg.append(
        "<text class='roof-label middle' transform='translate(%s %s) rotate(%s)'>%s</text>\n"
            .formatted(
                at(x(labelX)),
                at(y(labelX * bandwidth) - 9),
                at(angle),
                escape(
                    (residency.equals("DRAM") ? "memory " : "cache ")
                        + three(bandwidth)
                        + " GB/s")));
    labels.keepClearAlong(
        x(leastX), y(left) - 9, x(ridge), y(results.peak()) - 9, 9); // the slope and its label
    List<Map.Entry<String, Double>> highestFirst = new ArrayList<>(peaks.entrySet());
    highestFirst.sort(Map.Entry.<String, Double>comparingByValue().reversed());
    double baseline = TOP;
    for (Map.Entry<String, Double> peak : highestFirst) {
      double height = y(peak.getValue());
      double begin = x(peak.getValue() / bandwidth);
      line("roof", begin, height, RIGHT, height);
      labels.keepClear(new Box(begin, height - 1, RIGHT, height + 1));
      baseline = Math.max(height + 4, baseline + 15);
      text("roof-label", RIGHT + 6, baseline, peak.getKey() + " " + three(peak.getValue()));
    }
  }

  private void drawPoints(Series series) {
    svg.append("<g class='points %s'>\n".formatted(series.style()));
    for (Measurement m : points) {
      if (m.implementation().equals(series.implementation())) {
        svg.append(
            "<g><title>%s</title>%s</g>\n"
                .formatted(
                    escape(describe(m, series)),
                    series.symbol().svg(x(m.intensity()), y(m.gigaflops()), size)));
      }
    }
    svg.append("</g>\n");
  }

  private String describe(Measurement m, Series series) {
    return "%s, %s%n%s %s%n%s, spread %s%n%s GFLOP/s, %s GB/s, %s of the roof"
        .formatted(
            m.kernel(),
            series.label(),
            m.configuration(),
            m.residency(),
            Html.time(m.seconds()),
            Html.percent(m.spread()),
            three(m.gigaflops()),
            three(m.gigabytes()),
            Html.percent(m.gigaflops() / results.roof(m)));
  }

  /** A name at the fastest point of each kernel, where there is room. */
  private void drawNames() {
    Map<String, Measurement> fastest = new LinkedHashMap<>();
    points.stream()
        .sorted(Comparator.comparingDouble(Measurement::gigaflops).reversed())
        .forEach(m -> fastest.putIfAbsent(m.kernel(), m));
    for (Measurement m : fastest.values()) {
      double x = x(m.intensity());
      double y = y(m.gigaflops());
      labels
          .place(m.kernel(), x, y, size + 3)
          .ifPresent(box -> {
            double nearX = Math.clamp(x, box.left(), box.right());
            double nearY = y < box.top() ? box.top() : Math.min(y, box.bottom());
            if (Math.hypot(nearX - x, nearY - y) > 2.5 * size) {
              line("leader", x, y, nearX, nearY);
            }
            text("name", box.left(), box.bottom() - 3, m.kernel());
          });
    }
  }
}
