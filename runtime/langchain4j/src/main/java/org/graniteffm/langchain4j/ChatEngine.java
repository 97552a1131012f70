package org.graniteffm.langchain4j;

import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.internal.JsonSchemaElementUtils;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.DefaultChatRequestParameters;
import dev.langchain4j.model.chat.request.ResponseFormatType;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.graniteffm.runtime.chat.ChatOptions;
import org.graniteffm.runtime.chat.Message;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.GenerationHooks;

/**
 * What both chat models do with a request: refuse it, or make an {@link Answer} of it. Immutable.
 *
 * @param defaults parameters of requests that have none of their own
 */
record ChatEngine(
    GraniteCheckpoint checkpoint,
    String modelName,
    GenerationConfig generationConfig,
    ChatOptions chatOptions,
    ChatRequestParameters defaults,
    List<ChatModelListener> listeners) {
  /** As many as {@code granite chat} has, where nobody says more. */
  private static final int NEW_TOKENS = 1024;

  private static final double LARGEST_PENALTY = 2;

  /** Refuses what no request could have. */
  ChatEngine {
    var _ = checkpoint.template();
    if (generationConfig.numReturnSequences() != 1 || generationConfig.numBeams() != 1) {
      throw new IllegalArgumentException(
          "generationConfig: num_return_sequences %d, num_beams %d, legal is 1 for both"
              .formatted(generationConfig.numReturnSequences(), generationConfig.numBeams()));
    }
    if (chatOptions.tools().isPresent()) {
      throw new IllegalArgumentException("chatOptions: has tools; requests bring theirs");
    }
    check(defaults, modelName);
  }

  /**
   * Refuses a request, or makes it ready to be answered.
   *
   * @throws UnsupportedFeatureException if it asks for what is not supported; names it
   * @throws InvalidRequestException if a parameter is out of range, the template refuses the
   *     messages, or they leave no room for an answer
   */
  Answer prepare(ChatRequest request) {
    ChatRequestParameters parameters = request.parameters();
    check(parameters, modelName);
    List<Map<String, Object>> tools = tools(parameters);
    int[] prompt = prompt(request, tools);
    int room = checkpoint.model().config().maxPositionEmbeddings() - prompt.length;
    if (room < 1) {
      throw new InvalidRequestException(
          "messages: %d tokens, the model's context has %d"
              .formatted(prompt.length, prompt.length + room));
    }
    List<String> stops = new ArrayList<>(generationConfig.stopStrings());
    stops.addAll(parameters.stopSequences());
    return new Answer(
        checkpoint,
        modelName,
        prompt,
        config(parameters, room),
        hooks(parameters, prompt.length),
        stops,
        tools);
  }

  /** Refuses parameters that cannot be honoured, with any messages. */
  private static void check(ChatRequestParameters parameters, String modelName) {
    if (!parameters.getClass().equals(DefaultChatRequestParameters.class)) {
      throw unsupported(parameters.getClass().getSimpleName(), "it is another provider's");
    }
    if (parameters.modelName() != null && !parameters.modelName().equals(modelName)) {
      throw unsupported("modelName", "%s; this is %s".formatted(parameters.modelName(), modelName));
    }
    if (parameters.responseFormat() != null
        && parameters.responseFormat().type() != ResponseFormatType.TEXT) {
      throw unsupported(
          "responseFormat", parameters.responseFormat().type() + "; supported is TEXT");
    }
    if (parameters.toolChoice() == ToolChoice.REQUIRED) {
      throw unsupported("toolChoice", "REQUIRED; supported are AUTO and NONE");
    }
    for (ToolSpecification tool : parameters.toolSpecifications()) {
      if (Boolean.TRUE.equals(tool.strict())) {
        throw unsupported("toolSpecifications", tool.name() + " is strict");
      }
    }
    checkPenalty("frequencyPenalty", parameters.frequencyPenalty());
    checkPenalty("presencePenalty", parameters.presencePenalty());
    if (parameters.stopSequences().contains("")) {
      throw new InvalidRequestException("stopSequences: one is empty");
    }
  }

  private static UnsupportedFeatureException unsupported(String parameter, String problem) {
    return new UnsupportedFeatureException(parameter + ": " + problem);
  }

  private static void checkPenalty(String name, Double value) {
    // written so that NaN is refused
    if (value != null && !(Math.abs(value) <= LARGEST_PENALTY)) {
      throw new InvalidRequestException(
          "%s: %s, legal are -%s to %s".formatted(name, value, LARGEST_PENALTY, LARGEST_PENALTY));
    }
  }

  private static List<Map<String, Object>> tools(ChatRequestParameters parameters) {
    return parameters.toolChoice() == ToolChoice.NONE
        ? List.of()
        : parameters.toolSpecifications().stream().map(ChatEngine::tool).toList();
  }

  /** In the form that transformers documents. */
  private static Map<String, Object> tool(ToolSpecification specification) {
    Map<String, Object> function = new LinkedHashMap<>();
    function.put("name", specification.name());
    if (specification.description() != null) {
      function.put("description", specification.description());
    }
    JsonObjectSchema parameters =
        Objects.requireNonNullElseGet(
            specification.parameters(), JsonObjectSchema.builder()::build);
    function.put("parameters", JsonSchemaElementUtils.toMap(parameters));
    Map<String, Object> tool = new LinkedHashMap<>();
    tool.put("type", "function");
    tool.put("function", function);
    return tool;
  }

  private int[] prompt(ChatRequest request, List<Map<String, Object>> tools) {
    List<Message> messages = ChatMessages.of(request.messages());
    try {
      String prompt = checkpoint.template().render(messages, options(tools));
      if (!tools.isEmpty()
          && prompt.equals(checkpoint.template().render(messages, options(List.of())))) {
        throw unsupported("toolSpecifications", "this checkpoint's chat template knows no tools");
      }
      return checkpoint.tokenizer().encode(prompt);
    } catch (IllegalArgumentException e) {
      throw new InvalidRequestException("messages: " + e.getMessage(), e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private ChatOptions options(List<Map<String, Object>> tools) {
    ChatOptions.Builder options = ChatOptions.builder().clock(chatOptions.clock());
    chatOptions.documents().ifPresent(options::documents);
    chatOptions.variables().forEach(options::variable);
    return tools.isEmpty() ? options.build() : options.tools(tools).build();
  }

  private GenerationConfig config(ChatRequestParameters parameters, int room) {
    GenerationConfig.Builder config = generationConfig.toBuilder();
    config.stopStrings(List.of()); // the answer's text is searched for them, not the prompt's
    int wanted = generationConfig.maxNewTokens().orElse(NEW_TOKENS);
    try {
      if (parameters.maxOutputTokens() != null) {
        wanted = parameters.maxOutputTokens();
      }
      config.maxNewTokens(Math.min(wanted, room));
      if (parameters.topP() != null) {
        config.doSample(true).topP(parameters.topP());
      }
      if (parameters.topK() != null) {
        config.doSample(true).topK(parameters.topK());
      }
      if (parameters.temperature() != null) {
        boolean sample = parameters.temperature() != 0;
        config.doSample(sample);
        if (sample) {
          config.temperature(parameters.temperature());
        }
      }
      return config.build();
    } catch (IllegalArgumentException e) {
      throw new InvalidRequestException(e.getMessage(), e);
    }
  }

  private GenerationHooks hooks(ChatRequestParameters parameters, int promptLength) {
    double frequency = orZero(parameters.frequencyPenalty());
    double presence = orZero(parameters.presencePenalty());
    return frequency == 0 && presence == 0
        ? checkpoint.hooks()
        : checkpoint.hooks().with(new TokenPenalties(promptLength, frequency, presence));
  }

  private static double orZero(Double value) {
    return value == null ? 0 : value;
  }
}
