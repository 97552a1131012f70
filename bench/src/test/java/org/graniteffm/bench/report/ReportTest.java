package org.graniteffm.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.StringReader;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.xml.parsers.DocumentBuilderFactory;
import org.graniteffm.bench.RateProfiler;
import org.graniteffm.bench.Suite;
import org.graniteffm.bench.kernel.BandwidthBenchmark;
import org.graniteffm.bench.kernel.PeakBenchmark;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;
import org.w3c.dom.Document;
import org.xml.sax.InputSource;

class ReportTest {
  private static final ObjectMapper JSON = new ObjectMapper();

  /** As JMH writes it, as far as the report reads it. */
  private static JsonNode jmh(
      String name, Map<String, String> params, String micros, String gigabytes, String gigaflops)
      throws IOException {
    return JSON.readTree(
        """
        {"benchmark": "org.graniteffm.bench.kernel.%s", "params": %s,
         "primaryMetric": {"score": 9, "scoreError": "NaN", "scoreUnit": "us/op", "rawData": %s},
         "secondaryMetrics": {
           "GB/s": {"score": 9, "scoreUnit": "GB/s", "rawData": %s},
           "GFLOP/s": {"score": 9, "scoreUnit": "GFLOP/s", "rawData": %s}}}
        """
            .formatted(name, JSON.writeValueAsString(params), micros, gigabytes, gigaflops));
  }

  private static JsonNode roofs(String benchmark, String tier, String gigabytes, String gigaflops)
      throws IOException {
    return jmh(benchmark, Map.of("tier", tier, "residency", "DRAM"), "[[1]]", gigabytes, gigaflops);
  }

  private static JsonNode model(String name) {
    return JSON.createObjectNode()
        .put("model", name)
        .put("prefill_tok_s", 22.7)
        .put("prefill_gflops", 115.0)
        .put("prefill_peak_gflops", 183.0)
        .put("decode_tok_s", 5.29)
        .put("decode_gb_s", 41.0)
        .put("read_gb_s", 31.8);
  }

  /** Reads results that are in a folder. */
  private static Results results(
      Path folder, Map<String, String> facts, List<JsonNode> kernels, List<JsonNode> models)
      throws IOException {
    JSON.writeValue(folder.resolve(Suite.FACTS).toFile(), facts);
    JSON.writeValue(folder.resolve(Suite.RESULTS).toFile(), kernels);
    for (int i = 0; i < models.size(); i++) {
      JSON.writeValue(folder.resolve("model-0" + i + ".json").toFile(), models.get(i));
    }
    return Results.read(folder);
  }

  private static Results example(Path folder) throws IOException {
    Map<String, String> avx2 = Map.of("tier", "avx2", "residency", "DRAM", "shape", "2b:4x8");
    return results(
        folder,
        Map.of("cpu", "Some CPU", "commit", "0123abcd"),
        List.of(
            roofs("BandwidthBenchmark.read", "scalar", "[[5, 7, 6]]", "[]"),
            roofs("BandwidthBenchmark.read", "avx2", "[[9, 11, 10]]", "[]"),
            roofs("PeakBenchmark.fma", "scalar", "[]", "[[5]]"),
            roofs("PeakBenchmark.fma", "avx2", "[]", "[[80]]"),
            jmh("GemvBenchmark.kernel", avx2, "[[4, 2, 300]]", "[[8]]", "[[8]]"),
            jmh(
                "GemvBenchmark.plainJava",
                Map.of("residency", "DRAM", "shape", "2b:4x8"),
                "[[40]]",
                "[[1]]",
                "[[1]]"),
            jmh("WidenBenchmark.kernel", avx2, "[[4]]", "[[6]]", "[[\"NaN\"]]")),
        List.of(model("/models/granite-2b/")));
  }

  @Test
  void mediansOfAllForksCount() throws IOException {
    Measurement m =
        Measurement.of(
            jmh(
                "GemvBenchmark.kernel",
                Map.of("tier", "avx2", "residency", "DRAM", "shape", "2b:4x8"),
                "[[10, 900], [20, 30, \"NaN\"]]",
                "[[2, 3], [1]]",
                "[]"));
    assertEquals("Gemv", m.kernel());
    assertEquals("avx2", m.implementation());
    assertEquals("DRAM", m.residency());
    assertEquals("2b:4x8", m.configuration());
    assertEquals(25e-6, m.seconds(), 1e-12);
    assertEquals(890 / 25.0, m.spread(), 1e-9);
    assertEquals(2, m.gigabytes());
    assertEquals(Double.NaN, m.gigaflops());
  }

  @Test
  void whatIsMissingIsNoNumber() throws IOException {
    Measurement m = Measurement.of(JSON.readTree("{\"benchmark\": \"x\"}"));
    assertEquals(Double.NaN, m.seconds());
    assertEquals(Double.NaN, m.spread());
    assertEquals(Double.NaN, m.gigabytes());
    assertEquals("x", m.implementation());
  }

  @Test
  void aRoofIsTheLowerOfTwo(@TempDir Path folder) throws IOException {
    Results results = example(folder);
    assertEquals(10, results.bandwidth("DRAM"));
    assertEquals(Double.NaN, results.bandwidth("CACHED"));
    assertEquals(Map.of("scalar", 5.0, "avx2", 80.0), results.peaks());
    Measurement few = measurement("[[1]]", "[[2]]");
    Measurement many = measurement("[[1]]", "[[200]]");
    assertEquals(20, results.roof(few)); // 2 operations a byte
    assertEquals(80, results.roof(many));
  }

  @Test
  void onlyBf16KernelsHaveTheRoofOfTheMatrixUnit(@TempDir Path folder) throws IOException {
    Results results =
        results(
            folder,
            Map.of(),
            List.of(
                roofs("BandwidthBenchmark.read", "amx", "[[10]]", "[]"),
                roofs("PeakBenchmark.fma", "amx", "[]", "[[80]]"),
                roofs("PeakBf16Benchmark.multiply", "avx2", "[]", "[[0]]"),
                roofs("PeakBf16Benchmark.multiply", "amx", "[]", "[[900]]")),
            List.of());
    assertEquals(Map.of("amx", 80.0, "amx bf16", 900.0), results.peaks());
    Map<String, String> dram = Map.of("residency", "DRAM");
    JsonNode packed = jmh("GemmBf16Benchmark.kernel", dram, "[[1]]", "[[1]]", "[[200]]");
    JsonNode f32 = jmh("GemmBenchmark.kernel", dram, "[[1]]", "[[1]]", "[[200]]");
    assertEquals(900, results.roof(Measurement.of(packed)));
    assertEquals(80, results.roof(Measurement.of(f32)));
  }

  private static Measurement measurement(String gigabytes, String gigaflops) throws IOException {
    return Measurement.of(
        jmh("XBenchmark.kernel", Map.of("residency", "DRAM"), "[[1]]", gigabytes, gigaflops));
  }

  @Test
  void thePageShowsPointsBarsAndFigures(@TempDir Path folder) throws Exception {
    String page = Report.page(example(folder));
    assertTrue(page.contains("<title>Granite FFM on Some CPU</title>"), page);
    assertTrue(page.contains("0123abcd"), page);
    assertFalse(page.contains("{{"), page);
    assertFalse(page.contains("NaN"), page);
    assertEquals(2, charts(page), "bars, and one roofline: the other was not measured");
    assertEquals(2, count(page, "<g><title>Gemv, "), "one point for each implementation");
    assertEquals(0, count(page, "<g><title>Widen, "), "no point without a rate");
    assertTrue(page.contains("80 % of the roof"), page);
    assertTrue(page.contains(">4 µs<small>8 GB/s</small>"), page);
    assertTrue(page.contains("129 %: 5.29 tok/s, 41 of 31.8 GB/s"), page);
    assertTrue(page.contains("63 %: 22.7 tok/s, 115 of 183 GFLOP/s"), page);
    assertFalse(page.contains("/models/"), "folders of the machine");
  }

  /** Parses each chart, which must be well-formed for every browser, and counts them. */
  private static int charts(String page) throws Exception {
    Matcher svg = Pattern.compile("<svg viewBox.*?</svg>", Pattern.DOTALL).matcher(page);
    int charts = 0;
    while (svg.find()) {
      Document document =
          DocumentBuilderFactory.newInstance()
              .newDocumentBuilder()
              .parse(new InputSource(new StringReader(svg.group())));
      assertTrue(document.getElementsByTagName("text").getLength() > 0);
      charts++;
    }
    return charts;
  }

  private static int count(String text, String part) {
    return text.split(Pattern.quote(part), -1).length - 1;
  }

  @Test
  void namesCannotBecomeMarkup(@TempDir Path folder) throws IOException {
    String bad = "<script>alert('$1')</script>\"{{title}}";
    Results results =
        results(
            folder,
            Map.of("cpu", bad, bad, bad),
            List.of(
                roofs("BandwidthBenchmark.read", bad, "[[10]]", "[]"),
                roofs("PeakBenchmark.fma", bad, "[]", "[[80]]"),
                jmh(
                    "<b>Benchmark.kernel",
                    Map.of("tier", bad, "residency", "DRAM", "shape", bad),
                    "[[1]]",
                    "[[1]]",
                    "[[1]]")),
            List.of(model(bad)));
    String page = Report.page(results);
    assertFalse(page.contains("<script"), page);
    assertFalse(page.contains("<b>"), page);
    assertTrue(page.contains("&lt;b&gt;"), page);
  }

  @Test
  void nothingMeasuredIsSaid(@TempDir Path folder) throws IOException {
    String page = Report.page(Results.read(folder));
    assertEquals(3, count(page, "Not measured."), page);
    assertFalse(page.contains("NaN"), page);
  }

  @Test
  void aModelWithoutFiguresHasEmptyBars(@TempDir Path folder) throws IOException {
    JsonNode empty = JSON.createObjectNode().put("model", "m");
    String page = Report.page(results(folder, Map.of(), List.of(), List.of(empty)));
    assertTrue(page.contains("–: – tok/s, – of – GB/s"), page);
    assertFalse(page.contains("NaN"), page);
  }

  @Test
  void whatJmhWritesIsUnderstood(@TempDir Path folder) throws IOException, RunnerException {
    new Runner(
            new OptionsBuilder()
                .include(BandwidthBenchmark.class.getName())
                .include(PeakBenchmark.class.getName())
                .param("tier", "scalar")
                .param("residency", "CACHED")
                .forks(0)
                .warmupIterations(0)
                .measurementIterations(2)
                .measurementTime(TimeValue.milliseconds(20))
                .addProfiler(RateProfiler.class)
                .resultFormat(ResultFormatType.JSON)
                .result(folder.resolve(Suite.RESULTS).toString())
                .verbosity(VerboseMode.SILENT)
                .build())
        .run();
    Results results = Results.read(folder);
    assertEquals(2, results.kernels().size());
    assertTrue(results.bandwidth("CACHED") > 0, results.toString());
    assertTrue(results.peaks().get("scalar") > 0, results.toString());
    for (Measurement m : results.kernels()) {
      assertTrue(m.seconds() > 0 && m.seconds() < 10, m.toString());
    }
    assertTrue(Files.size(folder.resolve(Suite.RESULTS)) > 0);
  }
}
