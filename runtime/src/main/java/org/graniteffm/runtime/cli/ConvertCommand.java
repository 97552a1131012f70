package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.math.BigDecimal;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Objects;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.graniteffm.runtime.config.ConfigStyle;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.GranitePreTrainedModel;
import org.graniteffm.runtime.model.LoadOptions;
import org.graniteffm.runtime.model.ResizeOptions;
import org.graniteffm.runtime.model.SaveOptions;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.tensor.DType;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code granite convert}: saves a checkpoint again. */
@Command(
    name = "convert",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    header = "Saves a checkpoint again: dtype, sizes of files and vocabulary.",
    customSynopsis = "granite convert MODEL OUT [OPTION...]",
    description = {
      "Saves a checkpoint again, in another dtype, in files of another size, or with a vocabulary"
          + " of another size.",
      "",
      "Tensors have their published names, and only those are written that the model uses."
          + " generation_config.json, the tokenizer's files and the chat template are copied. The"
          + " new folder appears complete or not at all; what exists is not overwritten.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  granite convert path/to/model path/to/smaller --dtype bfloat16",
      "  granite convert path/to/model path/to/parts --max-shard-size 500MB"
    })
final class ConvertCommand implements Callable<Integer> {
  private static final Pattern SIZE =
      Pattern.compile("(\\d{1,12}(?:\\.\\d{1,9})?)(B|KB|MB|GB|TB|KIB|MIB|GIB|TIB)?");

  @Parameters(index = "0", paramLabel = "MODEL", description = ModelSource.HELP)
  private String modelName;

  @Parameters(
      index = "1",
      paramLabel = "OUT",
      description = "The folder to write, which does not exist yet or is empty.")
  private Path out;

  @Option(
      names = "--dtype",
      paramLabel = "float32|float16|bfloat16",
      completionCandidates = Choices.DTypes.class,
      description =
          "Type of the weights; a narrower one rounds to nearest even (default: the one each"
              + " tensor has).")
  private String dtypeName;

  @Option(
      names = "--max-shard-size",
      paramLabel = "SIZE",
      defaultValue = "5GB",
      description =
          "Most bytes of tensors in one file: a number with B, KB, MB, GB (powers of 1000), KiB,"
              + " MiB or GiB (default: 5GB).")
  private String shardSize;

  @Option(
      names = "--config-style",
      paramLabel = "4|5",
      completionCandidates = Choices.ConfigStyles.class,
      defaultValue = "4",
      description =
          "Spelling of config.json: that of transformers 4, which 5 reads too, or that of"
              + " transformers 5 (default: 4).")
  private String style;

  @Option(
      names = "--resize-token-embeddings",
      paramLabel = "N",
      description =
          "A vocabulary of N tokens: the last ones are dropped, or new ones begin at the mean of"
              + " the old ones, with a little noise.")
  private Integer newNumTokens;

  @Option(
      names = "--pad-to-multiple-of",
      paramLabel = "N",
      description = "Round the size of the vocabulary up to a multiple of N, with new tokens.")
  private Integer padToMultipleOf;

  @Option(
      names = "--no-mean-resizing",
      description = "New tokens begin like fresh ones instead, by initializer_range.")
  private boolean noMeanResizing;

  @Option(
      names = "--random-weights",
      description =
          "Weights as before any training, float32 without --dtype: MODEL needs no more than a"
              + " config.json, and no more than that is taken from it.")
  private boolean randomWeights;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "0",
      description = "Decides all that is random (default: 0).")
  private long seed;

  @Mixin private ModelSource models;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    SaveOptions options = new SaveOptions(dtype(), shardBytes(), configStyle(), true);
    checkPositive("--resize-token-embeddings", newNumTokens);
    checkPositive("--pad-to-multiple-of", padToMultipleOf);
    try (GranitePreTrainedModel model = open(models.locate(modelName), options.dtype());
        FileBar bar =
            new FileBar(
                spec.commandLine().getErr(), "saving", TerminalBar.isWanted(System::getenv))) {
      save(model, options, bar);
    }
    try (Checkpoint saved = Checkpoint.open(out)) {
      spec.commandLine()
          .getErr()
          .println(
              "granite: %s: %d tensors, %s in %d %s"
                  .formatted(
                      out,
                      saved.names().size(),
                      Units.bytes(saved.byteSize()),
                      saved.files().size(),
                      saved.files().size() == 1 ? "file" : "files"));
    }
    return Main.DONE;
  }

  private GranitePreTrainedModel open(Path folder, DType dtype) throws IOException {
    return randomWeights
        ? GraniteForCausalLM.random(
            GraniteConfig.load(folder), Objects.requireNonNullElse(dtype, DType.F32), seed)
        : GranitePreTrainedModel.open(folder, LoadOptions.defaults());
  }

  private void save(GranitePreTrainedModel model, SaveOptions options, FileBar bar)
      throws IOException {
    if (newNumTokens == null && padToMultipleOf == null) {
      model.save(out, options, bar);
      return;
    }
    int size = Objects.requireNonNullElse(newNumTokens, model.config().vocabSize());
    int multiple = Objects.requireNonNullElse(padToMultipleOf, 1);
    try (GranitePreTrainedModel resized =
        model.resizeTokenEmbeddings(size, new ResizeOptions(multiple, !noMeanResizing, seed))) {
      resized.save(out, options, bar);
    }
  }

  private void checkPositive(String option, Integer value) {
    if (value != null && value < 1) {
      throw usage(option + ": " + value + " is not positive");
    }
  }

  private DType dtype() {
    return switch (dtypeName) {
      case null -> null;
      case "float32" -> DType.F32;
      case "float16" -> DType.F16;
      case "bfloat16" -> DType.BF16;
      default ->
          throw usage("--dtype: '" + dtypeName + "' is not one of float32, float16, bfloat16");
    };
  }

  private ConfigStyle configStyle() {
    return switch (style) {
      case "4" -> ConfigStyle.TRANSFORMERS_4;
      case "5" -> ConfigStyle.TRANSFORMERS_5;
      default -> throw usage("--config-style: '" + style + "' is not one of 4, 5");
    };
  }

  private long shardBytes() {
    Matcher matcher = SIZE.matcher(shardSize.toUpperCase(Locale.ROOT));
    if (matcher.matches()) {
      String unit = matcher.group(2) == null ? "B" : matcher.group(2);
      long base = unit.endsWith("IB") ? 1024 : 1000;
      BigDecimal bytes =
          new BigDecimal(matcher.group(1))
              .multiply(BigDecimal.valueOf(base).pow("BKMGT".indexOf(unit.charAt(0))));
      if (bytes.compareTo(BigDecimal.ONE) >= 0
          && bytes.compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) <= 0) {
        return bytes.longValue();
      }
    }
    throw usage("--max-shard-size: '" + shardSize + "' is not a size such as 500MB or 5GB");
  }

  private ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }
}
