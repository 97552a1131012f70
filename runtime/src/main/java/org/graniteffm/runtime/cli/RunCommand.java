package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.generate.Generation;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.GenerationHooks;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.model.Costs;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.tokenizer.StreamDecoder;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code granite run}: streams a continuation of a prompt. */
@Command(
    name = "run",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    header = "Streams a continuation of a prompt.",
    customSynopsis = "granite run [MODEL] PROMPT [OPTION...]",
    description = {
      "Prints the prompt and what the model makes of it, as it comes.",
      "",
      "Standard output holds prompt and continuation, nothing else. A closing line on standard"
          + " error has the speed: GB/s are the weights and cached keys and values that each new"
          + " token reads, over its time.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  granite run \"Once upon a time\"",
      "  granite run path/to/model \"The capital of France is\" --max-new-tokens 30",
      "  granite run path/to/model \"Dear Sir,\" --do-sample --temperature 0.7 --seed 1"
    })
final class RunCommand implements Callable<Integer> {
  private static final int NEW_TOKENS = 200;

  @Parameters(
      arity = "1..2",
      paramLabel = "[MODEL] PROMPT",
      description = ModelSource.HELP + " If absent, the built-in demo model writes a fairy tale.")
  private List<String> arguments;

  @Mixin private GenerationOptions options;

  @Mixin private ModelSource models;

  @Mixin private ComputeOptions compute;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    long start = System.nanoTime();
    if (arguments.size() > 2) { // the arity is that of each occurrence, and there may be several
      throw new ParameterException(
          spec.commandLine(),
          "one argument too many: '%s'; a prompt of several words is one argument in quotes"
              .formatted(arguments.get(2)));
    }
    String prompt = arguments.getLast();
    String name = arguments.size() > 1 ? arguments.getFirst() : null;
    if (name == null && isCheckpoint(prompt)) {
      throw new ParameterException(
          spec.commandLine(), "no prompt: '" + prompt + "' is a checkpoint folder");
    }
    if (options.isGiven("--num-return-sequences")) {
      throw new ParameterException(
          spec.commandLine(), "--num-return-sequences: 'granite generate' prints several texts");
    }
    Path folder = locate(name);
    compute.apply();
    try (GraniteForCausalLM model = compute.load(folder);
        GraniteForCausalLM assistant = options.loadAssistant(models, compute);
        Tokenizer tokenizer = Tokenizers.open(folder);
        Generator generator = new Generator(model, assistant)) {
      GenerationConfig config =
          options.over(GenerationConfig.load(folder, model.config()), folder, assistant);
      GenerationConfig one = config.toBuilder().numReturnSequences(1).build();
      return run(model, tokenizer, generator, one, prompt, start);
    }
  }

  private Path locate(String name) throws IOException {
    try {
      return models.locate(name);
    } catch (NoSuchFileException e) {
      if (!ModelSource.NO_FOLDER.equals(e.getReason())) {
        throw e;
      }
      throw new NoSuchFileException(
          e.getFile(),
          null,
          e.getReason() + "; a prompt of several words is one argument in quotes");
    }
  }

  private int run(
      GraniteForCausalLM model,
      Tokenizer tokenizer,
      Generator generator,
      GenerationConfig config,
      String prompt,
      long start) {
    PrintWriter out = spec.commandLine().getOut();
    long submitted = System.nanoTime();
    int[] ids = Prompts.orStart(tokenizer.encode(prompt), config);
    GenerationConfig limited = limit(config, ids.length, model.config());
    StreamDecoder text = tokenizer.streamDecoder(true);
    long[] firstToken = new long[1];
    Generation generation =
        generator.generate(
            ids,
            limited,
            GenerationHooks.NONE.with(tokenizer),
            (sequence, id) -> {
              if (firstToken[0] == 0) {
                firstToken[0] = System.nanoTime();
                out.print(prompt); // not before: a prompt that is refused is not printed
              }
              out.print(text.push(id));
              return !out.checkError(); // flushes; false once nobody reads any more
            });
    out.println(text.flush());
    out.flush();
    String line = report(model, generation, ids.length);
    if (firstToken[0] != 0) {
      line +=
          String.format(
              Locale.ROOT,
              "; first token after %s, loading took %s",
              Units.time(firstToken[0] - submitted),
              Units.time(submitted - start));
    }
    spec.commandLine().getErr().println(line);
    return Main.DONE;
  }

  /** As many new tokens as the context has room for, {@value #NEW_TOKENS} at most. */
  private GenerationConfig limit(GenerationConfig config, int promptLength, GraniteConfig model) {
    if (options.limitsLength()
        || config.maxNewTokens().isPresent()
        || config.maxLength().isPresent()) {
      return config;
    }
    int room = Math.max(1, model.maxPositionEmbeddings() - promptLength);
    int most = Math.max(Math.min(NEW_TOKENS, room), config.minNewTokens().orElse(0));
    return config.toBuilder().maxNewTokens(most).build();
  }

  private static String report(GraniteForCausalLM model, Generation generation, int promptLength) {
    double prefill = generation.prefillNanos() / 1e9;
    StringBuilder line = new StringBuilder("granite: ");
    line.append(
        String.format(
            Locale.ROOT,
            "%d prompt tokens at %s tok/s, %d new ones (%s)",
            promptLength,
            Units.three(generation.promptTokens() / prefill),
            generation.newTokens(),
            generation.sequences().getFirst().finishReason().name().toLowerCase(Locale.ROOT)));
    if (generation.steps() > 0) {
      line.append(rate(model, generation, promptLength));
    }
    return line.toString();
  }

  private static String rate(GraniteForCausalLM model, Generation generation, int promptLength) {
    double seconds = generation.decodeNanos() / 1e9;
    int tokens = generation.newTokens() - 1; // the first one belongs to the prompt
    if (generation.steps() < tokens) { // some were guessed
      return String.format(
          Locale.ROOT,
          " at %s tok/s, in %d passes",
          Units.three(tokens / seconds),
          generation.steps());
    }
    double decode = seconds / generation.steps();
    double past = promptLength + (generation.steps() - 1) / 2.0;
    double bytes = Costs.of(model).decodeBytes(1, past);
    return String.format(
        Locale.ROOT,
        " at %s tok/s, %s GB/s",
        Units.three(1 / decode),
        Units.three(bytes / decode / 1e9));
  }

  private static boolean isCheckpoint(String argument) {
    try {
      return Files.exists(Path.of(argument).resolve("config.json"));
    } catch (InvalidPathException e) {
      return false;
    }
  }
}
