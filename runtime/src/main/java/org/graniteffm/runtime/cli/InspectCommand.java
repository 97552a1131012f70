package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.model.Costs;
import org.graniteffm.runtime.model.KvCache;
import org.graniteffm.runtime.model.MemoryNeeds;
import org.graniteffm.runtime.model.Precision;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.safetensors.FileAccess;
import org.graniteffm.runtime.safetensors.SafetensorsFile;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.NativeMemory;
import org.graniteffm.runtime.tensor.Tensor;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code granite inspect}: what is in a checkpoint, and what it needs. */
@Command(
    name = "inspect",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    header = "Says what is in a checkpoint, and what it needs.",
    customSynopsis = "granite inspect [MODEL | FILE.safetensors] [OPTION...]",
    description = {
      "Says what is in a checkpoint or in one safetensors file, and how much memory it needs. Runs"
          + " nothing.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  granite inspect path/to/model --context 8192 --batch 4",
      "  granite inspect path/to/model --tensors --json",
      "  granite inspect path/to/model/model.safetensors"
    })
final class InspectCommand implements Callable<Integer> {
  private static final int CACHE_TOKENS = 1000;

  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL | FILE.safetensors",
      description = ModelSource.HELP + " If absent, the built-in demo model.")
  private String name;

  @Option(names = "--tensors", description = "List the tensors.")
  private boolean tensors;

  @Option(
      names = "--json",
      description =
          "Print JSON; with --tensors {\"tensors\": [{\"name\": …, \"dtype\": …, \"shape\":"
              + " […]}]} in the order of the files.")
  private boolean json;

  @Option(
      names = "--context",
      paramLabel = "TOKENS",
      description =
          "Say what sequences of so many tokens need, prompt and answer together (default: the"
              + " model's longest).")
  private Long context;

  @Option(
      names = "--batch",
      paramLabel = "N",
      defaultValue = "1",
      description = "Say what so many sequences at once need (default: 1).")
  private int batch;

  @Mixin private ModelSource models;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    Path path = models.locate(name);
    if (Files.isDirectory(path)) {
      inspectFolder(path);
    } else {
      inspectFile(path);
    }
    return Main.DONE;
  }

  private void inspectFile(Path path) throws IOException {
    try (Arena arena = Arena.ofShared()) {
      SafetensorsFile file = SafetensorsFile.open(path, arena);
      if (tensors) {
        printTensors(file.tensors());
        return;
      }
      Map<String, Object> facts = new LinkedHashMap<>();
      facts.put("file", path.toString());
      facts.put("bytes", Files.size(path));
      addTensorFacts(facts, file.tensors());
      facts.put("metadata", file.metadata());
      print(facts);
    }
  }

  private void inspectFolder(Path folder) throws IOException {
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      Map<String, Tensor> all = new LinkedHashMap<>();
      for (String tensor : checkpoint.names()) {
        all.put(tensor, checkpoint.find(tensor));
      }
      if (tensors) {
        printTensors(all);
        return;
      }
      GraniteConfig config = GraniteConfig.load(folder);
      Costs costs = Costs.of(config, checkpoint);
      Map<String, Object> facts = new LinkedHashMap<>();
      facts.put("folder", folder.toString());
      facts.put("config", configFacts(config));
      facts.put("parameters", costs.parameters());
      facts.put("active_parameters", costs.activeParameters());
      addTensorFacts(facts, all);
      List<Object> files = new ArrayList<>();
      for (Path file : checkpoint.files()) {
        Map<String, Object> fileFacts = new LinkedHashMap<>();
        fileFacts.put("name", file.getFileName().toString());
        fileFacts.put("bytes", Files.size(file));
        files.add(fileFacts);
      }
      facts.put("files", files);
      facts.put("cache_dtype", costs.cacheDtype().name());
      Map<String, Object> memory = new LinkedHashMap<>();
      memory.put("weights_mapped", costs.weightBytes());
      memory.put(
          "cache_per_1000_tokens", KvCache.byteSize(config, costs.cacheDtype(), 1, CACHE_TOKENS));
      memory.put("read_per_new_token", Math.round(costs.decodeBytes(1, 0)));
      memory.put("scratch_decode", Costs.scratchBytes(config, 1));
      memory.put("scratch_prefill", Costs.scratchBytes(config, config.maxPositionEmbeddings()));
      facts.put("memory_bytes", memory);
      addNeeds(facts, config, costs.cacheDtype(), checkpoint.byteSize());
      facts.put("tokenizer", Files.exists(folder.resolve("tokenizer.json")));
      print(facts);
    }
  }

  private void addNeeds(
      Map<String, Object> facts, GraniteConfig config, DType cacheDtype, long weights) {
    long tokens = context == null ? config.maxPositionEmbeddings() : context;
    int threads = Runtime.getRuntime().availableProcessors();
    MemoryNeeds needs;
    try {
      needs = MemoryNeeds.of(config, cacheDtype, weights, batch, tokens, threads, Precision.AUTO);
    } catch (IllegalArgumentException e) {
      throw new ParameterException(spec.commandLine(), "--context, --batch: " + e.getMessage(), e);
    }
    facts.put("context_tokens", tokens);
    facts.put("batch", batch);
    Map<String, Object> bytes = new LinkedHashMap<>();
    bytes.put("cache", needs.cache());
    bytes.put("activations", needs.activations());
    bytes.put("allocated", needs.allocated(FileAccess.MAPPED));
    bytes.put("allocated_disable_mmap", needs.allocated(FileAccess.COPIED));
    bytes.put("available", NativeMemory.available());
    facts.put("needed_bytes", bytes);
  }

  private static Map<String, Object> configFacts(GraniteConfig config) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("model_type", config.modelType());
    facts.put("vocab_size", config.vocabSize());
    facts.put("hidden_size", config.hiddenSize());
    facts.put("intermediate_size", config.intermediateSize());
    facts.put("num_hidden_layers", config.numHiddenLayers());
    facts.put("num_attention_heads", config.numAttentionHeads());
    facts.put("num_key_value_heads", config.numKeyValueHeads());
    facts.put("head_dim", config.headDim());
    if (config instanceof GraniteMoeConfig moe) {
      facts.put("num_local_experts", moe.numLocalExperts());
      facts.put("num_experts_per_tok", moe.numExpertsPerTok());
      if (moe.sharedIntermediateSize() > 0) {
        facts.put("shared_intermediate_size", moe.sharedIntermediateSize());
      }
    }
    facts.put("max_position_embeddings", config.maxPositionEmbeddings());
    facts.put("rope_type", config.ropeParameters().type().huggingFaceName());
    facts.put("rope_theta", config.ropeParameters().theta());
    facts.put("hidden_act", config.hiddenAct().names().getFirst());
    facts.put("tie_word_embeddings", config.tieWordEmbeddings());
    facts.put("embedding_multiplier", shortest(config.embeddingMultiplier()));
    facts.put("attention_multiplier", shortest(config.attentionMultiplier()));
    facts.put("residual_multiplier", shortest(config.residualMultiplier()));
    facts.put("logits_scaling", shortest(config.logitsScaling()));
    return facts;
  }

  /** The double that looks like the float. */
  private static double shortest(float value) {
    return Double.parseDouble(Float.toString(value));
  }

  private static void addTensorFacts(Map<String, Object> facts, Map<String, Tensor> all) {
    Map<String, Object> dtypes = new TreeMap<>();
    for (Tensor tensor : all.values()) {
      dtypes.merge(tensor.dtype().name(), tensor.elementCount(), (a, b) -> (long) a + (long) b);
    }
    facts.put("tensors", all.size());
    facts.put("dtypes", dtypes);
  }

  private void printTensors(Map<String, Tensor> all) {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      List<Object> list = new ArrayList<>();
      all.forEach((tensor, value) -> {
        Map<String, Object> entry = new LinkedHashMap<>();
        entry.put("name", tensor);
        entry.put("dtype", value.dtype().name());
        entry.put("shape", value.shape());
        list.add(entry);
      });
      out.println(Json.line(Map.of("tensors", list)));
      return;
    }
    all.forEach((tensor, value) -> {
      String quoted = Names.quote(tensor);
      boolean plain = quoted.equals('"' + tensor + '"') && !tensor.contains(" ");
      out.printf(
          "%-8s %-18s %s%n",
          value.dtype(), Arrays.toString(value.shape()), plain ? tensor : quoted);
    });
  }

  private void print(Map<String, Object> facts) {
    PrintWriter out = spec.commandLine().getOut();
    if (json) {
      out.println(Json.pretty(facts));
      return;
    }
    Facts.print(out, facts);
  }
}
