package org.graniteffm.langchain4j;

import dev.langchain4j.model.chat.StreamingChatModel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.chat.response.CompleteToolCall;
import dev.langchain4j.model.chat.response.PartialResponse;
import dev.langchain4j.model.chat.response.PartialResponseContext;
import dev.langchain4j.model.chat.response.StreamingChatResponseHandler;
import dev.langchain4j.model.chat.response.StreamingHandle;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.Executor;

/**
 * LangChain4j's {@code StreamingChatModel} over a checkpoint. Immutable; may be shared between
 * threads. What is honoured and refused is that of {@link GraniteChatModel}; a request is refused
 * before its call returns, by an exception, and all later errors go to the handler.
 *
 * <p>A handler hears pieces of text as they become final, calls of tools when the answer is
 * complete, and then the answer. It is called on the thread that generates, which waits for it.
 * What it throws ends the answer and comes back to its {@code onError}. After {@link
 * StreamingHandle#cancel} it hears nothing more, and generation ends at the next token.
 */
public final class GraniteStreamingChatModel implements StreamingChatModel {
  private final ChatEngine engine;
  private final Executor executor;

  private GraniteStreamingChatModel(ChatEngine engine, Executor executor) {
    this.engine = engine;
    this.executor = executor;
  }

  /**
   * Starts with nothing set.
   *
   * @return a builder
   */
  public static Builder builder() {
    return new Builder();
  }

  @Override
  public void doChat(ChatRequest chatRequest, StreamingChatResponseHandler handler) {
    Answer answer = engine.prepare(chatRequest);
    executor.execute(() -> stream(answer, handler));
  }

  private static void stream(Answer answer, StreamingChatResponseHandler handler) {
    Handle handle = new Handle();
    PartialResponseContext context = new PartialResponseContext(handle);
    try {
      ChatResponse response =
          answer.generate(
              piece -> {
                if (!handle.isCancelled()) {
                  handler.onPartialResponse(new PartialResponse(piece), context);
                }
              },
              handle::isCancelled);
      if (handle.isCancelled()) {
        return;
      }
      int index = 0;
      for (var request : response.aiMessage().toolExecutionRequests()) {
        handler.onCompleteToolCall(new CompleteToolCall(index++, request));
      }
      handler.onCompleteResponse(response);
    } catch (Throwable t) {
      if (!handle.isCancelled()) {
        handler.onError(t);
      }
    }
  }

  @Override
  public ChatRequestParameters defaultRequestParameters() {
    return engine.defaults();
  }

  @Override
  public List<ChatModelListener> listeners() {
    return engine.listeners();
  }

  private static final class Handle implements StreamingHandle {
    private volatile boolean cancelled;

    @Override
    public void cancel() {
      cancelled = true;
    }

    @Override
    public boolean isCancelled() {
      return cancelled;
    }
  }

  /** Collects what the model needs. */
  public static final class Builder extends ChatModelBuilder<Builder> {
    // not virtual: a kernel would hold its carrier
    private Executor executor =
        task -> Thread.ofPlatform().daemon().name("granite-langchain4j").start(task);

    private Builder() {}

    @Override
    Builder self() {
      return this;
    }

    /**
     * Sets where answers are generated.
     *
     * @param value a new daemon thread for each answer, unless this is called
     * @return this
     */
    public Builder executor(Executor value) {
      executor = Objects.requireNonNull(value, "executor");
      return this;
    }

    /**
     * Ends.
     *
     * @return the model
     * @throws NullPointerException if there is no checkpoint
     * @throws IllegalArgumentException if the generation config or the chat options do not fit
     * @throws dev.langchain4j.exception.UnsupportedFeatureException if the checkpoint has no chat
     *     template, or a default parameter cannot be honoured
     */
    public GraniteStreamingChatModel build() {
      return new GraniteStreamingChatModel(engine(), executor);
    }
  }
}
