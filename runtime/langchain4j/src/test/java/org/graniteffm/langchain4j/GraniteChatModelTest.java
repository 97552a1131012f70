package org.graniteffm.langchain4j;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.langchain4j.agent.tool.ToolExecutionRequest;
import dev.langchain4j.agent.tool.ToolSpecification;
import dev.langchain4j.data.message.AiMessage;
import dev.langchain4j.data.message.ChatMessage;
import dev.langchain4j.data.message.CustomMessage;
import dev.langchain4j.data.message.ImageContent;
import dev.langchain4j.data.message.SystemMessage;
import dev.langchain4j.data.message.TextContent;
import dev.langchain4j.data.message.ToolExecutionResultMessage;
import dev.langchain4j.data.message.UserMessage;
import dev.langchain4j.exception.InvalidRequestException;
import dev.langchain4j.exception.UnsupportedFeatureException;
import dev.langchain4j.model.chat.listener.ChatModelErrorContext;
import dev.langchain4j.model.chat.listener.ChatModelListener;
import dev.langchain4j.model.chat.listener.ChatModelRequestContext;
import dev.langchain4j.model.chat.listener.ChatModelResponseContext;
import dev.langchain4j.model.chat.request.ChatRequest;
import dev.langchain4j.model.chat.request.ChatRequestParameters;
import dev.langchain4j.model.chat.request.DefaultChatRequestParameters;
import dev.langchain4j.model.chat.request.ResponseFormat;
import dev.langchain4j.model.chat.request.ToolChoice;
import dev.langchain4j.model.chat.request.json.JsonObjectSchema;
import dev.langchain4j.model.chat.response.ChatResponse;
import dev.langchain4j.model.output.FinishReason;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.function.UnaryOperator;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.graniteffm.runtime.chat.ChatOptions;
import org.graniteffm.runtime.chat.ChatTemplate;
import org.graniteffm.runtime.chat.Message;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.generate.Generation;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.GenerationHooks;
import org.graniteffm.runtime.generate.Generator;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

class GraniteChatModelTest {
  private static final String QUESTION = "Tell me a story about the golden bird.";
  private static final ToolSpecification TOOL =
      ToolSpecification.builder()
          .name("add")
          .description("Adds numbers")
          .parameters(
              JsonObjectSchema.builder()
                  .addIntegerProperty("a")
                  .addEnumProperty("unit", List.of("m", "kg"))
                  .required("a")
                  .build())
          .build();

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

  private static GraniteChatModel model() {
    return GraniteChatModel.builder().checkpoint(demo).maxOutputTokens(16).build();
  }

  private static ChatResponse ask(
      GraniteChatModel model, Consumer<DefaultChatRequestParameters.Builder<?>> parameters) {
    var builder = ChatRequestParameters.builder();
    parameters.accept(builder);
    return model.chat(
        ChatRequest.builder()
            .messages(UserMessage.from(QUESTION))
            .parameters(builder.build())
            .build());
  }

  /** What the generator says to the same prompt. */
  private static String generated(GenerationConfig config, GenerationHooks hooks)
      throws IOException {
    int[] prompt = prompt();
    try (Generator generator = new Generator(demo.model())) {
      Generation generation = generator.generate(prompt, config, hooks, (sequence, id) -> true);
      int[] ids = generation.sequences().getFirst().idArray();
      return demo.tokenizer().decode(ids, true);
    }
  }

  private static int[] prompt() throws IOException {
    ChatTemplate template = ChatTemplate.load(DemoModel.directory());
    return demo.tokenizer()
        .encode(template.render(List.of(Message.user(QUESTION)), ChatOptions.DEFAULT));
  }

  private static GenerationConfig config(UnaryOperator<GenerationConfig.Builder> options) {
    return options.apply(demo.generationConfig().toBuilder().maxNewTokens(16).seed(7)).build();
  }

  @Test
  void answerIsThatOfTheGenerator() throws IOException {
    ChatResponse response = ask(model(), p -> p.temperature(0.0));
    String text = generated(config(c -> c.doSample(false)), GenerationHooks.NONE);
    assertEquals(text, response.aiMessage().text());
    assertFalse(text.isBlank());
    assertEquals(prompt().length, response.tokenUsage().inputTokenCount());
    assertEquals(16, response.tokenUsage().outputTokenCount());
    assertEquals(FinishReason.LENGTH, response.finishReason());
    assertEquals(demo.name(), response.modelName());
    assertNotEquals(response.id(), ask(model(), p -> p.temperature(0.0)).id());
  }

  static Stream<Arguments> honoured() {
    return Stream.of(
        honours("temperature", p -> p.temperature(1.5), c -> c.doSample(true).temperature(1.5)),
        honours("temperature 0", p -> p.temperature(0.0), c -> c.doSample(false)),
        honours("topP", p -> p.topP(0.2), c -> c.doSample(true).topP(0.2)),
        honours("topK", p -> p.topK(2), c -> c.doSample(true).topK(2)),
        honours("maxOutputTokens", p -> p.maxOutputTokens(3), c -> c.maxNewTokens(3)));
  }

  private static Arguments honours(
      String name,
      Consumer<DefaultChatRequestParameters.Builder<?>> parameters,
      UnaryOperator<GenerationConfig.Builder> options) {
    return Arguments.of(name, parameters, options);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource
  void honoured(
      String name,
      Consumer<DefaultChatRequestParameters.Builder<?>> parameters,
      UnaryOperator<GenerationConfig.Builder> options)
      throws IOException {
    String expected = generated(config(options), GenerationHooks.NONE);
    assertNotEquals(generated(config(c -> c), GenerationHooks.NONE), expected, name);
    GraniteChatModel model =
        GraniteChatModel.builder().checkpoint(demo).generationConfig(config(c -> c)).build();
    assertEquals(expected, ask(model, parameters).aiMessage().text());
    // and as a default of the model's
    var builder = ChatRequestParameters.builder();
    parameters.accept(builder);
    GraniteChatModel other =
        GraniteChatModel.builder()
            .checkpoint(demo)
            .generationConfig(config(c -> c))
            .defaultRequestParameters(builder.build())
            .build();
    assertEquals(expected, other.chat(QUESTION));
  }

  @Test
  void buildersOwnSettingsAreDefaults() throws IOException {
    GraniteChatModel model =
        GraniteChatModel.builder()
            .checkpoint(demo)
            .generationConfig(config(c -> c))
            .defaultRequestParameters(ChatRequestParameters.builder().topK(9).build())
            .temperature(1.5)
            .topP(0.9)
            .topK(30)
            .maxOutputTokens(9)
            .build();
    assertEquals(
        generated(
            config(c -> c.doSample(true).temperature(1.5).topP(0.9).topK(30).maxNewTokens(9)),
            GenerationHooks.NONE),
        model.chat(QUESTION));
    // a request's own win
    assertEquals(2, ask(model, p -> p.maxOutputTokens(2)).tokenUsage().outputTokenCount());
  }

  @Test
  void penaltiesAreHonoured() throws IOException {
    GenerationConfig greedy = config(c -> c.doSample(false).maxNewTokens(60));
    GenerationHooks hooks =
        GenerationHooks.NONE.with(new TokenPenalties(prompt().length, 1.5, 0.5));
    String expected = generated(greedy, hooks);
    assertNotEquals(generated(greedy, GenerationHooks.NONE), expected);
    GraniteChatModel model =
        GraniteChatModel.builder().checkpoint(demo).generationConfig(greedy).build();
    assertEquals(
        expected, ask(model, p -> p.frequencyPenalty(1.5).presencePenalty(0.5)).aiMessage().text());
    GraniteChatModel other =
        GraniteChatModel.builder()
            .checkpoint(demo)
            .generationConfig(greedy)
            .frequencyPenalty(1.5)
            .presencePenalty(0.5)
            .build();
    assertEquals(expected, other.chat(QUESTION));
  }

  @Test
  void stopSequenceEndsTheAnswerAndIsNoPartOfIt() {
    String whole = ask(model(), p -> p.temperature(0.0)).aiMessage().text();
    String stop = whole.substring(whole.length() / 2, whole.length() / 2 + 3);
    ChatResponse response =
        ask(model(), p -> p.temperature(0.0).stopSequences(List.of("no such text", stop)));
    assertEquals(whole.substring(0, whole.indexOf(stop)), response.aiMessage().text());
    assertEquals(FinishReason.STOP, response.finishReason());
    assertTrue(response.tokenUsage().outputTokenCount() < 16);
    // those of the generation config are no part either
    GraniteChatModel model =
        GraniteChatModel.builder()
            .checkpoint(demo)
            .generationConfig(config(c -> c.doSample(false).stopStrings(List.of(stop))))
            .build();
    assertEquals(whole.substring(0, whole.indexOf(stop)), model.chat(QUESTION));
  }

  @Test
  void endTokenIsStop() throws IOException {
    try (GraniteCheckpoint checkpoint = Checkpoints.saying(DemoModel.directory(), "The end.")) {
      ChatResponse response =
          GraniteChatModel.builder()
              .checkpoint(checkpoint)
              .build()
              .chat(UserMessage.from(QUESTION));
      assertEquals("The end.", response.aiMessage().text());
      assertEquals(FinishReason.STOP, response.finishReason());
      assertEquals(
          Checkpoints.ids(checkpoint, "The end.").size() + 1,
          response.tokenUsage().outputTokenCount());
    }
  }

  static Stream<Arguments> refused() {
    return Stream.of(
        refuses("responseFormat", p -> p.responseFormat(ResponseFormat.JSON)),
        refuses("toolChoice", p -> p.toolSpecifications(TOOL).toolChoice(ToolChoice.REQUIRED)),
        refuses("modelName", p -> p.modelName("another")),
        // the demo model's template has no place for them
        refuses("toolSpecifications", p -> p.toolSpecifications(TOOL)),
        refuses(
            "toolSpecifications",
            p -> p.toolSpecifications(ToolSpecification.builder().name("t").strict(true).build())));
  }

  private static Arguments refuses(
      String name, Consumer<DefaultChatRequestParameters.Builder<?>> parameters) {
    return Arguments.of(name, parameters);
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource
  void refused(String name, Consumer<DefaultChatRequestParameters.Builder<?>> parameters) {
    var e = assertThrows(UnsupportedFeatureException.class, () -> ask(model(), parameters));
    assertTrue(e.getMessage().startsWith(name + ": "), e.getMessage());
    assertEquals(1, e.getMessage().lines().count());
  }

  @Test
  void refusedDefaultsAreRefusedAtOnce() {
    var builder =
        GraniteChatModel.builder()
            .checkpoint(demo)
            .defaultRequestParameters(
                ChatRequestParameters.builder().responseFormat(ResponseFormat.JSON).build());
    var e = assertThrows(UnsupportedFeatureException.class, builder::build);
    assertTrue(e.getMessage().startsWith("responseFormat: "), e.getMessage());
  }

  @Test
  void parametersOfAnotherProviderAreRefused() {
    var e =
        assertThrows(
            UnsupportedFeatureException.class,
            () ->
                model()
                    .chat(
                        ChatRequest.builder()
                            .messages(UserMessage.from(QUESTION))
                            .parameters(new OtherParameters())
                            .build()));
    assertTrue(e.getMessage().startsWith("OtherParameters: "), e.getMessage());
  }

  private static final class OtherParameters extends DefaultChatRequestParameters {
    private OtherParameters() {
      super(DefaultChatRequestParameters.builder());
    }

    @Override
    public ChatRequestParameters defaultedBy(ChatRequestParameters that) {
      return this;
    }
  }

  @Test
  void whatIsNotTextIsRefused() {
    UserMessage image =
        UserMessage.from(TextContent.from("What is this?"), ImageContent.from("AAAA", "image/png"));
    var e = assertThrows(UnsupportedFeatureException.class, () -> model().chat(image));
    assertTrue(e.getMessage().contains("image"), e.getMessage());
    e =
        assertThrows(
            UnsupportedFeatureException.class,
            () -> model().chat(UserMessage.from("Anna", "Hello")));
    assertTrue(e.getMessage().contains("name"), e.getMessage());
    e =
        assertThrows(
            UnsupportedFeatureException.class,
            () -> model().chat(CustomMessage.from(Map.of("a", "b"))));
    assertTrue(e.getMessage().contains("custom"), e.getMessage());
  }

  static Stream<Arguments> outOfRange() {
    return Stream.of(
        refuses("temperature", p -> p.temperature(-1.0)),
        refuses("top_p", p -> p.topP(2.0)),
        refuses("top_k", p -> p.topK(-1)),
        refuses("max_new_tokens", p -> p.maxOutputTokens(0)),
        refuses("frequencyPenalty", p -> p.frequencyPenalty(2.5)),
        refuses("presencePenalty", p -> p.presencePenalty(Double.NaN)),
        refuses("stopSequences", p -> p.stopSequences(List.of(""))));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource
  void outOfRange(String name, Consumer<DefaultChatRequestParameters.Builder<?>> parameters) {
    var e = assertThrows(InvalidRequestException.class, () -> ask(model(), parameters));
    assertTrue(e.getMessage().startsWith(name), e.getMessage());
  }

  @Test
  void messagesThatAreTooLongOrNoTextAreRefused() {
    UserMessage message = UserMessage.from("word ".repeat(3000));
    var e = assertThrows(InvalidRequestException.class, () -> model().chat(message));
    assertTrue(e.getMessage().startsWith("messages: "), e.getMessage());
    UserMessage half = UserMessage.from("half a character: \ud800");
    e = assertThrows(InvalidRequestException.class, () -> model().chat(half));
    assertTrue(e.getMessage().startsWith("messages: "), e.getMessage());
  }

  @Test
  void answersEndWithTheContext() throws IOException {
    int context = demo.model().config().maxPositionEmbeddings();
    String text = "the ".repeat(context - 40);
    GenerationConfig endless =
        demo.generationConfig().toBuilder().suppressTokens(List.of(0)).build();
    ChatResponse response =
        GraniteChatModel.builder()
            .checkpoint(demo)
            .generationConfig(endless)
            .build()
            .chat(UserMessage.from(text));
    assertEquals(context, response.tokenUsage().totalTokenCount());
    assertEquals(FinishReason.LENGTH, response.finishReason());
  }

  @Test
  void templateIsGivenMessagesAndTools() throws IOException {
    Path folder = Checkpoints.folder(temporary.resolve("tools"), Checkpoints.TOOL_TEMPLATE);
    List<ChatMessage> messages =
        List.of(
            SystemMessage.from("Be brief."),
            UserMessage.from(TextContent.from("What is"), TextContent.from("2 m and 3 m?")),
            AiMessage.from(
                ToolExecutionRequest.builder().name("add").arguments("{\"a\": 2}").build()),
            ToolExecutionResultMessage.from("1", "add", "5"),
            AiMessage.builder().text("5 m").thinking("easy").build(),
            UserMessage.from("Thanks"));
    String conversation =
        """
        [system] Be brief.
        [user] What is
        2 m and 3 m?
        [assistant]  [calls] [{"type": "function", "function": {"name": "add",\
         "arguments": {"a": 2}}}]
        [tool] 5
        [assistant] 5 m (easy)
        [user] Thanks
        [assistant] \
        """;
    String tools =
        """
        [tools] [{"type": "function", "function": {"name": "add", "description": "Adds numbers",\
         "parameters": {"type": "object", "properties": {"a": {"type": "integer"},\
         "unit": {"type": "string", "enum": ["m", "kg"]}}, "required": ["a"]}}}]
        """;
    try (GraniteCheckpoint checkpoint = GraniteCheckpoint.open(folder)) {
      ChatEngine engine = GraniteChatModel.builder().checkpoint(checkpoint).engine();
      assertEquals(
          tools + conversation,
          prompt(
              engine, ChatRequest.builder().messages(messages).toolSpecifications(TOOL).build()));
      // told not to call any, the model hears of none
      assertEquals(
          conversation,
          prompt(
              engine,
              ChatRequest.builder()
                  .messages(messages)
                  .toolSpecifications(TOOL)
                  .toolChoice(ToolChoice.NONE)
                  .build()));
      // a tool without parameters has none
      assertTrue(
          prompt(
                  engine,
                  ChatRequest.builder()
                      .messages(messages)
                      .toolSpecifications(ToolSpecification.builder().name("now").build())
                      .build())
              .contains("\"parameters\": {\"type\": \"object\", \"properties\": {}"));
    }
  }

  private static String prompt(ChatEngine engine, ChatRequest request) {
    return engine.checkpoint().tokenizer().decode(engine.prepare(request).prompt(), false);
  }

  @Test
  void callsOfToolsAreFound() throws IOException {
    Path folder = Checkpoints.folder(temporary.resolve("calls"), Checkpoints.TOOL_TEMPLATE);
    String call = "<|tool_call|>[{\"name\": \"add\", \"arguments\": {\"a\": 2, \"unit\": \"m\"}}]";
    String broken = "<tool_call>{\"name\": ";
    try (GraniteCheckpoint checkpoint = Checkpoints.saying(folder, "Well. " + call, broken, call)) {
      GraniteChatModel model =
          GraniteChatModel.builder()
              .checkpoint(checkpoint)
              .defaultRequestParameters(
                  ChatRequestParameters.builder().toolSpecifications(TOOL).build())
              .build();
      ChatResponse response = model.chat(UserMessage.from("2 m?"));
      assertEquals(FinishReason.TOOL_EXECUTION, response.finishReason());
      assertEquals("Well.", response.aiMessage().text());
      ToolExecutionRequest request = response.aiMessage().toolExecutionRequests().getFirst();
      assertEquals("add", request.name());
      assertEquals("{\"a\":2,\"unit\":\"m\"}", request.arguments());
      assertFalse(request.id().isBlank());
      // what is malformed is text
      response = model.chat(UserMessage.from("2 m?"));
      assertEquals(broken, response.aiMessage().text());
      assertEquals(FinishReason.STOP, response.finishReason());
      // without tools it is text as well
      response =
          GraniteChatModel.builder().checkpoint(checkpoint).build().chat(UserMessage.from("2 m?"));
      assertEquals(call, response.aiMessage().text());
    }
  }

  @Test
  void malformedArgumentsOfCallsAreRefused() {
    AiMessage call =
        AiMessage.from(ToolExecutionRequest.builder().name("add").arguments("[1").build());
    var e = assertThrows(InvalidRequestException.class, () -> model().chat(call));
    assertTrue(e.getMessage().contains("add"), e.getMessage());
  }

  @Test
  void chatOptionsReachTheTemplate() throws IOException {
    Path folder =
        Checkpoints.folder(
            temporary.resolve("options"),
            "{{ documents[0].text }} {{ mood }} {{ strftime_now('%Y') }}");
    try (GraniteCheckpoint checkpoint = GraniteCheckpoint.open(folder)) {
      ChatEngine engine =
          GraniteChatModel.builder()
              .checkpoint(checkpoint)
              .chatOptions(
                  ChatOptions.builder()
                      .documents(List.of(Map.of("text", "Birds")))
                      .variable("mood", "golden")
                      .clock(Clock.fixed(Instant.EPOCH, ZoneOffset.UTC))
                      .build())
              .engine();
      assertEquals(
          "Birds golden 1970",
          prompt(engine, ChatRequest.builder().messages(UserMessage.from("x")).build()));
    }
  }

  @Test
  void modelIsCalledAsOneLikes() {
    GraniteChatModel model =
        GraniteChatModel.builder().checkpoint(demo).modelName("fairy").maxOutputTokens(1).build();
    assertEquals("fairy", ask(model, p -> p.modelName("fairy")).modelName());
    assertThrows(
        UnsupportedFeatureException.class, () -> ask(model, p -> p.modelName(demo.name())));
  }

  @Test
  void checkpointIsCalledAsOnTheHub() {
    assertEquals("demo", GraniteCheckpoint.name(Path.of("a", "demo", ".")));
    assertEquals(
        "ibm-granite/granite-4.0-h",
        GraniteCheckpoint.name(
            Path.of("hub", "models--ibm-granite--granite-4.0-h", "snapshots", "ab")));
    assertEquals("ab", GraniteCheckpoint.name(Path.of("other", "snapshots", "ab")));
    assertEquals("granite", GraniteCheckpoint.name(Path.of("/")));
  }

  @Test
  void whatDoesNotFitIsRefusedByTheBuilder() throws IOException {
    assertThrows(NullPointerException.class, GraniteChatModel.builder()::build);
    var beams =
        GraniteChatModel.builder()
            .checkpoint(demo)
            .generationConfig(GenerationConfig.builder().numBeams(2).build());
    assertThrows(IllegalArgumentException.class, beams::build);
    var tools =
        GraniteChatModel.builder()
            .checkpoint(demo)
            .chatOptions(ChatOptions.builder().tools(List.of(Map.of("name", "t"))).build());
    assertThrows(IllegalArgumentException.class, tools::build);
  }

  @Test
  void checkpointWithoutATemplateIsRefused() throws IOException {
    Path folder = Checkpoints.folder(temporary.resolve("none"), "");
    Files.delete(folder.resolve("chat_template.jinja"));
    Files.delete(folder.resolve("tokenizer_config.json"));
    try (GraniteCheckpoint checkpoint = GraniteCheckpoint.open(folder)) {
      var builder = GraniteChatModel.builder().checkpoint(checkpoint);
      var e = assertThrows(UnsupportedFeatureException.class, builder::build);
      assertTrue(e.getMessage().contains("chat template"), e.getMessage());
      // which vectors do without
      assertEquals(
          checkpoint.model().config().hiddenSize(),
          GraniteEmbeddingModel.builder().checkpoint(checkpoint).build().dimension());
    }
  }

  @Test
  void listenersHear() {
    List<String> heard = new ArrayList<>();
    ChatModelListener listener =
        new ChatModelListener() {
          @Override
          public void onRequest(ChatModelRequestContext context) {
            heard.add("request of at most " + context.chatRequest().maxOutputTokens());
          }

          @Override
          public void onResponse(ChatModelResponseContext context) {
            heard.add("response of " + context.chatResponse().tokenUsage().outputTokenCount());
          }

          @Override
          public void onError(ChatModelErrorContext context) {
            heard.add(context.error().getClass().getSimpleName());
          }
        };
    GraniteChatModel model =
        GraniteChatModel.builder()
            .checkpoint(demo)
            .maxOutputTokens(2)
            .listeners(List.of(listener))
            .build();
    assertFalse(model.chat(QUESTION).isEmpty());
    assertThrows(UnsupportedFeatureException.class, () -> ask(model, p -> p.modelName("another")));
    assertEquals(
        List.of(
            "request of at most 2",
            "response of 2",
            "request of at most 2",
            "UnsupportedFeatureException"),
        heard);
  }

  @Test
  void threadsShareIt() {
    GraniteChatModel model =
        GraniteChatModel.builder().checkpoint(demo).temperature(0.0).maxOutputTokens(12).build();
    String alone = model.chat(QUESTION);
    List<String> together =
        IntStream.range(0, 4).parallel().mapToObj(i -> model.chat(QUESTION)).toList();
    assertEquals(List.of(alone, alone, alone, alone), together);
  }

  @Test
  void closedCheckpointIsSaidToBe() throws IOException {
    GraniteCheckpoint checkpoint = Checkpoints.demo();
    GraniteChatModel model = GraniteChatModel.builder().checkpoint(checkpoint).build();
    checkpoint.close();
    checkpoint.close();
    assertThrows(IllegalStateException.class, () -> model.chat(QUESTION));
  }
}
