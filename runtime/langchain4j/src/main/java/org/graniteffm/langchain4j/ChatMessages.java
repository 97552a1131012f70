package org.graniteffm.langchain4j;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.Content;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import java.util.stream.Collectors;
import org.graniteffm.runtime.chat.Message;
import org.graniteffm.runtime.chat.ToolCall;

/** LangChain4j's messages as those of the chat template, and calls of tools in both directions. */
final class ChatMessages {
  private static final ObjectMapper JSON = new ObjectMapper();

  private ChatMessages() {}

  static List<Message> of(List<ChatMessage> messages) {
    return messages.stream().map(ChatMessages::of).toList();
  }

  private static Message of(ChatMessage message) {
    return switch (message) {
      case SystemMessage system -> Message.system(system.text());
      case UserMessage user -> {
        if (user.name() != null) {
          throw new UnsupportedFeatureException("UserMessage.name: chat templates know no names");
        }
        yield Message.user(text(user.contents()));
      }
      case AiMessage answer ->
          new Message(
              "assistant",
              answer.text() == null ? "" : answer.text(),
              answer.toolExecutionRequests().stream().map(ChatMessages::call).toList(),
              answer.thinking() == null
                  ? Map.of()
                  : Map.of("reasoning_content", answer.thinking()));
      case ToolExecutionResultMessage result -> Message.tool(text(result.contents()));
      default ->
          throw new UnsupportedFeatureException(
              "messages: a %s, of which chat templates know nothing"
                  .formatted(message.type().name().toLowerCase(Locale.ROOT)));
    };
  }

  private static String text(List<Content> contents) {
    return contents.stream()
        .map(content -> {
          if (content instanceof TextContent text) {
            return text.text();
          }
          throw new UnsupportedFeatureException(
              "content: %s, supported is text"
                  .formatted(content.type().name().toLowerCase(Locale.ROOT)));
        })
        .collect(Collectors.joining("\n"));
  }

  private static ToolCall call(ToolExecutionRequest request) {
    String arguments = request.arguments();
    if (arguments == null || arguments.isBlank()) {
      return new ToolCall(request.name(), Map.of());
    }
    try {
      return new ToolCall(
          request.name(), JSON.readValue(arguments, new TypeReference<Map<String, Object>>() {}));
    } catch (JsonProcessingException e) {
      throw new InvalidRequestException(
          "messages: the arguments of a call of %s are no JSON object".formatted(request.name()),
          e);
    }
  }

  /** A call that the model asks for. The identifier is ours: Granite's models give none. */
  static ToolExecutionRequest request(ToolCall call) {
    try {
      return ToolExecutionRequest.builder()
          .id("call_" + UUID.randomUUID())
          .name(call.name())
          .arguments(JSON.writeValueAsString(call.arguments()))
          .build();
    } catch (JsonProcessingException e) {
      throw new IllegalStateException("plain data is not JSON", e);
    }
  }
}
