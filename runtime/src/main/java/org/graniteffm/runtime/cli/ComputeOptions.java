package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.nio.file.Path;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.bindings.UnsupportedIsaException;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.GranitePreTrainedModel;
import org.graniteffm.runtime.model.LoadOptions;
import org.graniteffm.runtime.model.Precision;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.safetensors.FileAccess;
import org.graniteffm.runtime.safetensors.LoadListener;
import org.graniteffm.runtime.tensor.DType;
import picocli.CommandLine;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/**
 * How to compute: the options that all commands share which run a model. A command has it as a
 * {@link picocli.CommandLine.Mixin}, and calls {@link #apply} before it loads anything.
 */
final class ComputeOptions {
  @Spec(Spec.Target.MIXEE)
  private CommandSpec command;

  @Option(
      names = "--threads",
      paramLabel = "N",
      description = "Threads to compute with (default: one for each core this process may use).")
  private Integer threads;

  @Option(
      names = "--precision",
      paramLabel = "auto|f32",
      completionCandidates = Choices.Precisions.class,
      defaultValue = "auto",
      description =
          "auto lets activations and the cache be rounded to bf16 where that is faster, f32 never"
              + " (default: auto).")
  private String precisionName;

  @Option(
      names = "--cache-dtype",
      paramLabel = "auto|bfloat16|float32",
      completionCandidates = Choices.CacheDtypes.class,
      defaultValue = "auto",
      description =
          "Type of keys and values in the cache; auto is bfloat16 for bf16 checkpoints unless the"
              + " precision is f32, else float32 (default: auto).")
  private String cacheDtypeName;

  @Option(
      names = "--isa",
      paramLabel = "TIER",
      completionCandidates = Choices.Tiers.class,
      description =
          "Instruction set of the kernels: scalar, avx2, avx512 or amx (default: the best).")
  private String isa;

  @Option(
      names = "--disable-mmap",
      description =
          "Copy the weights into memory rather than map their files: for network disks, and for"
              + " folders that others can write to.")
  private boolean disableMmap;

  private Precision precision = Precision.AUTO;
  private DType cacheDtype; // null for what suits the model
  private Workers workers;

  /**
   * Checks the options and sets what they say for this process.
   *
   * @throws ParameterException if one is out of range, or this CPU lacks the tier
   */
  void apply() {
    precision =
        switch (precisionName) {
          case "auto" -> Precision.AUTO;
          case "f32" -> Precision.F32;
          default ->
              throw usage("--precision: '" + precisionName + "' is not one of auto, f32", null);
        };
    cacheDtype =
        switch (cacheDtypeName) {
          case "auto" -> null;
          case "bfloat16" -> DType.BF16;
          case "float32" -> DType.F32;
          default ->
              throw usage(
                  "--cache-dtype: '" + cacheDtypeName + "' is not one of auto, bfloat16, float32",
                  null);
        };
    if (threads != null && (threads < 1 || threads > 1024)) {
      throw usage("--threads: " + threads + " is not in 1 to 1024", null);
    }
    if (isa != null) {
      try {
        NativeLibraries.selectIsa(isa);
      } catch (UnsupportedIsaException e) {
        throw usage("--isa" + e.getMessage().substring(e.getMessage().indexOf(':')), e);
      }
    }
  }

  private ParameterException usage(String message, Throwable cause) {
    CommandLine commandLine = command.commandLine();
    return new ParameterException(commandLine, message, cause);
  }

  /**
   * The threads to compute with.
   *
   * @return the pool of the process, or one of as many threads as were asked for; not to be closed
   */
  Workers workers() {
    if (workers == null) {
      workers = threads == null ? Workers.shared() : Workers.of(threads);
    }
    return workers;
  }

  /**
   * Opens a model to compute as these options say.
   *
   * @param folder its checkpoint folder
   * @return the model, to be closed
   * @throws IOException if it cannot be opened
   */
  GraniteForCausalLM load(Path folder) throws IOException {
    try (FileBar bar = bar()) {
      return (GraniteForCausalLM) set(GraniteForCausalLM.load(folder, options(bar)));
    }
  }

  /**
   * Opens a model, with or without a head, to compute as these options say.
   *
   * @param folder its checkpoint folder
   * @return the model, to be closed
   * @throws IOException if it cannot be opened
   */
  GranitePreTrainedModel open(Path folder) throws IOException {
    try (FileBar bar = bar()) {
      return set(GranitePreTrainedModel.open(folder, options(bar)));
    }
  }

  private GranitePreTrainedModel set(GranitePreTrainedModel model) {
    GranitePreTrainedModel precise = model.withPrecision(precision);
    return cacheDtype == null ? precise : precise.withCacheDtype(cacheDtype);
  }

  /** Mapping takes no time that is worth a bar. */
  private FileBar bar() {
    return new FileBar(
        command.commandLine().getErr(),
        "loading",
        disableMmap && TerminalBar.isWanted(System::getenv));
  }

  private LoadOptions options(LoadListener listener) {
    return LoadOptions.defaults().with(workers()).with(access()).with(listener);
  }

  /**
   * How weights come into memory.
   *
   * @return {@link FileAccess#MAPPED} unless told otherwise
   */
  FileAccess access() {
    return disableMmap ? FileAccess.COPIED : FileAccess.MAPPED;
  }

  /**
   * What was asked for.
   *
   * @return {@link Precision#AUTO} unless told otherwise
   */
  Precision precision() {
    return precision;
  }
}
