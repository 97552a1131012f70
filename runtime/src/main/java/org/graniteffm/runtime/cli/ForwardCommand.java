package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.concurrent.Callable;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.model.ForwardInput;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.GraniteModel;
import org.graniteffm.runtime.model.GranitePreTrainedModel;
import org.graniteffm.runtime.model.KvCache;
import org.graniteffm.runtime.model.ModelOutput;
import org.graniteffm.runtime.model.Session;
import org.graniteffm.runtime.safetensors.SafetensorsWriter;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.graniteffm.runtime.verify.ForwardOutputs;
import org.graniteffm.runtime.verify.TensorSource;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code granite forward}: one forward pass, from a safetensors file to another one. */
@Command(
    name = "forward",
    header = "One forward pass, tensors in and out.",
    customSynopsis =
        "granite forward [MODEL] --inputs IN.safetensors --outputs OUT.safetensors [OPTION...]",
    description = {
      "One forward pass, from a safetensors file to another one.",
      "Inputs: input_ids, attention_mask, position_ids, labels (I64 [batch, tokens]), inputs_embeds"
          + " (F32 [batch, tokens, hidden]), past_key.N and past_value.N for every layer N (F32"
          + " [batch, key heads, tokens, head size]); the mask covers past and new tokens.",
      "Outputs, F32: logits, or last_hidden_state from a model without a head; with labels loss; on"
          + " request aux_loss, hidden_states.N, attentions.N,"
          + " router_logits.N, past_key.N, past_value.N."
    },
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    footer = {
      "",
      "Examples:",
      "  granite forward path/to/model --inputs in.safetensors --outputs out.safetensors \\",
      "      --output-hidden-states --use-cache"
    })
final class ForwardCommand implements Callable<Integer> {
  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL",
      description = ModelSource.HELP + " If absent, the built-in demo model.")
  private String model;

  @Option(
      names = "--inputs",
      required = true,
      paramLabel = "IN.safetensors",
      description = "What to compute on.")
  private Path inputs;

  @Option(
      names = "--outputs",
      required = true,
      paramLabel = "OUT.safetensors",
      description = "Where the results go.")
  private Path outputs;

  @Option(names = "--output-hidden-states", description = "Write hidden_states.N.")
  private boolean outputHiddenStates;

  @Option(names = "--output-attentions", description = "Write attentions.N.")
  private boolean outputAttentions;

  @Option(
      names = "--output-router-logits",
      description = "Write router_logits.N and aux_loss (mixture of experts).")
  private boolean outputRouterLogits;

  @Option(names = "--use-cache", description = "Write past_key.N and past_value.N.")
  private boolean useCache;

  @Option(
      names = "--logits-to-keep",
      paramLabel = "N",
      defaultValue = "0",
      description = "Logits of the last N positions alone (default: 0, which is all).")
  private int logitsToKeep;

  @Mixin private ModelSource models;

  @Mixin private ComputeOptions compute;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    compute.apply();
    if (logitsToKeep < 0) {
      throw new ParameterException(
          spec.commandLine(), "--logits-to-keep: " + logitsToKeep + " is negative");
    }
    // Shared, for the workers read embeddings from it.
    try (Arena arena = Arena.ofShared()) {
      TensorSource source = TensorSource.open(inputs, arena);
      try (GranitePreTrainedModel granite = compute.open(models.locate(model))) {
        forward(granite, source, arena);
      }
    }
    return Main.DONE;
  }

  private void forward(GranitePreTrainedModel granite, TensorSource source, Arena arena)
      throws IOException {
    GraniteConfig config = granite.config();
    if (outputRouterLogits && !(config instanceof GraniteMoeConfig)) {
      throw new UnsupportedModelException(
          "--output-router-logits: %s has no experts".formatted(granite.checkpoint()));
    }
    checkNames(source, config.numHiddenLayers());
    ForwardInput.Builder input = input(source);
    try (KvCache past = past(source, granite)) {
      input
          .pastKeyValues(past)
          .useCache(useCache)
          .outputHiddenStates(outputHiddenStates)
          .outputAttentions(outputAttentions)
          .outputRouterLogits(outputRouterLogits)
          .logitsToKeep(logitsToKeep);
      try (ModelOutput output = forward(granite, input.build())) {
        SafetensorsWriter.write(outputs, results(output, config, arena), Map.of());
      }
    }
  }

  private static ModelOutput forward(GranitePreTrainedModel granite, ForwardInput input) {
    return switch (granite) {
      case GraniteModel model -> model.forward(input);
      case GraniteForCausalLM model -> model.forward(input);
    };
  }

  /** A misspelt mask would otherwise change the results in silence. */
  private void checkNames(TensorSource source, int layers) throws ModelFormatException {
    for (String name : source.names()) {
      boolean known =
          switch (name) {
            case "input_ids", "inputs_embeds", "attention_mask", "position_ids", "labels" -> true;
            default -> {
              int layer = ForwardOutputs.layer(name);
              yield layer >= 0
                  && layer < layers
                  && (name.equals("past_key." + layer) || name.equals("past_value." + layer));
            }
          };
      if (!known) {
        throw new ModelFormatException(
            ("%s: tensor %s: no such input, legal are input_ids, inputs_embeds, attention_mask,"
                    + " position_ids, labels, and past_key.N and past_value.N for N from 0 to %d")
                .formatted(inputs, Names.quote(name), layers - 1));
      }
    }
  }

  private ForwardInput.Builder input(TensorSource source) throws IOException {
    if (source.has("input_ids") == source.has("inputs_embeds")) {
      throw new ModelFormatException(
          "%s: expected either input_ids or inputs_embeds, found %s"
              .formatted(inputs, source.has("input_ids") ? "both" : "neither"));
    }
    ForwardInput.Builder input =
        source.has("input_ids")
            ? ForwardInput.ofIds(source.integers("input_ids"))
            : ForwardInput.ofEmbeds(source.floats("inputs_embeds"));
    if (source.has("attention_mask")) {
      input.attentionMask(source.integers("attention_mask"));
    }
    if (source.has("position_ids")) {
      input.positionIds(source.integers("position_ids"));
    }
    if (source.has("labels")) {
      input.labels(source.integers("labels"));
    }
    return input;
  }

  /** The cache in the inputs, or null if there is none. */
  private static KvCache past(TensorSource source, GranitePreTrainedModel granite)
      throws IOException {
    if (source.names().stream().noneMatch(name -> name.startsWith("past_"))) {
      return null;
    }
    int layers = granite.config().numHiddenLayers();
    Tensor[] keys = new Tensor[layers];
    Tensor[] values = new Tensor[layers];
    for (int layer = 0; layer < layers; layer++) {
      keys[layer] = source.floats("past_key." + layer);
      values[layer] = source.floats("past_value." + layer);
    }
    // what does not fit is refused by the cache
    int batch = keys[0].rank() == 4 ? Math.clamp(keys[0].size(0), 1, Session.BLOCK_ROWS) : 1;
    KvCache past = granite.newCache(batch, 0);
    boolean done = false;
    try {
      past.append(keys, values);
      done = true;
      return past;
    } finally {
      if (!done) {
        past.close();
      }
    }
  }

  private Map<String, Tensor> results(ModelOutput output, GraniteConfig config, Arena arena) {
    int layers = config.numHiddenLayers();
    Map<String, Tensor> results = new LinkedHashMap<>();
    for (String role : new String[] {"logits", "last_hidden_state", "loss", "aux_loss"}) {
      ForwardOutputs.find(output, role, layers, arena).ifPresent(t -> results.put(role, t));
    }
    for (String kind : new String[] {"hidden_states", "attentions", "router_logits"}) {
      for (int layer = 0; layer <= layers; layer++) {
        put(results, output, kind + "." + layer, layers, arena);
      }
    }
    if (useCache) {
      for (int layer = 0; layer < layers; layer++) {
        put(results, output, "past_key." + layer, layers, arena);
        put(results, output, "past_value." + layer, layers, arena);
      }
    }
    return results;
  }

  private static void put(
      Map<String, Tensor> results, ModelOutput output, String role, int layers, Arena arena) {
    ForwardOutputs.find(output, role, layers, arena)
        .ifPresent(t -> results.put(role, widened(t, arena)));
  }

  /** Of a cache in bf16, whose numbers f32 holds exactly. */
  private static Tensor widened(Tensor tensor, Arena arena) {
    return tensor.dtype() == DType.F32
        ? tensor
        : Tensor.ofFloats(arena, tensor.toFloatArray(), tensor.shape());
  }
}
