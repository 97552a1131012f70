package org.graniteffm.langchain4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.embedding.EmbeddingModel;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.SystemMessage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.graniteffm.runtime.demo.DemoModel;
import org.junit.jupiter.api.Test;

/** The code in the documentation compiles, runs, and is the code below. */
class ReadmeExampleTest {
  private static final Path THIS =
      Path.of("src/test/java/org/graniteffm/langchain4j/ReadmeExampleTest.java");
  private static final Path README = Path.of("README.md");

  // begin
  interface Assistant {
    @SystemMessage("You tell fairy tales.")
    String chat(String message);
  }

  static void example(Path folder, StringBuilder out) throws IOException {
    try (GraniteCheckpoint checkpoint = GraniteCheckpoint.open(folder)) {
      ChatModel chat =
          GraniteChatModel.builder()
              .checkpoint(checkpoint)
              .temperature(0.7)
              .maxOutputTokens(60)
              .build();
      Assistant assistant = AiServices.create(Assistant.class, chat);
      out.append(assistant.chat("Tell me a story about the golden bird."));

      EmbeddingModel embeddings = GraniteEmbeddingModel.builder().checkpoint(checkpoint).build();
      out.append(embeddings.embed("a text").content().dimension());
    }
  }

  // end

  @Test
  void exampleRuns() throws IOException {
    StringBuilder out = new StringBuilder();
    example(DemoModel.directory(), out);
    assertTrue(out.toString().matches("(?s).{20,}\\d+"), out.toString());
  }

  @Test
  void exampleIsTheOneInTheReadme() throws IOException {
    List<String> source = Files.readAllLines(THIS);
    int begin = source.indexOf("  // begin");
    String code = String.join("\n", source.subList(begin + 1, source.indexOf("  // end")));
    String readme = Files.readString(README);
    int start = readme.indexOf("```java\n") + "```java\n".length();
    assertEquals(
        code.stripTrailing().stripIndent(),
        readme.substring(start, readme.indexOf("\n```", start)));
  }
}
