package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.generate.Generation;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.GenerationHooks;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import picocli.CommandLine.ArgGroup;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code granite generate}: continues prompts, for scripts. */
@Command(
    name = "generate",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    header = "Continues prompts, for scripts.",
    customSynopsis =
        "granite generate MODEL (--prompt TEXT | --ids ID,ID… | --inputs FILE.jsonl) [OPTION...]",
    description = {
      "Continues prompts.",
      "",
      "Prints the new text alone, or the new ids where the checkpoint has no tokenizer.json; with"
          + " --json one object a line: {\"ids\": the new tokens, an end token included, \"text\":"
          + " what they mean, special tokens left out (null without a tokenizer.json),"
          + " \"finish_reason\": \"eos\", \"stop\", \"length\" or \"time\", and with beams their"
          + " \"score\"}. With --num-return-sequences each prompt gives so many lines. Options have"
          + " their Hugging Face names; what is not given is as in generation_config.json.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  granite generate path/to/model --prompt \"Once upon a time\" --max-new-tokens 40",
      "  granite generate path/to/model --inputs prompts.jsonl --no-do-sample --json > texts.jsonl",
      "  granite generate path/to/model --ids 310,420,530 --num-beams 4 --max-new-tokens 20"
    })
final class GenerateCommand implements Callable<Integer> {
  @Parameters(paramLabel = "MODEL", description = ModelSource.HELP)
  private String modelName;

  @ArgGroup(multiplicity = "1")
  private Source source;

  /** Where prompts come from: one of these. */
  static final class Source {
    @Option(names = "--prompt", paramLabel = "TEXT", description = "The prompt.")
    String text;

    @Option(
        names = "--ids",
        paramLabel = "ID",
        split = ",",
        description = "The prompt as token ids.")
    List<Integer> ids;

    @Option(
        names = "--inputs",
        paramLabel = "FILE.jsonl",
        description = "Prompts, a line each: {\"prompt\": \"…\"} or {\"ids\": […]}.")
    Path file;
  }

  @Option(names = "--json", description = "Print one JSON object a line.")
  private boolean json;

  @Mixin private GenerationOptions options;

  @Mixin private ModelSource models;

  @Mixin private ComputeOptions compute;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    List<Inputs.Prompt> prompts = prompts();
    Path folder = models.locate(modelName);
    compute.apply();
    try (GraniteForCausalLM model = compute.load(folder);
        GraniteForCausalLM assistant = options.loadAssistant(models, compute);
        Tokenizer tokenizer = Prompts.tokenizer(folder);
        Generator generator = new Generator(model, assistant)) {
      GenerationConfig config =
          options.over(GenerationConfig.load(folder, model.config()), folder, assistant);
      if (tokenizer == null && !config.stopStrings().isEmpty()) {
        throw new UnsupportedModelException(
            modelName + ": has no tokenizer.json, so stop_strings cannot be looked for");
      }
      PrintWriter out = spec.commandLine().getOut();
      for (Inputs.Prompt prompt : prompts) {
        for (Generation.Sequence sequence : sequences(prompt, tokenizer, generator, config)) {
          out.println(answer(sequence, tokenizer));
        }
        if (out.checkError()) {
          break;
        }
      }
    }
    return Main.DONE;
  }

  private List<Inputs.Prompt> prompts() throws IOException {
    if (source.file != null) {
      return Inputs.read(source.file, "prompt");
    }
    return List.of(new Inputs.Prompt("", source.text, source.ids));
  }

  private List<Generation.Sequence> sequences(
      Inputs.Prompt prompt, Tokenizer tokenizer, Generator generator, GenerationConfig config)
      throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    try {
      int[] ids =
          prompt.ids() != null ? Prompts.array(prompt.ids()) : encode(prompt.text(), tokenizer);
      return generator
          .generate(
              Prompts.orStart(ids, config),
              config,
              tokenizer == null ? GenerationHooks.NONE : GenerationHooks.NONE.with(tokenizer),
              (row, id) -> !out.checkError())
          .sequences();
    } catch (IllegalArgumentException e) {
      if (prompt.source().isEmpty()) {
        throw e;
      }
      throw new ModelFormatException(prompt.source() + ": " + e.getMessage(), e);
    }
  }

  private String answer(Generation.Sequence sequence, Tokenizer tokenizer) throws IOException {
    int[] ids = sequence.idArray();
    String text = tokenizer == null ? null : tokenizer.decode(ids, true);
    if (json) {
      Map<String, Object> object = new LinkedHashMap<>();
      object.put("ids", sequence.ids());
      object.put("text", text);
      object.put("finish_reason", sequence.finishReason().name().toLowerCase(Locale.ROOT));
      sequence.score().ifPresent(score -> object.put("score", score));
      return Json.line(object);
    }
    return text != null ? text : sequence.ids().toString().replaceAll("[\\[\\] ]", "");
  }

  private int[] encode(String text, Tokenizer tokenizer) throws UnsupportedModelException {
    if (tokenizer == null) {
      throw new UnsupportedModelException(
          modelName + ": has no tokenizer.json, so prompts must be token ids");
    }
    return tokenizer.encode(text);
  }
}
