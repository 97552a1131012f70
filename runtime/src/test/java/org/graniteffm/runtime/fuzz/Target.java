package org.graniteffm.runtime.fuzz;

import com.fasterxml.jackson.core.io.JsonStringEncoder;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.chat.ChatOptions;
import org.graniteffm.runtime.chat.ChatTemplate;
import org.graniteffm.runtime.chat.Message;
import org.graniteffm.runtime.chat.ToolCall;
import org.graniteffm.runtime.chat.jinja.TemplateParts;
import org.graniteffm.runtime.cli.InputLines;
import org.graniteffm.runtime.cli.Main;
import org.graniteffm.runtime.config.ConfigStyle;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.safetensors.FileAccess;
import org.graniteffm.runtime.safetensors.SafetensorsFile;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import org.graniteffm.runtime.verify.GoldenCase;

/**
 * The readers of strangers' files. Each takes any bytes whatever and either reads them or throws
 * what is documented; each has a folder of seeds and findings in the test resources.
 *
 * <p>An input is a kind, and then either the bytes of the file or choices of what to change in a
 * seed: see {@link #file}.
 */
abstract class Target {
  /** The seeds and findings of all targets. */
  static final Path CORPUS = Path.of("src/test/resources/fuzz").toAbsolutePath();

  static final Path MODEL = Path.of("src/test/resources/golden/granite_gqa_bf16").toAbsolutePath();

  /** Longest message: a few names of 200 characters, each of which may be escaped. */
  private static final int LONGEST_MESSAGE = 2000;

  /** Bytes of heap: a tree node for every second byte. */
  private static final long MOST_PER_BYTE = 100;

  private static final long MOST_AT_ALL = 2 << 20;

  final String name;
  final Path folder;
  private final List<String> seeds = new ArrayList<>();

  Target(String name, Path folder) throws IOException {
    this.name = name;
    this.folder = folder;
    for (Path seed : corpus(".json")) {
      seeds.add(Files.readString(seed));
    }
  }

  /** The names of all targets. */
  static final List<String> NAMES =
      List.of(
          "safetensors",
          "config",
          "index",
          "generation_config",
          "tokenizer",
          "inputs",
          "template",
          "case",
          "forward");

  /**
   * Makes a target.
   *
   * @param name one of {@link #NAMES}
   * @param folder an empty one, to write files to
   */
  static Target of(String name, Path folder) throws IOException {
    return switch (name) {
      case "safetensors" -> new SafetensorsTarget(folder);
      case "config" -> new ConfigTarget(folder);
      case "index" -> new IndexTarget(folder);
      case "generation_config" -> new GenerationConfigTarget(folder);
      case "tokenizer" -> new TokenizerTarget(folder);
      case "inputs" -> new InputsTarget(folder);
      case "template" -> new TemplateTarget(folder);
      case "case" -> new CaseTarget(folder);
      case "forward" -> new ForwardTarget(folder);
      default -> throw new IllegalArgumentException(name);
    };
  }

  /** Bytes of heap that reading may take: what a first call sets up, and some for each byte. */
  long mostAllocated(int bytes) {
    return MOST_AT_ALL + MOST_PER_BYTE * bytes;
  }

  /** Reads a file's bytes. */
  abstract void read(byte[] bytes) throws IOException;

  /** Makes a file of the target from its JSON. */
  byte[] fromJson(byte[] json, Choices choices) {
    return json;
  }

  /** Files of this target's corpus: {@code .json} are seeds to change, {@code .bin} findings. */
  final List<Path> corpus(String suffix) throws IOException {
    List<Path> files = new ArrayList<>();
    Path directory = CORPUS.resolve(name);
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory, "*" + suffix)) {
      entries.forEach(files::add);
    }
    files.sort(null);
    return files;
  }

  /**
   * The file that an input stands for.
   *
   * @param input its first byte below 32: the bytes of the file follow; else choices follow
   * @return the file's bytes
   */
  final byte[] file(byte[] input) throws IOException {
    if (input.length == 0 || (input[0] & 0xff) < 32) {
      return input.length == 0 ? input : Arrays.copyOfRange(input, 1, input.length);
    }
    Choices choices = new Choices(Arrays.copyOfRange(input, 1, input.length));
    String seed = seeds.get(choices.next(seeds.size()));
    return fromJson(new JsonMutator(choices).mutate(seed), choices);
  }

  /**
   * Reads an input, and checks what comes of it.
   *
   * @return whether it was a file as it should be
   */
  final boolean accepts(byte[] bytes) {
    try {
      read(bytes);
      return true;
    } catch (ModelFormatException | FileSystemException e) {
      String said = e.getMessage();
      if (said == null || said.lines().count() != 1 || said.length() > LONGEST_MESSAGE) {
        throw new AssertionError("message: " + said, e);
      }
      if (said.chars().anyMatch(Character::isISOControl)) {
        throw new AssertionError("control character in: " + said, e);
      }
      return false;
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  private static void touchAll(SafetensorsFile file, int size) {
    long bytes = 0;
    for (Tensor tensor : file.tensors().values()) {
      long last = tensor.segment().byteSize() - 1;
      if (last >= 0) {
        tensor.segment().get(ValueLayout.JAVA_BYTE, 0);
        tensor.segment().get(ValueLayout.JAVA_BYTE, last);
      }
      bytes += last + 1;
    }
    if (bytes != file.byteSize() || bytes > size) {
      throw new AssertionError(bytes + " bytes of tensors, " + file.byteSize() + " of data");
    }
  }

  /** A header with as much data as it declares, mostly. */
  private static byte[] safetensors(byte[] header, Choices choices) {
    long data = 0;
    String text = new String(header, StandardCharsets.UTF_8);
    var offsets = Pattern.compile("\"data_offsets\":\\[\\d+,(\\d{1,5})\\]").matcher(text);
    while (offsets.find()) {
      data = Math.max(data, Long.parseLong(offsets.group(1)));
    }
    long length = header.length;
    switch (choices.next(16)) {
      case 13 -> data += choices.next(5);
      case 14 -> data = Math.max(0, data - choices.next(5));
      case 15 -> length += choices.next(20) - 10;
      default -> {}
    }
    return prefixed(header, length, (int) data);
  }

  private static byte[] prefixed(byte[] header, long length, int data) {
    return ByteBuffer.allocate(Long.BYTES + header.length + data)
        .order(ByteOrder.LITTLE_ENDIAN)
        .putLong(length)
        .put(header)
        .array();
  }

  private static final class SafetensorsTarget extends Target {
    SafetensorsTarget(Path folder) throws IOException {
      super("safetensors", folder);
    }

    @Override
    void read(byte[] bytes) throws IOException {
      Path file = Files.write(folder.resolve("f.safetensors"), bytes);
      for (FileAccess access : FileAccess.values()) {
        try (Arena arena = Arena.ofConfined()) {
          touchAll(SafetensorsFile.open(file, arena, access), bytes.length);
        }
      }
    }

    @Override
    byte[] fromJson(byte[] json, Choices choices) {
      return safetensors(json, choices);
    }
  }

  private static final class ConfigTarget extends Target {
    ConfigTarget(Path folder) throws IOException {
      super("config", folder);
    }

    @Override
    void read(byte[] bytes) throws IOException {
      GraniteConfig config = GraniteConfig.parse(ByteBuffer.wrap(bytes), "config.json");
      for (ConfigStyle style : ConfigStyle.values()) {
        byte[] again = config.toJson(style, DType.BF16).getBytes(StandardCharsets.UTF_8);
        if (!GraniteConfig.parse(ByteBuffer.wrap(again), "again").equals(config)) {
          throw new AssertionError(
              "another config comes back: " + new String(again, StandardCharsets.UTF_8));
        }
      }
    }
  }

  private static final class IndexTarget extends Target {
    IndexTarget(Path folder) throws IOException {
      super("index", folder);
      for (String name : List.of("a", "b")) {
        byte[] header =
            "{\"%s\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}"
                .formatted(name)
                .getBytes(StandardCharsets.UTF_8);
        Files.write(folder.resolve(name + ".safetensors"), prefixed(header, header.length, 1));
      }
    }

    @Override
    void read(byte[] bytes) throws IOException {
      Files.write(folder.resolve("model.safetensors.index.json"), bytes);
      try (Checkpoint checkpoint = Checkpoint.open(folder)) {
        for (Path file : checkpoint.files()) {
          if (!file.getParent().equals(folder)) {
            throw new AssertionError("led out of the folder: " + file);
          }
        }
      }
    }
  }

  private static final class GenerationConfigTarget extends Target {
    private final GraniteConfig model;

    GenerationConfigTarget(Path folder) throws IOException {
      super("generation_config", folder);
      model = GraniteConfig.load(MODEL);
    }

    @Override
    void read(byte[] bytes) throws IOException {
      Files.write(folder.resolve("generation_config.json"), bytes);
      GenerationConfig.load(folder, model).toBuilder().build();
    }
  }

  private static final class TokenizerTarget extends Target {
    TokenizerTarget(Path folder) throws IOException {
      super("tokenizer", folder);
    }

    @Override
    void read(byte[] bytes) throws IOException {
      Path file = Files.write(folder.resolve("tokenizer.json"), bytes);
      try (Tokenizer tokenizer = Tokenizers.open(file)) {
        for (String text : List.of("Hello, wörld 123!\n", " \u0000\ud83d\ude00<|x|> ab")) {
          int[] ids = tokenizer.encode(text);
          tokenizer.decode(ids, 0, ids.length, false);
          tokenizer.decode(ids, 0, ids.length, true);
        }
      }
    }
  }

  private static final class InputsTarget extends Target {
    InputsTarget(Path folder) throws IOException {
      super("inputs", folder);
    }

    @Override
    void read(byte[] bytes) throws IOException {
      if (InputLines.count(Files.write(folder.resolve("inputs.jsonl"), bytes)) == 0) {
        throw new AssertionError("no prompt and no complaint");
      }
    }
  }

  /** The file that holds a chat template; what is read is rendered as well. */
  private static final class TemplateTarget extends Target {
    private static final int LONGEST_DELETED = 12;
    private static final Clock CLOCK = Clock.fixed(Instant.EPOCH, ZoneOffset.UTC);
    private static final List<Message> CONVERSATION =
        List.of(
            Message.system("Be brief."),
            Message.user("Is it {{ warm }}, {% in %} Paris?"),
            Message.assistant("", List.of(new ToolCall("weather", Map.of("city", "Paris")))),
            Message.tool("{\"degrees\": 20.5}"),
            Message.assistant("<think>Hm</think>Yes."));
    private static final ChatOptions WITH_ALL =
        ChatOptions.builder()
            .clock(CLOCK)
            .tools(List.of(Map.of("type", "function", "function", Map.of("name", "weather"))))
            .documents(List.of(Map.of("title", "a", "text", "b\n")))
            .thinking(true)
            .addGenerationPrompt(false)
            .build();

    TemplateTarget(Path folder) throws IOException {
      super("template", folder);
    }

    @Override
    void read(byte[] bytes) throws IOException {
      Files.write(folder.resolve("tokenizer_config.json"), bytes);
      ChatTemplate template = ChatTemplate.load(folder);
      try {
        template.render(CONVERSATION, ChatOptions.builder().clock(CLOCK).build());
        template.render(CONVERSATION, WITH_ALL);
      } catch (IllegalArgumentException e) { // the template refuses the conversation
        throw new ModelFormatException(e.getMessage(), e);
      }
    }

    /** Parts of templates are put into the text, mostly into the template, and pieces deleted. */
    @Override
    byte[] fromJson(byte[] json, Choices choices) {
      StringBuilder text = new StringBuilder(new String(json, StandardCharsets.UTF_8));
      for (int changes = choices.next(5); changes > 0; changes--) {
        int from = choices.next(text.length() + 1);
        int to = Math.min(text.length(), from + choices.next(LONGEST_DELETED));
        String part = TemplateParts.ALL.get(choices.next(TemplateParts.ALL.size()));
        String escaped = new String(JsonStringEncoder.getInstance().quoteAsString(part));
        text.replace(from, choices.next(2) == 0 ? from : to, escaped);
      }
      return text.toString().getBytes(StandardCharsets.UTF_8);
    }

    @Override
    long mostAllocated(int bytes) {
      return 1L << 30; // what the budget of a template allows, whatever its length
    }
  }

  private static final class CaseTarget extends Target {
    CaseTarget(Path folder) throws IOException {
      super("case", folder);
    }

    @Override
    void read(byte[] bytes) throws IOException {
      Files.write(folder.resolve(GoldenCase.FILE), bytes);
      GoldenCase.read(folder);
    }
  }

  private static final class ForwardTarget extends Target {
    ForwardTarget(Path folder) throws IOException {
      super("forward", folder);
    }

    @Override
    void read(byte[] bytes) throws IOException {
      Path in = Files.write(folder.resolve("in.safetensors"), bytes);
      Path out = folder.resolve("out.safetensors");
      Files.deleteIfExists(out);
      ByteArrayOutputStream err = new ByteArrayOutputStream();
      String[] arguments = {
        "forward", MODEL.toString(), "--inputs", in.toString(), "--outputs", out.toString()
      };
      int code;
      try (PrintStream stream = new PrintStream(err, false, StandardCharsets.UTF_8)) {
        code = Main.run(arguments, stream, stream);
      }
      String said = err.toString(StandardCharsets.UTF_8);
      boolean done = code == Main.DONE && said.isEmpty() && Files.exists(out);
      boolean refused = code == Main.FAILED && said.lines().count() == 1 && !Files.exists(out);
      if (!(done || refused) || said.contains("internal error") || said.contains("out of memory")) {
        throw new AssertionError("exit code " + code + ": " + said);
      }
      if (refused) {
        throw new ModelFormatException(said.strip());
      }
    }

    @Override
    byte[] fromJson(byte[] json, Choices choices) {
      return safetensors(json, choices);
    }
  }
}
