package org.graniteffm.bench;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;
import org.graniteffm.bench.kernel.KernelBenchmark;
import org.graniteffm.bindings.NativeLibraries;
import org.openjdk.jmh.infra.BenchmarkParams;
import org.openjdk.jmh.results.Result;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.results.format.ResultFormatFactory;
import org.openjdk.jmh.results.format.ResultFormatType;
import org.openjdk.jmh.runner.BenchmarkList;
import org.openjdk.jmh.runner.BenchmarkListEntry;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.RunnerException;
import org.openjdk.jmh.runner.format.OutputFormat;
import org.openjdk.jmh.runner.format.OutputFormatFactory;
import org.openjdk.jmh.runner.options.ChainedOptionsBuilder;
import org.openjdk.jmh.runner.options.Options;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/**
 * Runs all benchmarks of kernels, and writes what the report is made from: {@value #RESULTS}, as
 * JMH writes it, and {@value #FACTS} about this machine. What JMH says on the way goes to {@value
 * #LOG}.
 */
public final class Suite {
  /** Results of kernels, an array. */
  public static final String RESULTS = "kernels.json";

  /** The facts to quote them with, an object. */
  public static final String FACTS = "machine.json";

  private static final String LOG = "jmh.log";
  private static final String RESIDENCY = "residency";

  /** How much to measure. */
  enum Mode {
    /** Minutes: the first value of each parameter, in one fork and short iterations. */
    QUICK,
    /** Hours: all values, as the benchmarks themselves have it. */
    FULL
  }

  private Suite() {}

  /**
   * Runs them.
   *
   * @param args {@code quick} or {@code full}, and the folder to write to
   * @throws IOException if results cannot be written
   * @throws RunnerException if a benchmark fails
   */
  public static void main(String[] args) throws IOException, RunnerException {
    Mode mode = Mode.valueOf(args[0].toUpperCase(Locale.ROOT));
    Path folder = Files.createDirectories(Path.of(args[1]));
    Map<String, String> facts = Facts.ofThisMachine();
    facts.put("mode", args[0]);
    facts.put("date", Instant.now().truncatedTo(ChronoUnit.MINUTES).toString());
    new ObjectMapper()
        .enable(SerializationFeature.INDENT_OUTPUT)
        .writeValue(folder.resolve(FACTS).toFile(), facts);
    try (PrintStream log = stream(folder.resolve(LOG))) {
      run(mode, folder.resolve(RESULTS), log);
    }
  }

  private static void run(Mode mode, Path file, PrintStream log)
      throws IOException, RunnerException {
    OutputFormat format = OutputFormatFactory.createFormatInstance(log, VerboseMode.NORMAL);
    Collection<BenchmarkListEntry> benchmarks = benchmarks();
    List<RunResult> results = new ArrayList<>();
    int number = 0;
    for (BenchmarkListEntry benchmark : benchmarks) {
      number++;
      for (RunResult result : new Runner(options(benchmark, mode), format).run()) {
        System.out.printf("%2d/%d %s%n", number, benchmarks.size(), line(result));
        results.add(result);
      }
      try (PrintStream out = stream(file)) { // again and again: a full run takes long
        ResultFormatFactory.getInstance(ResultFormatType.JSON, out).writeOut(results);
      }
    }
  }

  private static PrintStream stream(Path file) throws IOException {
    return new PrintStream(Files.newOutputStream(file), false, StandardCharsets.UTF_8);
  }

  static Collection<BenchmarkListEntry> benchmarks() {
    String kernels = "^" + Pattern.quote(KernelBenchmark.class.getPackageName() + ".");
    return BenchmarkList.defaultList()
        .find(
            OutputFormatFactory.createFormatInstance(System.out, VerboseMode.SILENT),
            List.of(kernels),
            List.of());
  }

  static Options options(BenchmarkListEntry benchmark, Mode mode) {
    ChainedOptionsBuilder options =
        new OptionsBuilder()
            .include("^" + Pattern.quote(benchmark.getUsername()) + "$")
            .param("tier", NativeLibraries.availableIsas().toArray(String[]::new))
            .addProfiler(RateProfiler.class)
            .shouldFailOnError(true);
    if (mode == Mode.QUICK) {
      options
          .forks(1)
          .warmupIterations(5) // of which the compiler needs most
          .warmupTime(TimeValue.milliseconds(250))
          .measurementIterations(5)
          .measurementTime(TimeValue.milliseconds(100));
      benchmark
          .getParams()
          .orElse(Map.of())
          .forEach((name, values) -> {
            if (!name.equals("tier") && !name.equals(RESIDENCY)) {
              options.param(name, values[0]);
            }
          });
    }
    return options.build();
  }

  private static String line(RunResult result) {
    BenchmarkParams params = result.getParams();
    StringBuilder line = new StringBuilder();
    String[] name = params.getBenchmark().split("\\.", -1);
    line.append(name[name.length - 2]).append('.').append(name[name.length - 1]);
    for (String key : params.getParamsKeys()) {
      line.append(' ').append(params.getParam(key));
    }
    Result<?> time = result.getPrimaryResult();
    line.append(String.format(Locale.ROOT, ": %.4g %s", time.getScore(), time.getScoreUnit()));
    for (Result<?> rate : result.getSecondaryResults().values()) {
      line.append(String.format(Locale.ROOT, ", %.4g %s", rate.getScore(), rate.getScoreUnit()));
    }
    return line.toString();
  }
}
