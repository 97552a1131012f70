package org.graniteffm.bench.report;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;

/**
 * One result of JMH, as medians over its iterations: a neighbour on the machine that disturbs some
 * of them then changes little. Numbers that are missing are NaN.
 *
 * @param kernel the benchmark's class without its ending, such as {@code Gemv}
 * @param method of it
 * @param params values of its parameters by their names
 * @param seconds of an operation
 * @param spread largest minus smallest, as a share of the median
 * @param gigabytes moved in a second, in 10^9
 * @param gigaflops operations in a second, in 10^9
 */
record Measurement(
    String kernel,
    String method,
    Map<String, String> params,
    double seconds,
    double spread,
    double gigabytes,
    double gigaflops) {
  private static final String TIER = "tier";
  private static final String RESIDENCY = "residency";

  static Measurement of(JsonNode result) {
    String[] name = result.path("benchmark").asText().split("\\.", -1);
    String kernel = name.length < 2 ? "" : name[name.length - 2].replaceFirst("Benchmark$", "");
    Map<String, String> params = new LinkedHashMap<>();
    result.path("params").properties().forEach(p -> params.put(p.getKey(), p.getValue().asText()));
    JsonNode time = result.path("primaryMetric");
    JsonNode rates = result.path("secondaryMetrics");
    double[] times = sorted(time);
    double median = median(times);
    return new Measurement(
        kernel,
        name[name.length - 1],
        params,
        median * unit(time.path("scoreUnit").asText()),
        times.length == 0 ? Double.NaN : (times[times.length - 1] - times[0]) / median,
        median(sorted(rates.path("GB/s"))),
        median(sorted(rates.path("GFLOP/s"))));
  }

  /** Of all forks and iterations. */
  private static double[] sorted(JsonNode metric) {
    return StreamSupport.stream(metric.path("rawData").spliterator(), false)
        .flatMap(fork -> StreamSupport.stream(fork.spliterator(), false))
        .filter(JsonNode::isNumber) // NaN is text
        .mapToDouble(JsonNode::asDouble)
        .sorted()
        .toArray();
  }

  private static double median(double[] sorted) {
    int middle = sorted.length / 2;
    return sorted.length == 0
        ? Double.NaN
        : sorted.length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  }

  /** NaN if it is none. */
  static double number(JsonNode node) {
    return node.isNumber() ? node.asDouble() : Double.NaN;
  }

  private static double unit(String unit) {
    return switch (unit) {
      case "ns/op" -> 1e-9;
      case "us/op" -> 1e-6;
      case "ms/op" -> 1e-3;
      case "s/op" -> 1;
      default -> Double.NaN;
    };
  }

  /** The tier, or the method where there is none. */
  String implementation() {
    return params.getOrDefault(TIER, method);
  }

  /** Whether an instruction set tier did it. */
  boolean hasTier() {
    return params.containsKey(TIER);
  }

  /** {@code DRAM} or {@code CACHED}, or nothing. */
  String residency() {
    return params.getOrDefault(RESIDENCY, "");
  }

  /** The other parameters. */
  String configuration() {
    return params.entrySet().stream()
        .filter(p -> !p.getKey().equals(TIER) && !p.getKey().equals(RESIDENCY))
        .map(Map.Entry::getValue)
        .collect(Collectors.joining(" "));
  }

  /** Operations for each byte moved. */
  double intensity() {
    return gigaflops / gigabytes;
  }
}
