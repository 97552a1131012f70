package org.graniteffm.runtime.cli;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.StringJoiner;
import java.util.concurrent.Callable;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.embed.Embedder;
import org.graniteffm.runtime.embed.Pooling;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.GraniteModel;
import org.graniteffm.runtime.model.GranitePreTrainedModel;
import org.graniteffm.runtime.model.Session;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code granite embed}: texts as vectors. */
@Command(
    name = "embed",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    header = "Turns texts into vectors.",
    customSynopsis = "granite embed [MODEL [TEXT...]] [OPTION...]",
    description = {
      "Turns texts into vectors: the model's last hidden states, pooled.",
      "",
      "Prints a line for each text, in their order: hidden_size numbers with spaces between them;"
          + " with --json {\"tokens\": how many the text has, \"embedding\": the numbers}. Without"
          + " TEXT and --inputs, each line of standard input is a text.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  granite embed path/to/model \"a text\" \"another one\"",
      "  granite embed path/to/model --pooling last --json < texts.txt > vectors.jsonl"
    })
final class EmbedCommand implements Callable<Integer> {
  @Parameters(
      index = "0",
      arity = "0..1",
      paramLabel = "MODEL",
      description = ModelSource.HELP + " If absent, the built-in demo model.")
  private String modelName;

  @Parameters(index = "1..*", paramLabel = "TEXT", description = "Texts, behind the model.")
  private List<String> texts = new ArrayList<>();

  @Option(
      names = "--inputs",
      paramLabel = "FILE.jsonl",
      description = "Texts, a line each: {\"text\": \"…\"} or {\"ids\": […]}.")
  private Path file;

  @Option(
      names = "--pooling",
      paramLabel = "mean|last",
      defaultValue = "mean",
      completionCandidates = Choices.Poolings.class,
      description =
          "How the states of a text's tokens become one: their mean, or the last one (default:"
              + " mean).")
  private String poolingName;

  @Option(
      names = "--normalize",
      negatable = true,
      defaultValue = "true",
      fallbackValue = "true",
      description =
          "Divide each vector by its length, so that the dot product of two is the cosine of their"
              + " angle (default: yes).")
  private boolean normalize;

  @Option(names = "--json", description = "Print one JSON object a line.")
  private boolean json;

  @Mixin private ModelSource models;

  @Mixin private ComputeOptions compute;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    Pooling pooling =
        switch (poolingName) {
          case "mean" -> Pooling.MEAN;
          case "last" -> Pooling.LAST_TOKEN;
          default -> throw usage("--pooling: '" + poolingName + "' is not one of mean, last");
        };
    if (file != null && !texts.isEmpty()) {
      throw usage("--inputs: the texts are given already");
    }
    List<Inputs.Prompt> given = given(); // all of it is checked before the model is loaded
    Path folder = locate();
    compute.apply();
    try (GranitePreTrainedModel opened = compute.open(folder);
        Tokenizer tokenizer = Prompts.tokenizer(folder)) {
      Batch batch = new Batch(headless(opened), pooling, tokenizer);
      if (given.isEmpty()) {
        embedLines(batch);
      } else {
        for (Inputs.Prompt text : given) {
          if (!batch.add(text)) {
            return Main.DONE;
          }
        }
        batch.flush();
      }
    }
    return Main.DONE;
  }

  private ParameterException usage(String message) {
    return new ParameterException(spec.commandLine(), message);
  }

  private static GraniteModel headless(GranitePreTrainedModel opened) {
    return switch (opened) {
      case GraniteModel model -> model;
      case GraniteForCausalLM model -> model.model();
    };
  }

  private Path locate() throws IOException {
    try {
      return models.locate(modelName);
    } catch (NoSuchFileException e) {
      if (modelName.contains(" ")) {
        throw usage("MODEL comes before TEXT: there is no folder " + Names.quote(modelName));
      }
      throw e;
    }
  }

  /** Empty if the texts come on standard input. */
  private List<Inputs.Prompt> given() throws IOException {
    if (file != null) {
      return Inputs.read(file, "text");
    }
    List<Inputs.Prompt> given = new ArrayList<>();
    for (String text : texts) {
      given.add(new Inputs.Prompt("TEXT " + (given.size() + 1), text, null));
    }
    if (given.isEmpty() && Terminal.isInput()) {
      throw usage("no text: give TEXT behind MODEL, --inputs, or lines on standard input");
    }
    return given;
  }

  private void embedLines(Batch batch) throws IOException {
    // not closed: standard input is not ours
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8.newDecoder()));
    try {
      int number = 0;
      for (String line = in.readLine(); line != null; line = in.readLine()) {
        number++;
        if (!batch.add(new Inputs.Prompt("standard input: line " + number, line, null))) {
          return;
        }
        if (!in.ready()) {
          batch.flush(); // whoever writes the lines may wait for the answer
        }
      }
    } catch (CharacterCodingException e) {
      throw new ModelFormatException("standard input: not valid UTF-8", e);
    }
    batch.flush();
  }

  /** Texts that are yet to be embedded, about as many as fit into a pass. */
  private final class Batch {
    private final Embedder embedder;
    private final Tokenizer tokenizer; // null if the checkpoint has none
    private final List<int[]> waiting = new ArrayList<>();
    private final int vocabulary;
    private int tokens;

    Batch(GraniteModel model, Pooling pooling, Tokenizer tokenizer) {
      embedder = new Embedder(model, pooling, normalize);
      vocabulary = model.config().vocabSize();
      this.tokenizer = tokenizer;
    }

    /** Adds a text; false if nobody reads the vectors any more. */
    boolean add(Inputs.Prompt text) throws IOException {
      int[] ids;
      try {
        ids = text.ids() != null ? Prompts.array(text.ids()) : encode(text.text());
      } catch (IllegalArgumentException e) {
        throw new ModelFormatException(text.source() + ": " + e.getMessage(), e);
      }
      check(ids, text.source());
      if (tokens + ids.length > Session.BLOCK_ROWS && !flush()) {
        return false;
      }
      waiting.add(ids);
      tokens += ids.length;
      return true;
    }

    private void check(int[] ids, String source) throws ModelFormatException {
      if (ids.length == 0) {
        throw new ModelFormatException(source + ": is empty, there is nothing to embed");
      }
      for (int id : ids) {
        if (id < 0 || id >= vocabulary) {
          throw new ModelFormatException(
              "%s: token id %d, legal are 0 to %d".formatted(source, id, vocabulary - 1));
        }
      }
    }

    /** Embeds those that wait, and prints them; false if nobody reads the vectors any more. */
    boolean flush() {
      PrintWriter out = spec.commandLine().getOut();
      List<float[]> vectors = embedder.embed(waiting);
      for (int i = 0; i < vectors.size(); i++) {
        out.println(line(waiting.get(i), vectors.get(i)));
      }
      waiting.clear();
      tokens = 0;
      return !out.checkError(); // flushes
    }

    private String line(int[] ids, float[] vector) {
      for (float value : vector) {
        if (!Float.isFinite(value)) {
          throw new IllegalStateException(
              "the model's states are no finite numbers: the weights are damaged or overflow");
        }
      }
      if (json) {
        Map<String, Object> object = new LinkedHashMap<>();
        object.put("tokens", ids.length);
        object.put("embedding", vector);
        return Json.exactLine(object);
      }
      StringJoiner numbers = new StringJoiner(" ");
      for (float value : vector) {
        numbers.add(Float.toString(value));
      }
      return numbers.toString();
    }

    private int[] encode(String text) throws UnsupportedModelException {
      if (tokenizer == null) {
        throw new UnsupportedModelException(
            modelName + ": has no tokenizer.json, so texts must be token ids");
      }
      return tokenizer.encode(text);
    }
  }
}
