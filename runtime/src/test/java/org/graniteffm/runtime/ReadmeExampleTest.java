package org.graniteffm.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.model.ForwardInput;
import org.graniteffm.runtime.model.ForwardOutput;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.tokenizer.StreamDecoder;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import org.junit.jupiter.api.Test;

/** The code on the first page of the documentation compiles, runs, and is the code below. */
class ReadmeExampleTest {
  private static final Path THIS =
      Path.of("src/test/java/org/graniteffm/runtime/ReadmeExampleTest.java");
  private static final Path README = Path.of("../README.md");

  private static void example(Path folder, StringBuilder out) throws IOException {
    // begin
    try (GraniteForCausalLM model = GraniteForCausalLM.load(folder);
        Tokenizer tokenizer = Tokenizers.open(folder);
        Generator generator = new Generator(model)) {
      GenerationConfig config =
          GenerationConfig.load(folder, model.config()).toBuilder().maxNewTokens(60).build();
      StreamDecoder text = tokenizer.streamDecoder(true);
      generator.generate(
          tokenizer.encode("Once upon a time"),
          config,
          (sequence, id) -> {
            out.append(text.push(id)); // complete characters only
            return true; // false ends it
          });
      out.append(text.flush());

      int[] ids = tokenizer.encode("The king had three");
      try (ForwardOutput pass = model.forward(ForwardInput.ofIds(ids).logitsToKeep(1).build())) {
        float[] scores = pass.logits().toFloatArray(); // of each token of the vocabulary
        out.append(scores.length);
      }
    }
    // end
  }

  @Test
  void exampleRuns() throws IOException {
    StringBuilder out = new StringBuilder();
    example(DemoModel.directory(), out);
    assertTrue(out.toString().endsWith("4096"), out.toString());
    assertTrue(out.length() > 20, out.toString());
  }

  @Test
  void exampleIsTheOneInTheReadme() throws IOException {
    List<String> source = Files.readAllLines(THIS);
    int begin = source.indexOf("    // begin");
    String code =
        String.join("\n", source.subList(begin + 1, source.indexOf("    // end"))).stripIndent();
    String readme = Files.readString(README);
    int start = readme.indexOf("```java\n") + "```java\n".length();
    assertEquals(code, readme.substring(start, readme.indexOf("\n```", start)));
  }
}
