package org.graniteffm.bench.report;

import static org.graniteffm.bench.report.Html.escape;
import static org.graniteffm.bench.report.Html.percent;
import static org.graniteffm.bench.report.Html.three;
import static org.graniteffm.bench.report.Html.time;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;

/** The figures behind the charts. */
final class Tables {
  private static final Set<String> LIMITS =
      Set.of("Bandwidth", "Copy", "Downcall", "Peak", "PeakBf16");
  private static final int OPEN_ROWS = 12;

  private Tables() {}

  /** What results are to be quoted with. */
  static String facts(Map<String, String> facts) {
    StringBuilder html = new StringBuilder("<dl>\n");
    facts.forEach((name, value) ->
        html.append("<div><dt>%s</dt><dd>%s</dd></div>\n".formatted(escape(name), escape(value))));
    return html.append("</dl>\n").toString();
  }

  /** All that {@code granite bench} found of each model. */
  static String models(List<JsonNode> models) {
    if (models.isEmpty()) {
      return "";
    }
    StringBuilder html =
        new StringBuilder(
            head(
                List.of(
                    "model",
                    "weights",
                    "threads",
                    "tier",
                    "prompt",
                    "new",
                    "first token",
                    "load",
                    "memory",
                    "KV cache",
                    "spread of prefill",
                    "of decode")));
    for (JsonNode model : models) {
      html.append("<tr>");
      cell(html, ModelBars.name(model));
      cell(html, size(number(model, "weight_bytes")));
      cell(html, three(number(model, "threads")));
      cell(html, model.path("isa").asText(Html.NONE));
      cell(html, three(number(model, "prompt_tokens")));
      cell(html, three(number(model, "new_tokens")));
      cell(html, time(number(model, "ttft_ms") / 1e3));
      cell(html, time(number(model, "load_ms") / 1e3));
      cell(html, size(number(model, "rss_anon_mb") * 1e6));
      cell(html, size(number(model, "kv_mb") * 1e6));
      cell(html, percent(number(model, "prefill_spread")));
      cell(html, percent(number(model, "decode_spread")));
      html.append("</tr>\n");
    }
    return html.append("</tbody></table></div>\n").toString();
  }

  private static double number(JsonNode model, String name) {
    return Measurement.number(model.path(name));
  }

  private static String size(double bytes) {
    return bytes < 1e9 ? three(bytes / 1e6) + " MB" : three(bytes / 1e9) + " GB";
  }

  /** Speed of reading, copying and arithmetic, and what a call costs. */
  static String limits(List<Measurement> kernels) {
    StringBuilder html = new StringBuilder(head(List.of("limit", "of", "time", "rate", "spread")));
    kernels.stream()
        .filter(m -> LIMITS.contains(m.kernel()))
        .sorted(Comparator.comparing(Measurement::kernel))
        .forEach(m -> {
          html.append("<tr>");
          cell(html, m.kernel());
          cell(html, (m.implementation() + " " + m.residency()).strip());
          cell(html, time(m.seconds()));
          cell(html, rate(m));
          cell(html, percent(m.spread()));
          html.append("</tr>\n");
        });
    return html.append("</tbody></table></div>\n").toString();
  }

  private static String rate(Measurement m) {
    if (Double.isFinite(m.gigabytes())) {
      return three(m.gigabytes()) + " GB/s";
    }
    return Double.isFinite(m.gigaflops()) ? three(m.gigaflops()) + " GFLOP/s" : Html.NONE;
  }

  /** A table for each kernel, with a column for each implementation. */
  static String kernels(Results results, List<Series> series) {
    Map<String, Map<String, List<Measurement>>> kernels = new TreeMap<>();
    for (Measurement m : results.kernels()) {
      if (!LIMITS.contains(m.kernel())) {
        String row = m.configuration() + " " + m.residency();
        kernels
            .computeIfAbsent(m.kernel(), _ -> new LinkedHashMap<>())
            .computeIfAbsent(row, _ -> new ArrayList<>())
            .add(m);
      }
    }
    StringBuilder html = new StringBuilder();
    kernels.forEach((kernel, rows) -> {
      List<Series> columns =
          series.stream()
              .filter(s -> rows.values().stream().anyMatch(row -> find(row, s).isPresent()))
              .toList();
      List<String> heads = new ArrayList<>(List.of("sizes"));
      columns.forEach(column -> heads.add(column.label()));
      heads.add("best of roof");
      html.append(
          "<details%s><summary>%s</summary>\n"
              .formatted(rows.size() <= OPEN_ROWS ? " open" : "", escape(kernel)));
      html.append(head(heads));
      rows.forEach((name, row) -> row(html, results, name, row, columns));
      html.append("</tbody></table></div></details>\n");
    });
    return html.toString();
  }

  private static Optional<Measurement> find(List<Measurement> row, Series series) {
    return row.stream().filter(m -> m.implementation().equals(series.implementation())).findFirst();
  }

  private static void row(
      StringBuilder html,
      Results results,
      String name,
      List<Measurement> row,
      List<Series> columns) {
    Measurement best =
        row.stream().min(Comparator.comparingDouble(Measurement::seconds)).orElseThrow();
    double share = best.gigaflops() / results.roof(best);
    boolean byArithmetic =
        best.gigaflops() / results.peak() > best.gigabytes() / results.bandwidth(best.residency());
    html.append("<tr>");
    cell(html, name);
    for (Series column : columns) {
      Optional<Measurement> found = find(row, column);
      if (found.isEmpty()) {
        cell(html, Html.NONE);
        continue;
      }
      Measurement m = found.get();
      String rate =
          byArithmetic ? three(m.gigaflops()) + " GFLOP/s" : three(m.gigabytes()) + " GB/s";
      html.append(
          "<td%s title='spread %s'>%s<small>%s</small></td>"
              .formatted(
                  m.equals(best) ? " class='best'" : "",
                  percent(m.spread()),
                  time(m.seconds()),
                  escape(rate)));
    }
    cell(html, percent(share));
    html.append("</tr>\n");
  }

  private static String head(List<String> names) {
    StringBuilder html = new StringBuilder("<div class='wide'><table><thead><tr>");
    for (String name : names) {
      html.append("<th scope='col'>").append(escape(name)).append("</th>");
    }
    return html.append("</tr></thead><tbody>\n").toString();
  }

  private static void cell(StringBuilder html, String text) {
    html.append("<td>").append(escape(text)).append("</td>");
  }
}
