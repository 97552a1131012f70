package org.graniteffm.runtime.verify;

import java.util.List;
import java.util.Locale;

/**
 * What came of one run of a case.
 *
 * @param caseName the case
 * @param run the run
 * @param status the outcome
 * @param comparisons one for each output that was compared, in the case's order; unmodifiable
 * @param reason why nothing was compared, on one line; empty if something was
 */
public record RunReport(
    String caseName, String run, Status status, List<Comparison> comparisons, String reason) {

  /** The outcome of a run. Only the first one is a success. */
  public enum Status {
    /** All outputs are within their tolerances. */
    OK,
    /** At least one output is not. */
    MISS,
    /** The run asks for what this library does not do. */
    UNSUPPORTED,
    /** The run ended with an error. */
    FAILED
  }

  /**
   * The report in a line: case, run, largest error (absolute and as a fraction of its tolerance),
   * the tolerance, the outcome.
   *
   * @return without a line break
   */
  public String line() {
    String start = "%-44s ".formatted(caseName + " " + run);
    return switch (status) {
      case UNSUPPORTED -> start + "unsupported: " + reason;
      case FAILED -> start + "FAILED: " + reason;
      case OK, MISS -> {
        Comparison worst = worst();
        String error =
            worst.tolerance().startsWith("equal")
                ? worst.miss().isEmpty() ? "all ids " + worst.tolerance() : "differs"
                : String.format(
                    Locale.ROOT,
                    "error %.1e, %.3f of %s",
                    worst.error(),
                    worst.fraction(),
                    worst.tolerance());
        yield "%s%-50s %-17s %s"
            .formatted(start, error, worst.role(), status == Status.OK ? "ok" : "MISS");
      }
    };
  }

  /** The same, with a word more on what its outputs were held to. */
  RunReport heldTo(String more) {
    List<Comparison> held =
        comparisons.stream()
            .map(c ->
                new Comparison(
                    c.role(), c.error(), c.fraction(), c.tolerance() + " " + more, c.miss()))
            .toList();
    return new RunReport(caseName, run, status, held, reason);
  }

  /** The comparison nearest to its tolerance, or farthest beyond it. */
  private Comparison worst() {
    Comparison worst = comparisons.get(0);
    for (Comparison comparison : comparisons) {
      if (Double.compare(comparison.fraction(), worst.fraction()) > 0) { // NaN counts as largest
        worst = comparison;
      }
    }
    return worst;
  }

  /**
   * The misses, each on a line: case, run, tensor, position, got, want.
   *
   * @return empty unless the status is MISS
   */
  public List<String> misses() {
    return comparisons.stream()
        .flatMap(comparison -> comparison.miss().stream())
        .map(miss -> "  %s %s %s".formatted(caseName, run, miss))
        .toList();
  }
}
