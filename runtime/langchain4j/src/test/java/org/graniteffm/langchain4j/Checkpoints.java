package org.graniteffm.langchain4j;

import java.io.IOException;
import java.nio.IntBuffer;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.List;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.generate.GenerationHooks;
import org.graniteffm.runtime.generate.LogitsProcessor;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;

/** The demo model, with other chat templates, and made to say what a test wants to hear. */
final class Checkpoints {
  /** Writes down all that it is given. */
  static final String TOOL_TEMPLATE =
      """
      {%- if tools %}{{ '[tools] ' + (tools | tojson) + '\\n' }}{%- endif %}
      {%- for message in messages %}
      {{- '[' + message.role + '] ' + message.content }}
      {%- if message.tool_calls %}{{ ' [calls] ' + (message.tool_calls | tojson) }}{%- endif %}
      {%- if message.reasoning_content %}{{ ' (' + message.reasoning_content + ')' }}{%- endif %}
      {{- '\\n' }}
      {%- endfor %}
      {%- if add_generation_prompt %}{{ '[assistant] ' }}{%- endif %}\
      """;

  private static final int END = 0;

  private Checkpoints() {}

  static GraniteCheckpoint demo() throws IOException {
    return GraniteCheckpoint.open(DemoModel.directory());
  }

  /** The demo model's files in a folder, but with this template. */
  static Path folder(Path folder, String template) throws IOException {
    Files.createDirectories(folder);
    try (DirectoryStream<Path> files =
        Files.newDirectoryStream(DemoModel.directory(), "*.{json,safetensors}")) {
      for (Path file : files) {
        Files.copy(file, folder.resolve(file.getFileName().toString()));
      }
    }
    Files.writeString(folder.resolve("chat_template.jinja"), template);
    return folder;
  }

  /** A checkpoint whose answers are these, one after the other, token by token. */
  static GraniteCheckpoint saying(Path folder, String... answers) throws IOException {
    Deque<Integer> script = new ArrayDeque<>();
    try (Tokenizer tokenizer = Tokenizers.open(folder)) {
      for (String answer : answers) {
        Arrays.stream(tokenizer.encode(answer)).forEach(script::add);
        script.add(END);
      }
    }
    return GraniteCheckpoint.open(folder, GenerationHooks.NONE.with(new Script(script)));
  }

  private record Script(Deque<Integer> tokens) implements LogitsProcessor {
    @Override
    public void process(int sequence, IntBuffer before, float[] scores) {
      Arrays.fill(scores, Float.NEGATIVE_INFINITY);
      scores[tokens.remove()] = 0;
    }
  }

  /** Tokens of a text. */
  static List<Integer> ids(GraniteCheckpoint checkpoint, String text) {
    return Arrays.stream(checkpoint.tokenizer().encode(text)).boxed().toList();
  }
}
