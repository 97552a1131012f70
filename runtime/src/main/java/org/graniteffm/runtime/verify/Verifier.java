package org.graniteffm.runtime.verify;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.function.Function;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.generate.Generation;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.GenerationHooks;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.generate.LogitsProcessors;
import org.graniteffm.runtime.generate.NonFiniteLogitsException;
import org.graniteffm.runtime.generate.UnsupportedOptionException;
import org.graniteffm.runtime.json.JsonFields;
import org.graniteffm.runtime.model.ForwardInput;
import org.graniteffm.runtime.model.ForwardOutput;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.KvCache;
import org.graniteffm.runtime.model.Precision;
import org.graniteffm.runtime.safetensors.SafetensorsWriter;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.graniteffm.runtime.verify.RunReport.Status;

/** Runs reference cases and compares what comes out. */
public final class Verifier {
  private final Loader loader;
  private final Function<GraniteForCausalLM, Arithmetic> arithmetic;

  /** How a case's model is opened, and what it is told. */
  @FunctionalInterface
  public interface Loader {
    /**
     * Opens a model.
     *
     * @param folder of the checkpoint
     * @return the model, which the verifier closes
     * @throws IOException if it cannot be opened
     */
    GraniteForCausalLM load(Path folder) throws IOException;
  }

  /**
   * Makes a verifier, which holds each model to the tolerances of what it computes in.
   *
   * @param loader opens the model of a case, with the precision and the threads to run it with
   */
  public Verifier(Loader loader) {
    this(loader, Arithmetic::of);
  }

  /** With tolerances of one's own choice. */
  Verifier(Loader loader, Function<GraniteForCausalLM, Arithmetic> arithmetic) {
    this.loader = loader;
    this.arithmetic = arithmetic;
  }

  /**
   * Runs a case.
   *
   * @param goldenCase the case
   * @param saveTo file for all that was computed, named as in {@code expected.safetensors}; or null
   * @param listener told of each run when it is done
   * @return a report for each run, in order
   * @throws ModelFormatException if the checkpoint or the expected results are malformed
   * @throws IOException if a file cannot be read or written
   */
  public List<RunReport> verify(GoldenCase goldenCase, Path saveTo, Consumer<RunReport> listener)
      throws IOException {
    // Shared, for the workers read embeddings from it.
    try (Arena arena = Arena.ofShared();
        CaseRun caseRun = new CaseRun(goldenCase, arena)) {
      List<RunReport> reports = new ArrayList<>();
      for (GoldenCase.Run run : goldenCase.runs()) {
        RunReport report = caseRun.report(run);
        reports.add(report);
        listener.accept(report);
      }
      if (saveTo != null) {
        Files.createDirectories(saveTo.toAbsolutePath().getParent());
        SafetensorsWriter.write(saveTo, caseRun.computed, Map.of());
      }
      return List.copyOf(reports);
    }
  }

  /** One case while it is worked through. */
  private final class CaseRun implements AutoCloseable {
    private final GoldenCase goldenCase;
    private final Arena arena;
    private final TensorSource expected;
    private final Map<String, Tensor> computed = new LinkedHashMap<>();
    private final Map<String, KvCache> caches = new LinkedHashMap<>();
    private final Map<String, Rows> rows = new LinkedHashMap<>();
    private GraniteForCausalLM model;

    CaseRun(GoldenCase goldenCase, Arena arena) throws IOException {
      this.goldenCase = goldenCase;
      this.arena = arena;
      expected = TensorSource.open(goldenCase.directory().resolve("expected.safetensors"), arena);
    }

    RunReport report(GoldenCase.Run run) throws IOException {
      try {
        Map<String, Tensor> results =
            switch (run.kind()) {
              case "forward" -> forward(run);
              case "generate" -> generate(run, model());
              case "process_scores" -> processScores(run);
              default -> throw new UnsupportedRunException("kind " + Names.quote(run.kind()));
            };
        results.forEach((role, tensor) -> computed.put(run.outputs().get(role), tensor));
        RunReport report = compare(run, results, arithmetic());
        return report.status() == Status.MISS
                && run.kind().equals("generate")
                && arithmetic() == Arithmetic.BFLOAT16
            ? withoutRounding(run, report)
            : report;
      } catch (UnsupportedRunException | UnsupportedOptionException | UnsupportedModelException e) {
        return noResult(run, Status.UNSUPPORTED, e);
      } catch (IllegalArgumentException
          | NonFiniteLogitsException
          | InsufficientMemoryException e) {
        return noResult(run, Status.FAILED, e);
      }
    }

    /**
     * Tokens are decisions, and rounding may turn one that was close: if the same code decides as
     * transformers does in single precision, rounding is all there was to it.
     */
    private RunReport withoutRounding(GoldenCase.Run run, RunReport rounded) throws IOException {
      GraniteForCausalLM exact =
          model().withPrecision(Precision.F32).withCacheDtype(DType.F32); // shares the weights
      RunReport report = compare(run, generate(run, exact), Arithmetic.FLOAT32);
      return report.status() == Status.OK ? report.heldTo("in float32") : rounded;
    }

    private RunReport noResult(GoldenCase.Run run, Status status, Exception e) {
      return new RunReport(goldenCase.name(), run.name(), status, List.of(), e.getMessage());
    }

    private GraniteForCausalLM model() throws IOException {
      if (model == null) {
        model = loader.load(goldenCase.directory());
      }
      return model;
    }

    private Map<String, Tensor> forward(GoldenCase.Run run) throws IOException {
      GraniteForCausalLM m = model();
      ForwardInput.Builder input = input(run);
      boolean cached = options(run.arguments(), input);
      for (String role : run.outputs().keySet()) {
        if (!ForwardOutputs.request(input, role)) {
          throw new UnsupportedRunException("output " + Names.quote(role));
        }
      }
      KvCache copy = cacheToContinue(run);
      input.pastKeyValues(copy);
      // The output does not close a cache it was given.
      try (ForwardOutput output = m.forward(input.build())) {
        Map<String, Tensor> results = new LinkedHashMap<>();
        for (String role : run.outputs().keySet()) {
          Tensor result =
              ForwardOutputs.find(output, role, m.config().numHiddenLayers(), arena)
                  .orElseThrow(() -> new UnsupportedRunException("output " + Names.quote(role)));
          results.put(role, Tensor.ofFloats(arena, result.toFloatArray(), result.shape()));
        }
        keepRows(run, output.logits());
        if (cached && output.pastKeyValues() != null && isContinued(run.name())) {
          caches.put(run.name(), copy != null ? copy : output.pastKeyValues().copy());
          copy = null;
        }
        return results;
      } finally {
        if (copy != null) {
          copy.close();
        }
      }
    }

    private ForwardInput.Builder input(GoldenCase.Run run) throws IOException {
      Map<String, String> inputs = run.inputs();
      String ids = inputs.get("input_ids");
      String embeds = inputs.get("inputs_embeds");
      if ((ids == null) == (embeds == null)) {
        throw new IllegalArgumentException("inputs: needs either input_ids or inputs_embeds");
      }
      ForwardInput.Builder input =
          ids != null
              ? ForwardInput.ofIds(expected.integers(ids))
              : ForwardInput.ofEmbeds(expected.floats(embeds));
      for (Map.Entry<String, String> entry : inputs.entrySet()) {
        switch (entry.getKey()) {
          case "input_ids", "inputs_embeds" -> {
            // done
          }
          case "attention_mask" -> input.attentionMask(expected.integers(entry.getValue()));
          case "position_ids" -> input.positionIds(expected.integers(entry.getValue()));
          case "labels" -> input.labels(expected.integers(entry.getValue()));
          default -> throw new UnsupportedRunException("input " + Names.quote(entry.getKey()));
        }
      }
      return input;
    }

    /** Sets options; returns whether the run leaves a cache. */
    private static boolean options(JsonFields options, ForwardInput.Builder input)
        throws IOException {
      for (String name : options.names()) {
        switch (name) {
          case "use_cache" -> input.useCache(options.bool(name, false));
          case "logits_to_keep" -> input.logitsToKeep(options.integer(name, 0));
          case "packed" -> {
            // follows from the positions
          }
          default -> throw new UnsupportedRunException("option " + Names.quote(name));
        }
      }
      return options.bool("use_cache", false);
    }

    private KvCache cacheToContinue(GoldenCase.Run run) {
      if (run.continues().isEmpty()) {
        return null;
      }
      KvCache cache = caches.get(run.continues().get());
      if (cache == null) {
        throw new IllegalArgumentException(
            "continues %s, which left no cache".formatted(Names.quote(run.continues().get())));
      }
      return cache.copy();
    }

    private boolean isContinued(String name) {
      return goldenCase.runs().stream()
          .anyMatch(other -> other.continues().equals(Optional.of(name)));
    }

    private void keepRows(GoldenCase.Run run, Tensor logits) throws IOException {
      Rows before = run.continues().map(rows::get).orElse(null);
      Rows these;
      if (run.compareRows().isPresent()) {
        int[][] mask = expected.integers(run.compareRows().get());
        if (mask.length != logits.size(0) || mask[0].length < logits.size(1)) {
          throw new ModelFormatException(
              "%s: tensor %s: does not fit logits %s"
                  .formatted(goldenCase.directory(), Names.quote(run.compareRows().get()), logits));
        }
        these = Rows.of(mask, before);
      } else {
        int batch = (int) logits.size(0);
        these = Rows.all(batch, newTokens(run), before);
      }
      rows.put(run.name(), these);
    }

    private int newTokens(GoldenCase.Run run) throws IOException {
      String name = run.inputs().getOrDefault("input_ids", run.inputs().get("inputs_embeds"));
      return (int) expected.require(name).size(1);
    }

    private Map<String, Tensor> generate(GoldenCase.Run run, GraniteForCausalLM m)
        throws IOException {
      for (String role : run.outputs().keySet()) {
        if (!role.equals("sequences") && !role.equals("sequences_scores")) {
          throw new UnsupportedRunException("output " + Names.quote(role));
        }
      }
      GenerationConfig config =
          GenerationArguments.over(
              GenerationConfig.load(goldenCase.directory(), m.config()), run.arguments());
      int[][] prompts = null;
      int[][] mask = null;
      for (Map.Entry<String, String> entry : run.inputs().entrySet()) {
        switch (entry.getKey()) {
          case "input_ids" -> prompts = expected.integers(entry.getValue());
          case "attention_mask" -> mask = expected.integers(entry.getValue());
          default -> throw new UnsupportedRunException("input " + Names.quote(entry.getKey()));
        }
      }
      if (prompts == null || prompts.length == 0) {
        throw new IllegalArgumentException("inputs: needs input_ids");
      }
      try (Generator generator = new Generator(m)) {
        Generation generation =
            generator.generate(
                prompts, mask, config, GenerationHooks.NONE, (row, id) -> true, () -> false);
        Map<String, Tensor> results = new LinkedHashMap<>();
        for (String role : run.outputs().keySet()) {
          boolean ids = role.equals("sequences");
          results.put(role, ids ? sequences(prompts, generation, config) : scores(generation));
        }
        return results;
      }
    }

    /** Prompts and what came after; finished rows are filled up to the longest one. */
    private Tensor sequences(int[][] prompts, Generation generation, GenerationConfig config) {
      int promptLength = prompts[0].length;
      int longest = 0;
      for (Generation.Sequence sequence : generation.sequences()) {
        longest = Math.max(longest, sequence.ids().size());
      }
      int width = promptLength + longest;
      List<Integer> ends = config.eosTokenIds();
      int end = ends.isEmpty() ? 0 : ends.get(0);
      int padding = config.padTokenId().orElse(end);
      if (config.numBeams() > 1 && padding == 0) {
        padding = end; // the reference's beam search asks "padding or end", and 0 counts as none
      }
      int rows = generation.sequences().size();
      long[] all = new long[rows * width];
      for (int row = 0; row < rows; row++) {
        int[] prompt = prompts[row / config.numReturnSequences()];
        List<Integer> ids = generation.sequences().get(row).ids();
        for (int i = 0; i < width; i++) {
          int behind = i - promptLength;
          all[row * width + i] =
              behind < 0 ? prompt[i] : behind < ids.size() ? ids.get(behind) : padding;
        }
      }
      return Tensor.ofLongs(arena, all, rows, width);
    }

    private Tensor scores(Generation generation) {
      List<Generation.Sequence> sequences = generation.sequences();
      float[] scores = new float[sequences.size()];
      for (int i = 0; i < scores.length; i++) {
        scores[i] =
            (float)
                sequences
                    .get(i)
                    .score()
                    .orElseThrow(() -> new UnsupportedRunException("sequences_scores of no beams"));
      }
      return Tensor.ofFloats(arena, scores, scores.length);
    }

    /** What processors and filters make of given scores; needs no model. */
    private Map<String, Tensor> processScores(GoldenCase.Run run) throws IOException {
      if (!run.outputs().keySet().equals(Set.of("processed_scores"))
          || !run.inputs().keySet().equals(Set.of("input_ids", "scores"))) {
        throw new UnsupportedRunException("other than scores to processed_scores");
      }
      int promptLength = run.arguments().integer("prompt_length", 0);
      GenerationConfig config =
          GenerationArguments.over(
              GenerationConfig.builder().build(), run.arguments(), "prompt_length");
      int[][] ids = expected.integers(run.inputs().get("input_ids"));
      Tensor scores = expected.floats(run.inputs().get("scores"));
      if (scores.rank() != 2 || scores.size(0) != ids.length) {
        throw new IllegalArgumentException("scores: %s for %d rows".formatted(scores, ids.length));
      }
      int vocabulary = (int) scores.size(1);
      float[] all = scores.toFloatArray();
      for (int row = 0; row < ids.length; row++) {
        float[] one = Arrays.copyOfRange(all, row * vocabulary, (row + 1) * vocabulary);
        LogitsProcessors.apply(config, promptLength, ids[row], one);
        System.arraycopy(one, 0, all, row * vocabulary, vocabulary);
      }
      return Map.of("processed_scores", Tensor.ofFloats(arena, all, ids.length, vocabulary));
    }

    private RunReport compare(GoldenCase.Run run, Map<String, Tensor> results, Arithmetic held)
        throws IOException {
      List<Comparison> comparisons = new ArrayList<>();
      boolean ok = true;
      for (Map.Entry<String, String> output : run.outputs().entrySet()) {
        Comparison comparison =
            compare(run, output.getKey(), results.get(output.getKey()), output.getValue(), held);
        comparisons.add(comparison);
        ok &= comparison.miss().isEmpty();
      }
      if (comparisons.isEmpty()) {
        throw new IllegalArgumentException("outputs: there are none to compare");
      }
      return new RunReport(
          goldenCase.name(),
          run.name(),
          ok ? Status.OK : Status.MISS,
          List.copyOf(comparisons),
          "");
    }

    private Comparison compare(
        GoldenCase.Run run, String role, Tensor got, String wanted, Arithmetic held)
        throws IOException {
      long[] shape = expected.require(wanted).shape();
      if (got.dtype() == DType.I64) {
        return Comparison.ofIntegers(
            role, got.toLongArray(), got.shape(), expected.longs(wanted), shape);
      }
      Comparison.Selection selection =
          run.compareRows().isPresent() || run.continues().isPresent()
              ? rows.get(run.name()).select(role, got.shape())
              : Comparison.Selection.ALL;
      return Comparison.ofFloats(
          role,
          got.toFloatArray(),
          got.shape(),
          expected.floatArray(wanted),
          shape,
          selection,
          Tolerance.of(held, goldenCase, run, role));
    }

    /** Processors of scores, which need no model, round nothing. */
    private Arithmetic arithmetic() {
      return model == null ? Arithmetic.FLOAT32 : arithmetic.apply(model);
    }

    @Override
    public void close() {
      caches.values().forEach(KvCache::close);
      if (model != null) {
        model.close();
      }
    }
  }

  /** A run asks for what is not implemented. */
  private static final class UnsupportedRunException extends IllegalArgumentException {
    private static final long serialVersionUID = 1L;

    UnsupportedRunException(String what) {
      super("not supported: " + what);
    }
  }
}
