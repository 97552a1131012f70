package org.graniteffm.bench.report;

import static org.graniteffm.bench.report.Html.escape;
import static org.graniteffm.bench.report.Html.percent;
import static org.graniteffm.bench.report.Html.three;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.List;

/** Prefill and decoding of whole models as shares of this machine's limits. */
final class ModelBars {
  private static final double WIDTH = 960;
  private static final double LEFT = 210;
  private static final double RIGHT = 640; // the limit
  private static final double ROW = 30;
  private static final double BAR = 16;
  private static final double TOP = 22;

  private ModelBars() {}

  /** One bar of a model. */
  private record Phase(String name, String label, String unit, String reached, String limit) {}

  private static final List<Phase> PHASES =
      List.of(
          new Phase("prefill", "prefill", "GFLOP/s", "prefill_gflops", "prefill_peak_gflops"),
          new Phase("decode", "decode", "GB/s", "decode_gb_s", "read_gb_s"));

  /** A chart for all models; a sentence if there are none. */
  static String draw(List<JsonNode> models) {
    if (models.isEmpty()) {
      return "<p class='none'>Not measured.</p>\n";
    }
    double height = TOP + models.size() * (2 * ROW + 12) + 4;
    StringBuilder svg = new StringBuilder();
    svg.append(
        "<svg viewBox='0 0 %.0f %.0f' role='img' aria-label='%s'>\n"
            .formatted(WIDTH, height, "Prefill and decoding against the limits of the machine"));
    for (int quarter = 0; quarter <= 4; quarter++) {
      double x = LEFT + (RIGHT - LEFT) * quarter / 4;
      svg.append(
          "<line class='%s' x1='%.1f' y1='%.1f' x2='%.1f' y2='%.1f'/>\n"
              .formatted(quarter == 4 ? "roof" : "grid", x, TOP - 4, x, height));
      svg.append(
          "<text class='tick-x' x='%.1f' y='%.1f'>%s</text>\n"
              .formatted(x, TOP - 9, quarter == 4 ? "limit" : percent(quarter / 4.0)));
    }
    double y = TOP;
    for (JsonNode model : models) {
      svg.append(
          "<text class='name end' x='%.1f' y='%.1f'>%s</text>\n"
              .formatted(LEFT - 66, y + ROW + 4, escape(name(model))));
      for (Phase phase : PHASES) {
        svg.append(bar(model, phase, y + (ROW - BAR) / 2));
        y += ROW;
      }
      y += 12;
    }
    return svg.append("</svg>\n").toString();
  }

  private static String bar(JsonNode model, Phase phase, double y) {
    double reached = Measurement.number(model.path(phase.reached));
    double limit = Measurement.number(model.path(phase.limit));
    double share = reached / limit;
    double speed = Measurement.number(model.path(phase.name + "_tok_s"));
    double width = Double.isFinite(share) ? Math.min(share, 1) * (RIGHT - LEFT) : 0;
    String text =
        "%s tok/s, %s of %s %s".formatted(three(speed), three(reached), three(limit), phase.unit);
    return """
    <g class='bar %s'><title>%s</title>
    <text class='tick-y' x='%.1f' y='%.1f'>%s</text>
    <rect class='track' x='%.1f' y='%.1f' width='%.1f' height='%.1f' rx='3'/>
    <rect class='fill' x='%.1f' y='%.1f' width='%.1f' height='%.1f' rx='3'/>
    <text class='name' x='%.1f' y='%.1f'>%s</text></g>
    """
        .formatted(
            phase.name,
            escape(
                "%s, %s: %s, which are %s"
                    .formatted(name(model), phase.label, text, percent(share))),
            LEFT - 8,
            y + BAR - 4,
            phase.label,
            LEFT,
            y,
            RIGHT - LEFT,
            BAR,
            LEFT,
            y,
            width,
            BAR,
            RIGHT + 10,
            y + BAR - 4,
            escape(percent(share) + ": " + text));
  }

  /** The folder's own name, as nobody needs to know where it lies. */
  static String name(JsonNode model) {
    String path = model.path("model").asText("?").replaceFirst("/+$", "");
    return path.substring(path.lastIndexOf('/') + 1);
  }
}
