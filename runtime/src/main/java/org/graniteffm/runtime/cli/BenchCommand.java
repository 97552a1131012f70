package org.graniteffm.runtime.cli;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.model.Costs;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.KvCache;
import org.graniteffm.runtime.model.Precision;
import org.graniteffm.runtime.model.Session;
import org.graniteffm.runtime.tensor.DType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code granite bench}: speed, and what share of this machine's measured limits that is. */
@Command(
    name = "bench",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    header = "Measures speed, beside the limits of this machine.",
    customSynopsis = "granite bench [MODEL] [OPTION...]",
    description = {
      "Measures prefill (a random prompt) and decoding (one token at a time after it), and between"
          + " them, in the same run, what this machine can do at most: how fast memory is read and"
          + " how fast the float unit of the kernels multiplies and adds. All figures are medians"
          + " over the repetitions. One more goes before them to warm up, or as many as two"
          + " seconds hold: the JVM compiles what runs often.",
      "",
      "GB are 10^9 bytes, MB 10^6 bytes. decode_gb_s: each weight once a step (of experts those"
          + " chosen), keys and values of all tokens before. prefill_gflops: a multiply-add is two"
          + " operations. A model that fits into the CPU's cache may exceed the bandwidth of"
          + " memory.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  granite bench path/to/model",
      "  granite bench path/to/model -p 2048 -n 128 -r 5 --threads 8 --json"
    })
final class BenchCommand implements Callable<Integer> {
  private static final int WARM_UP_TOKENS = 32;
  private static final double WARM_UP_SECONDS = 2;

  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL",
      description = ModelSource.HELP + " If absent, the built-in demo model.")
  private String modelName;

  @Option(
      names = {"-p", "--prompt-tokens"},
      paramLabel = "N",
      defaultValue = "512",
      description = "Tokens of the prompt (default: 512).")
  private int promptTokens;

  @Option(
      names = {"-n", "--new-tokens"},
      paramLabel = "N",
      defaultValue = "64",
      description = "Tokens to decode (default: 64).")
  private int newTokens;

  @Option(
      names = {"-b", "--batch"},
      paramLabel = "N",
      defaultValue = "1",
      description = "Sequences at once (default: 1).")
  private int batch;

  @Option(
      names = {"-r", "--repetitions"},
      paramLabel = "N",
      defaultValue = "3",
      description = "How often to measure (default: 3).")
  private int repetitions;

  @Option(names = "--json", description = "Print a JSON object.")
  private boolean json;

  @Mixin private ModelSource models;

  @Mixin private ComputeOptions compute;

  @Spec private CommandSpec spec;

  /** What each repetition measured. */
  private static final class Samples {
    final List<Double> prefillSeconds = new ArrayList<>();
    final List<Double> decodeSeconds = new ArrayList<>(); // of one step
    final List<Double> readGb = new ArrayList<>();
    final List<Double> peakGflops = new ArrayList<>();
    final List<Double> javaBytes = new ArrayList<>(); // of one token
  }

  @Override
  public Integer call() throws IOException {
    check("-p", promptTokens, 1, 1 << 24);
    check("-n", newTokens, 1, 1 << 24);
    check("-b", batch, 1, Session.BLOCK_ROWS);
    check("-r", repetitions, 1, 1000);
    Path folder = models.locate(modelName);
    compute.apply();
    long start = System.nanoTime();
    try (GraniteForCausalLM model = compute.load(folder);
        Session session = model.newSession()) {
      double loadMillis = (System.nanoTime() - start) / 1e6;
      checkContext(model.config());
      Map<String, Object> result = measure(model, session, loadMillis);
      PrintWriter out = spec.commandLine().getOut();
      if (json) {
        out.println(Json.line(result));
      } else {
        print(out, result);
      }
    }
    return Main.DONE;
  }

  private void check(String name, int value, int least, int most) {
    if (value < least || value > most) {
      throw new ParameterException(
          spec.commandLine(), "%s: %d, legal are %d to %d".formatted(name, value, least, most));
    }
  }

  private void checkContext(GraniteConfig config) {
    long tokens = (long) promptTokens + newTokens;
    if (tokens > config.maxPositionEmbeddings()) {
      throw new IllegalArgumentException(
          "-p and -n: %d tokens together, the model's max_position_embeddings is %d"
              .formatted(tokens, config.maxPositionEmbeddings()));
    }
  }

  private Map<String, Object> measure(
      GraniteForCausalLM model, Session session, double loadMillis) {
    GraniteConfig config = model.config();
    Costs costs = Costs.of(model);
    SplittableRandom random = new SplittableRandom(1);
    int[] prompt = random.ints((long) batch * promptTokens, 0, config.vocabSize()).toArray();
    int[] next = random.ints((long) batch * newTokens, 0, config.vocabSize()).toArray();
    try (KvCache cache = model.newCache(batch, promptTokens + newTokens)) {
      warmUp(session, cache, prompt, next);
      // before the probes take memory of their own
      long resident = Machine.residentAnonymousBytes().orElse(0);
      Samples samples = new Samples();
      try (Probes probes = new Probes(compute.workers(), model.checkpoint(), usesTiles(model))) {
        probes.readGbPerSecond();
        probes.peakGflops();
        for (int i = 0; i < repetitions; i++) {
          measureOnce(session, cache, prompt, next, probes, samples);
        }
        return result(model, costs, cache, probes, samples, loadMillis, resident);
      }
    }
  }

  /** Whether prefill goes to the matrix unit: most of it does where weights are bf16. */
  private boolean usesTiles(GraniteForCausalLM model) {
    return compute.precision() == Precision.AUTO
        && NativeLibraries.hasMatrixUnit()
        && model.checkpoint().names().stream()
            .anyMatch(name -> model.checkpoint().find(name).dtype() == DType.BF16);
  }

  private void warmUp(Session session, KvCache cache, int[] prompt, int[] next) {
    int steps = Math.min(newTokens, WARM_UP_TOKENS);
    double seconds = 0;
    while (seconds < WARM_UP_SECONDS) {
      seconds += prefillSeconds(session, cache, prompt);
      seconds += decodeSeconds(session, cache, next, steps) * steps;
    }
  }

  private void measureOnce(
      Session session, KvCache cache, int[] prompt, int[] next, Probes probes, Samples samples) {
    samples.peakGflops.add(probes.peakGflops());
    samples.prefillSeconds.add(prefillSeconds(session, cache, prompt));
    samples.peakGflops.add(probes.peakGflops());
    samples.readGb.add(probes.readGbPerSecond());
    long before = allocatedBytes();
    samples.decodeSeconds.add(decodeSeconds(session, cache, next, newTokens));
    samples.javaBytes.add((allocatedBytes() - before) / ((double) newTokens * batch));
    samples.readGb.add(probes.readGbPerSecond());
  }

  private double prefillSeconds(Session session, KvCache cache, int[] prompt) {
    cache.truncate(0);
    long start = System.nanoTime();
    session.nextLogits(cache, prompt, promptTokens, null, null, 0);
    return (System.nanoTime() - start) / 1e9;
  }

  private double decodeSeconds(Session session, KvCache cache, int[] next, int steps) {
    int[] ids = new int[batch];
    long start = System.nanoTime();
    for (int step = 0; step < steps; step++) {
      System.arraycopy(next, step * batch, ids, 0, batch);
      session.nextLogits(cache, ids, 1, null, null, 0);
    }
    return (System.nanoTime() - start) / 1e9 / steps;
  }

  /** By all threads on the Java heap, since the start. */
  private static long allocatedBytes() {
    return ManagementFactory.getThreadMXBean() instanceof ThreadMXBean bean
        ? bean.getTotalThreadAllocatedBytes()
        : 0;
  }

  private Map<String, Object> result(
      GraniteForCausalLM model,
      Costs costs,
      KvCache cache,
      Probes probes,
      Samples samples,
      double loadMillis,
      long resident) {
    double prefill = median(samples.prefillSeconds);
    double decode = median(samples.decodeSeconds);
    double prefillGflops = costs.prefillFlops(batch, promptTokens, 0) / prefill / 1e9;
    double past = promptTokens + (newTokens - 1) / 2.0;
    double decodeGb = costs.decodeBytes(batch, past) / decode / 1e9;
    double peak = median(samples.peakGflops);
    double read = median(samples.readGb);
    Map<String, Object> result = new LinkedHashMap<>();
    result.put("model", modelName == null ? "demo" : modelName);
    result.put("model_type", model.config().modelType());
    result.put("parameters", costs.parameters());
    result.put("active_parameters", costs.activeParameters());
    result.put("weight_bytes", costs.weightBytes());
    result.put("prompt_tokens", promptTokens);
    result.put("new_tokens", newTokens);
    result.put("batch", batch);
    result.put("repetitions", repetitions);
    result.put("prefill_tok_s", batch * promptTokens / prefill);
    result.put("decode_tok_s", batch / decode);
    result.put("prefill_gflops", prefillGflops);
    result.put("prefill_peak_gflops", peak);
    result.put("prefill_peak_of", probes.peakOf());
    result.put("prefill_share", prefillGflops / peak);
    result.put("decode_gb_s", decodeGb);
    result.put("read_gb_s", read);
    result.put("decode_share", decodeGb / read);
    result.put("prefill_spread", spread(samples.prefillSeconds));
    result.put("decode_spread", spread(samples.decodeSeconds));
    result.put("read_spread", spread(samples.readGb));
    result.put("peak_spread", spread(samples.peakGflops));
    result.put("ttft_ms", prefill * 1e3);
    result.put("load_ms", loadMillis);
    result.put("rss_anon_mb", resident / 1e6);
    result.put("kv_mb", cache.byteSize() / 1e6);
    result.put("java_bytes_per_token", median(samples.javaBytes));
    result.put("read_bytes", probes.bytes());
    result.put("read_what", probes.readsWeights() ? "weights" : "buffer");
    result.put("threads", compute.workers().size());
    result.put("isa", NativeLibraries.activeIsa());
    result.put("precision", compute.precision().toString());
    result.put("cache_dtype", cache.dtype() == DType.BF16 ? "bfloat16" : "float32");
    result.put("cpu", Machine.cpu().orElse("unknown"));
    result.put("jdk", Runtime.version().toString());
    result.put("version", Main.Version.version());
    return result;
  }

  static double median(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    int middle = sorted.size() / 2;
    return sorted.size() % 2 == 1
        ? sorted.get(middle)
        : (sorted.get(middle - 1) + sorted.get(middle)) / 2;
  }

  /** Largest minus smallest, as a share of the median: what differs by less is noise. */
  private static double spread(List<Double> values) {
    double least = values.stream().mapToDouble(v -> v).min().orElseThrow();
    double most = values.stream().mapToDouble(v -> v).max().orElseThrow();
    return (most - least) / median(values);
  }

  private void print(PrintWriter out, Map<String, Object> r) {
    String batched = batch == 1 ? "" : " b" + batch;
    out.printf(
        "%s, %s parameters, %s; %s threads, %s, precision %s%n%n",
        r.get("model_type"),
        Units.count((long) r.get("parameters")),
        Units.bytes((long) r.get("weight_bytes")),
        r.get("threads"),
        r.get("isa"),
        r.get("precision"));
    String format = "| %-10s | %8s | %6s | %-22s | %5s |%n";
    out.printf(format, "test", "tok/s", "spread", "of what is possible", "share");
    out.println("| ---------- | -------: | -----: | ---------------------- | ----: |");
    for (boolean prefill : new boolean[] {true, false}) {
      String phase = prefill ? "prefill" : "decode";
      String of =
          prefill
              ? Units.three((double) r.get("prefill_gflops"))
                  + " of "
                  + Units.three((double) r.get("prefill_peak_gflops"))
                  + " GFLOP/s"
              : Units.three((double) r.get("decode_gb_s"))
                  + " of "
                  + Units.three((double) r.get("read_gb_s"))
                  + " GB/s";
      out.printf(
          format,
          (prefill ? "pp" + promptTokens : "tg" + newTokens) + batched,
          Units.three((double) r.get(phase + "_tok_s")),
          percent((double) r.get(phase + "_spread")),
          of,
          percent((double) r.get(phase + "_share")));
    }
    out.println();
    out.printf(
        "load %s ms, first token %s ms, Java heap %s bytes a token%n",
        Units.three((double) r.get("load_ms")),
        Units.three((double) r.get("ttft_ms")),
        Units.three((double) r.get("java_bytes_per_token")));
    out.printf(
        "anonymous memory %s MB, of which cache (%s) %s MB%n",
        Units.three((double) r.get("rss_anon_mb")),
        r.get("cache_dtype"),
        Units.three((double) r.get("kv_mb")));
    out.printf(
        "limits measured in the same run: %s in registers (spread %s),%nreading %s of %s (%s)%n",
        r.get("prefill_peak_of"),
        percent((double) r.get("peak_spread")),
        Units.bytes((long) r.get("read_bytes")),
        r.get("read_what").equals("weights") ? "the weights" : "a buffer",
        percent((double) r.get("read_spread")));
    out.printf("%s, JDK %s%n", r.get("cpu"), r.get("jdk"));
  }

  private static String percent(double share) {
    return String.format(Locale.ROOT, "%.0f %%", share * 100);
  }
}
