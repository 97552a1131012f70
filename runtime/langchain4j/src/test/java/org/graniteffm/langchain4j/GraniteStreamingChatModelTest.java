package org.graniteffm.langchain4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.listener.ChatModelResponseContext;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.CompleteToolCall;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.output.FinishReason;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.graniteffm.runtime.demo.DemoModel;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class GraniteStreamingChatModelTest {
  private static final String QUESTION = "Tell me a story about the golden bird.";
  private static final ToolSpecification TOOL =
      ToolSpecification.builder().name("add").description("Adds").build();

  private static GraniteCheckpoint demo;

  @TempDir private static Path temporary;

  @BeforeAll
  static void open() throws IOException {
    demo = Checkpoints.demo();
  }

  @AfterAll
  static void close() {
    demo.close();
  }

  /** Writes down what it hears; everything is heard before a call of a model() returns. */
  private static class Heard implements StreamingChatResponseHandler {
    final List<String> pieces = new ArrayList<>();
    final List<CompleteToolCall> calls = new ArrayList<>();
    final List<Throwable> errors = new ArrayList<>();
    ChatResponse response;

    @Override
    public void onPartialResponse(PartialResponse piece, PartialResponseContext context) {
      pieces.add(piece.text());
    }

    @Override
    public void onCompleteToolCall(CompleteToolCall call) {
      assertNull(response);
      calls.add(call);
    }

    @Override
    public void onCompleteResponse(ChatResponse completeResponse) {
      assertNull(response);
      response = completeResponse;
    }

    @Override
    public void onError(Throwable error) {
      errors.add(error);
    }

    String text() {
      return String.join("", pieces);
    }
  }

  private static GraniteStreamingChatModel.Builder model(GraniteCheckpoint checkpoint) {
    return GraniteStreamingChatModel.builder()
        .checkpoint(checkpoint)
        .temperature(0.0)
        .maxOutputTokens(24)
        .executor(Runnable::run);
  }

  private static Heard ask(GraniteStreamingChatModel model, ChatRequest request) {
    Heard heard = new Heard();
    model.chat(request, heard);
    return heard;
  }

  private static ChatRequest.Builder request() {
    return ChatRequest.builder().messages(UserMessage.from(QUESTION));
  }

  @Test
  void piecesTogetherAreTheAnswer() {
    Heard heard = ask(model(demo).build(), request().build());
    String whole =
        GraniteChatModel.builder()
            .checkpoint(demo)
            .temperature(0.0)
            .maxOutputTokens(24)
            .build()
            .chat(QUESTION);
    assertEquals(whole, heard.text());
    assertEquals(whole, heard.response.aiMessage().text());
    assertTrue(heard.pieces.size() > 10, heard.pieces::toString);
    assertFalse(heard.pieces.contains(""), heard.pieces::toString);
    assertEquals(FinishReason.LENGTH, heard.response.finishReason());
    assertEquals(24, heard.response.tokenUsage().outputTokenCount());
    assertEquals(List.of(), heard.errors);
  }

  @Test
  void answersComeOnAThreadOfTheirOwn() {
    GraniteStreamingChatModel model =
        GraniteStreamingChatModel.builder().checkpoint(demo).maxOutputTokens(2).build();
    CompletableFuture<Thread> thread = new CompletableFuture<>();
    model.chat(
        QUESTION,
        new StreamingChatResponseHandler() {
          @Override
          public void onCompleteResponse(ChatResponse response) {
            thread.complete(Thread.currentThread());
          }

          @Override
          public void onError(Throwable error) {
            thread.completeExceptionally(error);
          }
        });
    assertNotSame(Thread.currentThread(), thread.join());
    assertTrue(thread.join().isDaemon());
  }

  @Test
  void stopSequencesAreNeverShown() throws IOException {
    // the text comes in tokens that cut the stop sequence, and has beginnings of it
    String answer = "The bird sang st and sto and stop and on.";
    try (GraniteCheckpoint checkpoint = Checkpoints.saying(DemoModel.directory(), answer)) {
      Heard heard =
          ask(model(checkpoint).build(), request().stopSequences(List.of("stop and")).build());
      assertEquals("The bird sang st and sto and ", heard.text());
      assertEquals(heard.text(), heard.response.aiMessage().text());
      assertEquals(FinishReason.STOP, heard.response.finishReason());
    }
  }

  @Test
  void beginningOfAStopSequenceIsShownAtTheEnd() throws IOException {
    try (GraniteCheckpoint checkpoint =
        Checkpoints.saying(DemoModel.directory(), "The bird sang sto")) {
      Heard heard =
          ask(model(checkpoint).build(), request().stopSequences(List.of("stop")).build());
      assertEquals("The bird sang sto", heard.text());
      assertEquals("The bird sang sto", heard.response.aiMessage().text());
    }
  }

  @Test
  void cancelledAnswerIsHeardOfNoMore() {
    Heard heard =
        new Heard() {
          @Override
          public void onPartialResponse(PartialResponse piece, PartialResponseContext context) {
            super.onPartialResponse(piece, context);
            assertFalse(context.streamingHandle().isCancelled());
            if (pieces.size() == 3) {
              context.streamingHandle().cancel();
              assertTrue(context.streamingHandle().isCancelled());
            }
          }
        };
    model(demo).build().chat(request().build(), heard); // returns: generation has ended
    assertEquals(3, heard.pieces.size());
    assertNull(heard.response);
    assertEquals(List.of(), heard.errors);
  }

  @Test
  void handlersExceptionEndsTheAnswer() {
    IllegalStateException thrown = new IllegalStateException("no more");
    Heard heard =
        new Heard() {
          @Override
          public void onPartialResponse(PartialResponse piece, PartialResponseContext context) {
            super.onPartialResponse(piece, context);
            throw thrown;
          }
        };
    model(demo).build().chat(request().build(), heard);
    assertEquals(1, heard.pieces.size());
    assertEquals(1, heard.errors.size());
    assertSame(thrown, heard.errors.getFirst());
    assertNull(heard.response);
    // and the model goes on
    assertEquals(
        24, ask(model(demo).build(), request().build()).response.tokenUsage().outputTokenCount());
  }

  @Test
  void callsOfToolsAreNotShownAsText() throws IOException {
    Path folder = Checkpoints.folder(temporary.resolve("tools"), Checkpoints.TOOL_TEMPLATE);
    String one = "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 2}}</tool_call>";
    String two = "<tool_call>{\"name\": \"add\", \"arguments\": {\"a\": 3}}</tool_call>";
    try (GraniteCheckpoint checkpoint =
        Checkpoints.saying(
            folder, "Let me see.\n" + one + "\n" + two, "2 < 3 <tool", "So <tool_call>it is")) {
      GraniteStreamingChatModel model = model(checkpoint).maxOutputTokens(200).build();
      ChatRequest request = request().toolSpecifications(TOOL).build();
      Heard heard = ask(model, request);
      assertEquals("Let me see.\n", heard.text());
      assertEquals(2, heard.calls.size());
      assertEquals(0, heard.calls.getFirst().index());
      assertEquals(1, heard.calls.getLast().index());
      assertEquals("{\"a\":3}", heard.calls.getLast().toolExecutionRequest().arguments());
      assertEquals(
          heard.calls.stream().map(CompleteToolCall::toolExecutionRequest).toList(),
          heard.response.aiMessage().toolExecutionRequests());
      assertEquals("Let me see.", heard.response.aiMessage().text());
      assertEquals(FinishReason.TOOL_EXECUTION, heard.response.finishReason());
      // what only looks like one comes at the end
      for (String text : List.of("2 < 3 <tool", "So <tool_call>it is")) {
        heard = ask(model, request);
        assertEquals(text, heard.text());
        assertEquals(text, heard.response.aiMessage().text());
        assertEquals(List.of(), heard.calls);
      }
    }
  }

  @Test
  void refusalsAreThrown() {
    Heard heard = new Heard();
    ChatRequest request = request().modelName("another").build();
    assertThrows(UnsupportedFeatureException.class, () -> model(demo).build().chat(request, heard));
    assertEquals(List.of(), heard.errors);
  }

  @Test
  void listenersHear() {
    List<Integer> heard = new ArrayList<>();
    ChatModelListener listener =
        new ChatModelListener() {
          @Override
          public void onResponse(ChatModelResponseContext context) {
            heard.add(context.chatResponse().tokenUsage().outputTokenCount());
          }
        };
    ask(model(demo).listeners(List.of(listener)).build(), request().build());
    assertEquals(List.of(24), heard);
  }
}
