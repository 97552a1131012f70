package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.verify.Arithmetic;
import org.graniteffm.runtime.verify.Comparison;
import org.graniteffm.runtime.verify.GoldenCase;
import org.graniteffm.runtime.verify.RunReport;
import org.graniteffm.runtime.verify.RunReport.Status;
import org.graniteffm.runtime.verify.Verifier;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/**
 * {@code granite verify}: runs reference cases. A line for each run, a line for each tensor that
 * misses, and the counts at the end; succeeds only if every run does.
 */
@Command(
    name = "verify",
    header = "Compares with what transformers computed.",
    customSynopsis = "granite verify CASE_DIR... [OPTION...]",
    description = {
      "Runs reference cases and compares with what transformers computed.",
      "A case is a folder with a checkpoint, case.json and expected.safetensors.",
      "",
      "Prints a line for each run, with the output that is nearest to its tolerance or farthest"
          + " beyond it, and a line for each output that misses; at the end the counts. With --json"
          + " each run is one line {\"case\": …, \"run\": …, \"status\": \"ok\", \"miss\","
          + " \"unsupported\" or \"failed\", \"reason\": …, \"outputs\": [{\"name\": …, \"error\":"
          + " …, \"fraction\": of the tolerance, \"ok\": …}]}, and the counts go to standard error.",
      ""
    },
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  granite verify path/to/cases",
      "  granite verify path/to/cases/dense_bf16 --precision f32 --save computed"
    })
final class VerifyCommand implements Callable<Integer> {
  @Parameters(
      arity = "1..*",
      paramLabel = "CASE_DIR",
      description = "Folders of cases, or folders that hold such folders.")
  private List<Path> directories;

  @Option(
      names = "--save",
      paramLabel = "DIR",
      description = "Write everything computed to DIR/CASE/computed.safetensors.")
  private Path save;

  @Option(names = "--json", description = "Print one JSON object a run.")
  private boolean json;

  @Mixin private ComputeOptions compute;

  @Spec private CommandSpec spec;

  private final Map<Status, Integer> counts = new EnumMap<>(Status.class);
  private final Set<Arithmetic> used = EnumSet.noneOf(Arithmetic.class);

  @Override
  public Integer call() throws IOException {
    compute.apply();
    Verifier verifier = new Verifier(this::load);
    List<Path> cases = new ArrayList<>();
    for (Path directory : directories) {
      cases.addAll(GoldenCase.find(directory));
    }
    checkSavedApart(cases);
    for (Path directory : cases) {
      verify(verifier, directory);
    }
    int runs = counts.values().stream().mapToInt(Integer::intValue).sum();
    int ok = count(Status.OK);
    (json ? spec.commandLine().getErr() : out())
        .printf(
            "%d cases, %d runs: %d ok, %d missed, %d unsupported, %d failed (%s%s)%n",
            cases.size(),
            runs,
            ok,
            count(Status.MISS),
            count(Status.UNSUPPORTED),
            count(Status.FAILED),
            NativeLibraries.activeIsa(),
            tolerances());
    out().flush();
    return ok == runs ? Main.DONE : Main.FAILED;
  }

  private GraniteForCausalLM load(Path folder) throws IOException {
    GraniteForCausalLM model = compute.load(folder);
    used.add(Arithmetic.of(model));
    return model;
  }

  /** What models were held to, if any was run. */
  private String tolerances() {
    return used.isEmpty()
        ? ""
        : used.stream()
            .map(arithmetic -> arithmetic == Arithmetic.FLOAT32 ? "float32" : "bfloat16")
            .collect(Collectors.joining(" and ", ", ", " tolerances"));
  }

  private void verify(Verifier verifier, Path directory) {
    String name = name(directory);
    try {
      GoldenCase goldenCase = GoldenCase.read(directory);
      Path saveTo = save == null ? null : save.resolve(name).resolve("computed.safetensors");
      verifier.verify(goldenCase, saveTo, this::print);
    } catch (IOException e) {
      // The case as such is of no use; the others may be.
      print(new RunReport(name, "", Status.FAILED, List.of(), Errors.describe(e)));
    }
  }

  private void print(RunReport report) {
    counts.merge(report.status(), 1, Integer::sum);
    if (json) {
      out().println(Json.exactLine(facts(report)));
    } else {
      out().println(report.line());
      report.misses().forEach(out()::println);
    }
    out().flush();
  }

  private static Map<String, Object> facts(RunReport report) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("case", report.caseName());
    facts.put("run", report.run());
    facts.put("status", report.status().name().toLowerCase(Locale.ROOT));
    facts.put("reason", report.reason().isEmpty() ? null : report.reason());
    List<Object> outputs = new ArrayList<>();
    for (Comparison comparison : report.comparisons()) {
      Map<String, Object> output = new LinkedHashMap<>();
      output.put("name", comparison.role());
      output.put("error", comparison.error());
      output.put("fraction", comparison.fraction());
      output.put("ok", comparison.miss().isEmpty());
      outputs.add(output);
    }
    facts.put("outputs", outputs);
    return facts;
  }

  private int count(Status status) {
    return counts.getOrDefault(status, 0);
  }

  private void checkSavedApart(List<Path> cases) {
    Map<String, Path> byName = new HashMap<>();
    for (Path directory : cases) {
      Path other = byName.put(name(directory), directory);
      if (other != null && save != null) {
        throw new ParameterException(
            spec.commandLine(),
            "--save: %s and %s have one name, and so one file".formatted(other, directory));
      }
    }
  }

  private static String name(Path directory) {
    return String.valueOf(directory.toAbsolutePath().normalize().getFileName());
  }

  private PrintWriter out() {
    return spec.commandLine().getOut();
  }
}
