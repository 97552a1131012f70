package org.graniteffm.langchain4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.langchain4j.agent.tool.P;
import dev.langchain4j.agent.tool.Tool;
import dev.langchain4j.memory.chat.MessageWindowChatMemory;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.service.AiServices;
import dev.langchain4j.service.Result;
import dev.langchain4j.service.SystemMessage;
import dev.langchain4j.service.TokenStream;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.graniteffm.runtime.demo.DemoModel;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** LangChain4j's own services, on the demo model. */
class AiServicesTest {
  private static final String CALL =
      "<|tool_call|>[{\"name\": \"add\", \"arguments\": {\"a\": 2, \"b\": 3}}]";

  @TempDir private Path temporary;

  interface Storyteller {
    String tell(String wish);
  }

  interface Assistant {
    @SystemMessage("You can add.")
    Result<String> ask(String question);
  }

  interface StreamingAssistant {
    TokenStream ask(String question);
  }

  static final class Calculator {
    private final List<Integer> sums = new ArrayList<>();

    @Tool("Adds two numbers")
    int add(@P(name = "a", value = "the first") int a, @P(name = "b", value = "the second") int b) {
      sums.add(a + b);
      return a + b;
    }
  }

  @Test
  void demoModelTellsAStory() throws IOException {
    try (GraniteCheckpoint checkpoint = Checkpoints.demo()) {
      GraniteChatModel model =
          GraniteChatModel.builder()
              .checkpoint(checkpoint)
              .temperature(0.0)
              .maxOutputTokens(20)
              .build();
      Storyteller storyteller = AiServices.create(Storyteller.class, model);
      String story = storyteller.tell("Tell me a story about the golden bird.");
      assertEquals(model.chat("Tell me a story about the golden bird."), story);
      assertTrue(story.length() > 20, story);
    }
  }

  @Test
  void memoryIsPartOfThePrompt() throws IOException {
    try (GraniteCheckpoint checkpoint = Checkpoints.demo()) {
      GraniteChatModel model =
          GraniteChatModel.builder()
              .checkpoint(checkpoint)
              .temperature(0.0)
              .maxOutputTokens(12)
              .build();
      Storyteller storyteller =
          AiServices.builder(Storyteller.class)
              .chatModel(model)
              .chatMemory(MessageWindowChatMemory.withMaxMessages(10))
              .build();
      String alone = AiServices.create(Storyteller.class, model).tell("And then?");
      assertNotEquals("", storyteller.tell("Tell me a story of a king."));
      assertNotEquals(alone, storyteller.tell("And then?"));
    }
  }

  @Test
  void toolsAreCalledAndTheirResultsGoBack() throws IOException {
    Path folder = Checkpoints.folder(temporary.resolve("m"), Checkpoints.TOOL_TEMPLATE);
    try (GraniteCheckpoint checkpoint = Checkpoints.saying(folder, CALL, "It is 5.")) {
      List<Integer> prompts = new ArrayList<>();
      Calculator calculator = new Calculator();
      Assistant assistant =
          AiServices.builder(Assistant.class)
              .chatModel(GraniteChatModel.builder().checkpoint(checkpoint).build())
              .tools(calculator)
              .build();
      Result<String> result = assistant.ask("What is 2 and 3?");
      assertEquals("It is 5.", result.content());
      assertEquals(List.of(5), calculator.sums);
      result
          .intermediateResponses()
          .forEach(response -> prompts.add(response.tokenUsage().inputTokenCount()));
      prompts.add(result.finalResponse().tokenUsage().inputTokenCount());
      assertEquals(2, prompts.size());
      // the call and its result have come to the prompt
      assertTrue(
          prompts.get(1) > prompts.get(0) + Checkpoints.ids(checkpoint, "[tool] 5").size(),
          prompts::toString);
    }
  }

  @Test
  void toolsAreCalledWhileStreaming() throws IOException {
    Path folder = Checkpoints.folder(temporary.resolve("m"), Checkpoints.TOOL_TEMPLATE);
    try (GraniteCheckpoint checkpoint = Checkpoints.saying(folder, CALL, "It is 5.")) {
      Calculator calculator = new Calculator();
      StreamingAssistant assistant =
          AiServices.builder(StreamingAssistant.class)
              .streamingChatModel(
                  GraniteStreamingChatModel.builder().checkpoint(checkpoint).build())
              .tools(calculator)
              .build();
      StringBuilder text = new StringBuilder();
      CompletableFuture<ChatResponse> done = new CompletableFuture<>();
      assistant
          .ask("What is 2 and 3?")
          .onPartialResponse(text::append)
          .onCompleteResponse(done::complete)
          .onError(done::completeExceptionally)
          .start();
      assertEquals("It is 5.", done.join().aiMessage().text());
      assertEquals("It is 5.", text.toString());
      assertEquals(List.of(5), calculator.sums);
    }
  }

  @Test
  void streamedStoryIsTheOneThatIsAskedFor() throws IOException {
    try (GraniteCheckpoint checkpoint = GraniteCheckpoint.open(DemoModel.directory())) {
      StreamingAssistant assistant =
          AiServices.create(
              StreamingAssistant.class,
              GraniteStreamingChatModel.builder()
                  .checkpoint(checkpoint)
                  .temperature(0.0)
                  .maxOutputTokens(12)
                  .build());
      StringBuilder text = new StringBuilder();
      CompletableFuture<ChatResponse> done = new CompletableFuture<>();
      assistant
          .ask("Tell me a story.")
          .onPartialResponse(text::append)
          .onCompleteResponse(done::complete)
          .onError(done::completeExceptionally)
          .start();
      assertEquals(done.join().aiMessage().text(), text.toString());
      assertEquals(12, done.join().tokenUsage().outputTokenCount());
    }
  }
}
