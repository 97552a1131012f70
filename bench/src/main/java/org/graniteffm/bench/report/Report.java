package org.graniteffm.bench.report;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Draws the page. */
public final class Report {
  private static final Pattern PLACE = Pattern.compile("\\{\\{(\\w+)}}");

  private Report() {}

  /**
   * Reads a folder of results, and writes one page that needs no other file.
   *
   * @param args the folder, and the file to write
   * @throws IOException if results cannot be read or the page cannot be written
   */
  public static void main(String[] args) throws IOException {
    Files.writeString(Path.of(args[1]), page(Results.read(Path.of(args[0]))));
  }

  /** The page. */
  static String page(Results results) throws IOException {
    List<Series> series = Series.of(results.kernels());
    Map<String, String> parts =
        Map.of(
            "title", Html.escape("Granite FFM on " + results.facts().getOrDefault("cpu", "a CPU")),
            "facts", Tables.facts(results.facts()),
            "bars", ModelBars.draw(results.models()),
            "models", Tables.models(results.models()),
            "legend", legend(series),
            "memory", Roofline.draw(results, series, "DRAM"),
            "cache", Roofline.draw(results, series, "CACHED"),
            "kernels", Tables.kernels(results, series),
            "limits", Tables.limits(results.kernels()));
    return PLACE
        .matcher(template())
        .replaceAll(place -> Matcher.quoteReplacement(parts.get(place.group(1))));
  }

  private static String legend(List<Series> series) {
    StringBuilder html = new StringBuilder("<ul class='legend'>\n");
    for (Series one : series) {
      html.append(
          "<li><svg class='points %s' viewBox='0 0 16 16'>%s</svg>%s</li>\n"
              .formatted(one.style(), one.symbol().svg(8, 8, 5), Html.escape(one.label())));
    }
    return html.append("</ul>\n").toString();
  }

  private static String template() throws IOException {
    try (InputStream in = Report.class.getResourceAsStream("report.html")) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    }
  }
}
