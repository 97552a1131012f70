package org.graniteffm.langchain4j;

import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.DefaultChatRequestParameters;
import java.util.List;
import java.util.Objects;
import org.graniteffm.runtime.chat.ChatOptions;
import org.graniteffm.runtime.generate.GenerationConfig;

/**
 * What the builders of both chat models have in common. Only the checkpoint is needed.
 *
 * @param <B> the builder itself
 */
abstract sealed class ChatModelBuilder<B extends ChatModelBuilder<B>>
    permits GraniteChatModel.Builder, GraniteStreamingChatModel.Builder {
  private GraniteCheckpoint checkpoint;
  private String modelName;
  private GenerationConfig generationConfig;
  private ChatOptions chatOptions = ChatOptions.DEFAULT;
  private ChatRequestParameters defaults = DefaultChatRequestParameters.EMPTY;
  private final DefaultChatRequestParameters.Builder<?> parameters =
      DefaultChatRequestParameters.builder();
  private List<ChatModelListener> listeners = List.of();

  abstract B self();

  /**
   * Sets what to run.
   *
   * @param value an open checkpoint with a chat template; stays open until its owner closes it
   * @return this
   */
  public B checkpoint(GraniteCheckpoint value) {
    checkpoint = value;
    return self();
  }

  /**
   * Sets what the model is called. A request that names another one is refused.
   *
   * @param value the checkpoint's name, unless this is called
   * @return this
   */
  public B modelName(String value) {
    modelName = value;
    return self();
  }

  /**
   * Sets what holds where a request says nothing: options that LangChain4j has no name for, such as
   * seed or repetition_penalty, too.
   *
   * @param value the checkpoint's own {@code generation_config.json}, unless this is called; one
   *     sequence, without beams
   * @return this
   */
  public B generationConfig(GenerationConfig value) {
    generationConfig = value;
    return self();
  }

  /**
   * Sets what the chat template is given besides messages and tools: documents, thinking, clock.
   *
   * @param value without tools, which come with each request
   * @return this
   */
  public B chatOptions(ChatOptions value) {
    chatOptions = value;
    return self();
  }

  /**
   * Sets parameters of requests that have none of their own. What is set by the methods named after
   * single ones wins over these.
   *
   * @param value parameters
   * @return this
   */
  public B defaultRequestParameters(ChatRequestParameters value) {
    defaults = value;
    return self();
  }

  /**
   * Sets how far from the likeliest token a choice may go.
   *
   * @param value 0 always takes the likeliest one
   * @return this
   */
  public B temperature(Double value) {
    parameters.temperature(value);
    return self();
  }

  /**
   * Sets that tokens are sampled from the likeliest ones, which together have this probability.
   *
   * @param value above 0, up to 1
   * @return this
   */
  public B topP(Double value) {
    parameters.topP(value);
    return self();
  }

  /**
   * Sets from how many of the likeliest tokens one is sampled.
   *
   * @param value 0 for all
   * @return this
   */
  public B topK(Integer value) {
    parameters.topK(value);
    return self();
  }

  /**
   * Sets what a token's score loses for each time that the answer has it.
   *
   * @param value -2 to 2
   * @return this
   */
  public B frequencyPenalty(Double value) {
    parameters.frequencyPenalty(value);
    return self();
  }

  /**
   * Sets what a token's score loses once the answer has it.
   *
   * @param value -2 to 2
   * @return this
   */
  public B presencePenalty(Double value) {
    parameters.presencePenalty(value);
    return self();
  }

  /**
   * Sets the longest answer; the context's end ends it, too.
   *
   * @param value tokens, max_new_tokens of the generation config or 1024, unless this is called
   * @return this
   */
  public B maxOutputTokens(Integer value) {
    parameters.maxOutputTokens(value);
    return self();
  }

  /**
   * Sets texts that end an answer, and are not part of it.
   *
   * @param value none of them empty
   * @return this
   */
  public B stopSequences(List<String> value) {
    parameters.stopSequences(value);
    return self();
  }

  /**
   * Sets who is told of requests, answers and errors.
   *
   * @param value listeners
   * @return this
   */
  public B listeners(List<ChatModelListener> value) {
    listeners = List.copyOf(value);
    return self();
  }

  ChatEngine engine() {
    Objects.requireNonNull(checkpoint, "checkpoint");
    return new ChatEngine(
        checkpoint,
        Objects.requireNonNullElse(modelName, checkpoint.name()),
        Objects.requireNonNullElse(generationConfig, checkpoint.generationConfig()),
        chatOptions,
        defaults.overrideWith(parameters.build()),
        listeners);
  }
}
