package org.example.story;

import java.io.IOException;
import java.nio.file.Path;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.generate.TokenStream;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;

/** Continues a text: Story CHECKPOINT-FOLDER PROMPT. */
public final class Story {
  private Story() {}

  /** Prints the prompt and forty tokens more, each as soon as it is there. */
  public static void main(String[] args) throws IOException {
    Path folder = Path.of(args[0]);
    String prompt = args[1];
    try (GraniteForCausalLM model = GraniteForCausalLM.load(folder);
        Tokenizer tokenizer = Tokenizers.open(folder);
        Generator generator = new Generator(model)) {
      GenerationConfig config =
          GenerationConfig.load(folder, model.config()).toBuilder().maxNewTokens(40).build();
      System.out.print(prompt);
      try (TokenStream tokens = generator.stream(tokenizer.encode(prompt), config)) {
        tokens.text(tokenizer).forEach(System.out::print); // complete characters only
      }
      System.out.println();
    }
  }
}
