package org.graniteffm.bench.report;

import java.util.ArrayList;
import java.util.List;

/**
 * One implementation, as it appears in charts and tables.
 *
 * @param implementation as results name it
 * @param label for people
 * @param style class of its colour
 * @param symbol of its points
 */
record Series(String implementation, String label, String style, Symbol symbol) {
  /** Tells implementations apart where colours do not. */
  enum Symbol {
    CIRCLE,
    SQUARE,
    TRIANGLE,
    DIAMOND;

    /** The shape around a point. */
    String svg(double x, double y, double size) {
      return switch (this) {
        case CIRCLE -> "<circle cx='%.1f' cy='%.1f' r='%.1f'/>".formatted(x, y, size);
        case SQUARE ->
            "<rect x='%.1f' y='%.1f' width='%.1f' height='%.1f'/>"
                .formatted(x - size, y - size, 2 * size, 2 * size);
        case TRIANGLE ->
            "<path d='M%.1f %.1fl%.1f %.1fh%.1fz'/>"
                .formatted(x, y - 1.2 * size, 1.2 * size, 2.1 * size, -2.4 * size);
        case DIAMOND ->
            "<path d='M%.1f %.1fl%3$.1f %3$.1fl-%3$.1f %3$.1fl-%3$.1f -%3$.1fz'/>"
                .formatted(x, y - 1.3 * size, 1.3 * size);
      };
    }
  }

  private static final List<Series> OTHERS =
      List.of(
          new Series("openblas", "OpenBLAS", "openblas", Symbol.SQUARE),
          new Series("vectorApi", "Vector API", "vector-api", Symbol.TRIANGLE),
          new Series("plainJava", "plain Java", "plain-java", Symbol.DIAMOND));

  /** Those that there are results of: tiers first, as they were measured. */
  static List<Series> of(List<Measurement> kernels) {
    List<Series> all = new ArrayList<>();
    kernels.stream()
        .filter(Measurement::hasTier)
        .map(Measurement::implementation)
        .distinct()
        .forEach(tier -> all.add(new Series(tier, tier, "tier" + all.size(), Symbol.CIRCLE)));
    OTHERS.stream()
        .filter(other ->
            kernels.stream().anyMatch(m -> m.implementation().equals(other.implementation())))
        .forEach(all::add);
    return all;
  }
}
