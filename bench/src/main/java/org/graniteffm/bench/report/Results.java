package org.graniteffm.bench.report;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.graniteffm.bench.Suite;

/**
 * All that was measured in one run.
 *
 * @param facts to quote with the results, by their names
 * @param kernels what JMH measured
 * @param models what {@code granite bench --json} wrote for each model
 */
record Results(Map<String, String> facts, List<Measurement> kernels, List<JsonNode> models) {
  private static final String BF16 = " bf16";
  private static final ObjectMapper JSON = new ObjectMapper();

  /**
   * Reads a folder. A file that is not there is as good as an empty one.
   *
   * @throws IOException if a file is there and cannot be read, or is no JSON
   */
  static Results read(Path folder) throws IOException {
    Map<String, String> facts = new LinkedHashMap<>();
    json(folder.resolve(Suite.FACTS))
        .properties()
        .forEach(fact -> facts.put(fact.getKey(), fact.getValue().asText()));
    List<Measurement> kernels =
        StreamSupport.stream(json(folder.resolve(Suite.RESULTS)).spliterator(), false)
            .map(Measurement::of)
            .toList();
    List<JsonNode> models = new ArrayList<>();
    try (Stream<Path> files = Files.list(folder)) {
      for (Path file : files.sorted().toList()) {
        if (file.getFileName().toString().matches("model-.*\\.json")) {
          models.add(json(file));
        }
      }
    }
    return new Results(facts, kernels, models);
  }

  private static JsonNode json(Path file) throws IOException {
    return Files.exists(file) ? JSON.readTree(file.toFile()) : JSON.missingNode();
  }

  /** How fast one thread reads, with the best tier; NaN if that was not measured. */
  double bandwidth(String residency) {
    return kernels.stream()
        .filter(m -> m.kernel().equals("Bandwidth") && m.residency().equals(residency))
        .mapToDouble(Measurement::gigabytes)
        .filter(Double::isFinite)
        .max()
        .orElse(Double.NaN);
  }

  /** The peak of each tier on one thread, lowest tier first, and of its matrix unit if any. */
  Map<String, Double> peaks() {
    Map<String, Double> peaks = new LinkedHashMap<>();
    kernels.stream()
        .filter(m -> m.kernel().equals("Peak") && m.gigaflops() > 0)
        .forEach(m -> peaks.put(m.implementation(), m.gigaflops()));
    kernels.stream()
        .filter(m -> m.kernel().equals("PeakBf16") && m.gigaflops() > 0) // 0: has no such unit
        .forEach(m -> peaks.put(m.implementation() + BF16, m.gigaflops()));
    return peaks;
  }

  /** The highest peak, which is that of the machine. */
  double peak() {
    return peaks().values().stream().mapToDouble(p -> p).max().orElse(Double.NaN);
  }

  /** What a kernel can reach at most: the lower of both roofs. Only bf16 kernels use that unit. */
  double roof(Measurement m) {
    double peak =
        peaks().entrySet().stream()
            .filter(p -> m.kernel().endsWith("Bf16") || !p.getKey().endsWith(BF16))
            .mapToDouble(Map.Entry::getValue)
            .max()
            .orElse(Double.NaN);
    return Math.min(peak, m.intensity() * bandwidth(m.residency()));
  }
}
