package org.graniteffm.langchain4j;

import dev.langchain4j.model.chat.ChatModel;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.response.ChatResponse;
import java.util.List;

/**
 * LangChain4j's {@code ChatModel} over a checkpoint. Immutable; may be shared between threads, and
 * each call generates on its caller's thread, with the threads of the model beside it.
 *
 * <p>Honoured are temperature, topP, topK, frequencyPenalty, presencePenalty, maxOutputTokens,
 * stopSequences, toolSpecifications where the chat template knows of tools, and toolChoice AUTO and
 * NONE. Refused, by name, with {@code UnsupportedFeatureException}: toolChoice REQUIRED, strict
 * tools, responseFormat JSON, another modelName, parameters of another provider's class, names of
 * users and content that is no text. Values out of range, and messages that the template refuses or
 * that leave no room, are an {@code InvalidRequestException}. Else a call throws what {@link
 * org.graniteffm.runtime.generate.Generator#generate} throws. An interrupt ends an answer, with
 * finish reason OTHER.
 */
public final class GraniteChatModel implements ChatModel {
  private final ChatEngine engine;

  private GraniteChatModel(ChatEngine engine) {
    this.engine = engine;
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
  public ChatResponse doChat(ChatRequest chatRequest) {
    return engine.prepare(chatRequest).generate(piece -> {}, () -> false);
  }

  @Override
  public ChatRequestParameters defaultRequestParameters() {
    return engine.defaults();
  }

  @Override
  public List<ChatModelListener> listeners() {
    return engine.listeners();
  }

  /** Collects what the model needs. */
  public static final class Builder extends ChatModelBuilder<Builder> {
    private Builder() {}

    @Override
    Builder self() {
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
    public GraniteChatModel build() {
      return new GraniteChatModel(engine());
    }
  }
}
