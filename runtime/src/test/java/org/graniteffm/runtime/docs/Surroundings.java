package org.graniteffm.runtime.docs;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.graniteffm.runtime.chat.ToolCall;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;

/** What examples take for granted: each is the body of a method of a subclass. */
@SuppressWarnings("unused") // by the examples
class Surroundings implements AutoCloseable {
  final Path folder = DemoModel.directory();
  final GraniteForCausalLM model = GraniteForCausalLM.load(folder);
  final Tokenizer tokenizer = Tokenizers.open(folder);
  final Generator generator = new Generator(model);
  final GenerationConfig config = GenerationConfig.builder().maxNewTokens(8).build();
  final String text = "Once upon a time there was a king who had three sons.";
  final int[] ids = tokenizer.encode(text);
  final StringBuilder out = new StringBuilder();
  final Map<String, Object> clock = Map.of("name", "time_in");

  // of the kernels
  final int rows = 3;
  final int cols = 70;
  final int outputs = 11;
  final float[] input = new float[rows * cols];
  final float[] matrix = new float[outputs * cols];
  final int hiddenSize = model.config().hiddenSize();

  Surroundings() throws IOException {}

  static String generate(int[] prompt) {
    return prompt.length == 0 ? "" : "<tool_call>{\"name\": \"time_in\"}</tool_call>";
  }

  static String run(ToolCall call) {
    return call.name();
  }

  static void show(String answer) {
    System.out.println(answer);
  }

  /** The examples, one after the other. */
  static void runAll(List<Example> examples) throws Exception {
    for (Example example : examples) {
      System.out.println("example " + example.getClass().getSimpleName());
      example.run();
      if (example instanceof AutoCloseable closeable) {
        closeable.close();
      }
    }
    System.out.println("all examples ran");
  }

  /** One of them. */
  interface Example {
    /** Does what the page shows. */
    void run() throws Exception;
  }

  @Override
  public void close() {
    generator.close();
    tokenizer.close();
    model.close();
  }
}
