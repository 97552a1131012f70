package org.graniteffm.langchain4j;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import dev.langchain4j.model.output.TokenUsage;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.graniteffm.runtime.chat.Reply;
import org.graniteffm.runtime.generate.Generation;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.GenerationHooks;
import org.graniteffm.runtime.generate.Generator;

/**
 * A request that is ready to be answered.
 *
 * @param prompt token ids
 * @param stops what ends the answer
 * @param tools what the model was told of
 */
record Answer(
    GraniteCheckpoint checkpoint,
    String modelName,
    int[] prompt,
    GenerationConfig config,
    GenerationHooks hooks,
    List<String> stops,
    List<Map<String, Object>> tools) {

  /**
   * Generates it.
   *
   * @param listener given the text piece by piece, without calls of tools
   * @param cancelled asked between tokens; true ends it
   * @return the whole of it
   */
  ChatResponse generate(Consumer<String> listener, BooleanSupplier cancelled) {
    AnswerText text =
        new AnswerText(
            checkpoint.tokenizer(), config.eosTokenIds(), stops, !tools.isEmpty(), listener);
    Generation generation;
    try (Generator generator = new Generator(checkpoint.model())) {
      generation =
          generator.generate(
              new int[][] {prompt},
              null,
              config,
              hooks,
              (sequence, id) -> text.push(id),
              cancelled);
    }
    Generation.Sequence sequence = generation.sequences().getFirst();
    if (!cancelled.getAsBoolean()) {
      text.finish();
    }
    AiMessage.Builder message = AiMessage.builder();
    FinishReason reason = text.isStopped() ? FinishReason.STOP : reason(sequence);
    if (!tools.isEmpty()
        && Reply.parse(text.marked(), tools) instanceof Reply.ToolCalls(String around, var calls)) {
      List<ToolExecutionRequest> requests = calls.stream().map(ChatMessages::request).toList();
      message.text(around.isEmpty() ? null : around).toolExecutionRequests(requests);
      reason = FinishReason.TOOL_EXECUTION;
    } else {
      if (!cancelled.getAsBoolean()) {
        text.showAll();
      }
      message.text(text.text());
    }
    return ChatResponse.builder()
        .aiMessage(message.build())
        .id(UUID.randomUUID().toString())
        .modelName(modelName)
        .tokenUsage(new TokenUsage(prompt.length, sequence.ids().size()))
        .finishReason(reason)
        .build();
  }

  private static FinishReason reason(Generation.Sequence sequence) {
    return switch (sequence.finishReason()) {
      case EOS, STOP -> FinishReason.STOP;
      case LENGTH -> FinishReason.LENGTH;
      case TIME, CANCELLED -> FinishReason.OTHER;
    };
  }
}
