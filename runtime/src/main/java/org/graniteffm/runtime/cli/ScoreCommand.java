package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.io.PrintWriter;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.Callable;
import org.graniteffm.runtime.FileErrors;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.score.Score;
import org.graniteffm.runtime.score.Scorer;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code granite score}: how well a model predicts a text. */
@Command(
    name = "score",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    header = "Says how well a model predicts a text.",
    customSynopsis = "granite score [MODEL] --text FILE [OPTION...]",
    description = {
      "Says how well a model predicts a text: the mean negative log-likelihood of its tokens, in"
          + " nats, and the perplexity, which is the exponential of that.",
      "",
      "A text longer than the window is scored in windows, each a pass of its own; what an earlier"
          + " window has counted is context alone. The first token of a window has no prediction.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  granite score path/to/model --text book.txt",
      "  granite score path/to/model --text book.txt --window 512 --stride 256 --json"
    })
final class ScoreCommand implements Callable<Integer> {
  /** No UTF-16 unit has more bytes of UTF-8. */
  private static final long LONGEST_FILE = 3L * Tokenizer.LONGEST_TEXT;

  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL",
      description = ModelSource.HELP + " If absent, the built-in demo model.")
  private String modelName;

  @Option(
      names = "--text",
      required = true,
      paramLabel = "FILE",
      description = "The text, UTF-8. It is taken as it is, a line feed at its end included.")
  private Path text;

  @Option(
      names = "--window",
      paramLabel = "N",
      description = "Tokens in one pass (default: max_position_embeddings).")
  private Integer window;

  @Option(
      names = "--stride",
      paramLabel = "N",
      description =
          "Tokens from one window to the next, at most the window; the smaller, the more context"
              + " each token has (default: half the window).")
  private Integer stride;

  @Option(
      names = "--tokens",
      description =
          "Also a line for each token: its number, its id, its negative log-likelihood (- where it"
              + " has none) and its text; with --json the lists \"ids\" and \"nll\".")
  private boolean tokens;

  @Option(
      names = "--json",
      description =
          "Print one JSON object: tokens, predicted, mean_nll, perplexity, window, stride,"
              + " windows.")
  private boolean json;

  @Mixin private ModelSource models;

  @Mixin private ComputeOptions compute;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() throws IOException {
    compute.apply();
    checkOptions();
    String content = read();
    if (content.isEmpty()) {
      throw new ModelFormatException(text + ": is empty, there is nothing to score");
    }
    Path folder = models.locate(modelName);
    try (GraniteForCausalLM model = compute.load(folder);
        Tokenizer tokenizer = Tokenizers.open(folder)) {
      int length = window == null ? Scorer.defaultWindow(model) : window;
      int step = stride == null ? Scorer.defaultStride(length) : stride;
      int[] ids = tokenizer.encode(content);
      try (Scorer scorer = new Scorer(model, length, step)) {
        print(scorer, scorer.score(ids), ids, tokenizer);
      }
    }
    return Main.DONE;
  }

  /** What can be said without the model; its context is the window unless one is given. */
  private void checkOptions() {
    if (window != null && window < 2) {
      throw new ParameterException(
          spec.commandLine(), "--window: " + window + " tokens, legal are at least 2");
    }
    if (stride != null && (stride < 1 || (window != null && stride > window))) {
      throw new ParameterException(
          spec.commandLine(),
          "--stride: %d tokens, legal are 1 to %s"
              .formatted(stride, window == null ? "the window" : "the window, " + window));
    }
  }

  private String read() throws IOException {
    if (!Files.isRegularFile(text)) {
      if (Files.notExists(text)) {
        throw new NoSuchFileException(text.toString(), null, "no such file");
      }
      throw new ModelFormatException(text + ": not a regular file");
    }
    byte[] bytes;
    try (var in = Files.newInputStream(text)) {
      bytes = in.readNBytes((int) LONGEST_FILE + 1);
    } catch (IOException e) {
      throw FileErrors.at(text, e);
    }
    if (bytes.length > LONGEST_FILE) {
      throw new ModelFormatException(
          text + ": longer than " + LONGEST_FILE + " bytes, score it in parts");
    }
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .onMalformedInput(CodingErrorAction.REPORT)
          .onUnmappableCharacter(CodingErrorAction.REPORT)
          .decode(ByteBuffer.wrap(bytes))
          .toString();
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(text + ": not valid UTF-8", e);
    }
  }

  private void print(Scorer scorer, Score score, int[] ids, Tokenizer tokenizer) {
    PrintWriter out = spec.commandLine().getOut();
    double[] losses = score.negativeLogLikelihoods();
    if (json) {
      Map<String, Object> facts = new LinkedHashMap<>();
      facts.put("tokens", score.tokens());
      facts.put("predicted", score.predicted());
      facts.put("mean_nll", score.meanNegativeLogLikelihood());
      facts.put("perplexity", score.perplexity());
      facts.put("window", scorer.window());
      facts.put("stride", scorer.stride());
      facts.put("windows", score.windows());
      if (tokens) {
        List<Object> idList = new ArrayList<>(ids.length);
        List<Object> lossList = new ArrayList<>(ids.length);
        for (int i = 0; i < ids.length; i++) {
          idList.add(ids[i]);
          lossList.add(losses[i]); // NaN is written as null
        }
        facts.put("ids", idList);
        facts.put("nll", lossList);
      }
      out.println(Json.line(facts));
      return;
    }
    for (int i = 0; tokens && i < ids.length; i++) {
      String loss = Double.isNaN(losses[i]) ? "-" : String.format(Locale.ROOT, "%.4f", losses[i]);
      String word = Names.quote(tokenizer.decode(ids, i, i + 1, false));
      out.printf(Locale.ROOT, "%7d %7d %9s  %s%n", i, ids[i], loss, word);
    }
    out.printf(
        Locale.ROOT,
        "tokens %d, predicted %d, windows %d of %d every %d%n",
        score.tokens(),
        score.predicted(),
        score.windows(),
        scorer.window(),
        scorer.stride());
    out.printf(
        Locale.ROOT,
        "mean negative log-likelihood %.5f, perplexity %s%n",
        score.meanNegativeLogLikelihood(),
        Units.three(score.perplexity()));
  }
}
