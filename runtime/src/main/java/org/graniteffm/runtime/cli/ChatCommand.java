package org.graniteffm.runtime.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedReader;
import java.io.Console;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import org.graniteffm.runtime.chat.ChatOptions;
import org.graniteffm.runtime.chat.ChatTemplate;
import org.graniteffm.runtime.chat.Message;
import org.graniteffm.runtime.chat.Reply;
import org.graniteffm.runtime.chat.ToolCall;
import org.graniteffm.runtime.generate.FinishReason;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.json.JsonReader;
import org.graniteffm.runtime.json.PlainData;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code granite chat}: a conversation on standard input and output. */
@Command(
    name = "chat",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    header = "Holds a conversation, with the chat template of the checkpoint.",
    customSynopsis = "granite chat [MODEL] [OPTION...]",
    description = {
      "Holds a conversation, with the checkpoint's own chat template. Each line of standard input"
          + " is a turn; the answers go to standard output, as they come.",
      "",
      "/reset forgets the conversation, /exit or the end of the input ends it. Ctrl-C stops the"
          + " answer, not the program. What the model asks tools to do is printed as 'tool call:"
          + " NAME {arguments}'; /tool TEXT tells it what a tool returned. With --json each answer"
          + " is one line {\"text\": …, \"tool_calls\": [{\"name\": …, \"arguments\": {…}}],"
          + " \"finish_reason\": \"eos\", \"stop\", \"length\", \"time\" or \"cancelled\"}.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  granite chat path/to/model --system \"Answer in one sentence.\"",
      "  granite chat path/to/model --tools tools.json --json < turns.txt",
      "A file of tools: [{\"type\": \"function\", \"function\": {\"name\": \"time_in\", \"description\":",
      "  \"The time in a city\", \"parameters\": {\"type\": \"object\", \"properties\": {\"city\":",
      "  {\"type\": \"string\"}}}}}]"
    })
final class ChatCommand implements Callable<Integer> {
  private static final String PROMPT = "> ";
  private static final String TOOL = "/tool ";
  private static final Pattern COMMAND = Pattern.compile("/[a-z]*");
  private static final String COMMANDS =
      "granite: /reset forgets the conversation, /tool TEXT is what a tool returned, /exit ends it";
  private static final String DEMO =
      "granite: the demo model tells fairy tales; try: Tell me a story about the golden bird.";

  @Parameters(
      arity = "0..1",
      paramLabel = "MODEL",
      description = ModelSource.HELP + " If absent, the built-in demo model.")
  private String name;

  @Option(
      names = "--system",
      paramLabel = "TEXT",
      description = "How to answer: the first turn, in place of the template's own.")
  private String system;

  @Option(
      names = "--thinking",
      negatable = true,
      fallbackValue = "true",
      description = "Whether the model thinks aloud first, if its template knows of that.")
  private Boolean thinking;

  @Option(
      names = "--tools",
      paramLabel = "FILE",
      description = "What the model may call: a JSON list of functions with their schemas.")
  private Path tools;

  @Option(
      names = "--documents",
      paramLabel = "FILE",
      description =
          "What the model is to rely on: a JSON list of {\"doc_id\": …, \"title\": …, \"text\":"
              + " …}.")
  private Path documents;

  @Option(names = "--json", description = "Print one JSON object an answer.")
  private boolean json;

  @Mixin private ModelSource models;

  @Mixin private GenerationOptions options;

  @Mixin private ComputeOptions compute;

  @Spec private CommandSpec spec;

  private final AtomicBoolean answering = new AtomicBoolean();
  private volatile boolean stopped;
  private boolean atTerminal;

  @Override
  public Integer call() throws IOException {
    if (options.isGiven("--num-return-sequences")) {
      throw new ParameterException(
          spec.commandLine(), "--num-return-sequences: a conversation has one answer a turn");
    }
    atTerminal = Optional.ofNullable(System.console()).filter(Console::isTerminal).isPresent();
    ChatOptions chatOptions = chatOptions();
    Path folder = models.locate(name);
    compute.apply();
    ChatTemplate template = ChatTemplate.load(folder);
    checkUsed(template, chatOptions);
    try (GraniteForCausalLM model = compute.load(folder);
        GraniteForCausalLM assistant = options.loadAssistant(models, compute);
        Tokenizer tokenizer = Tokenizers.open(folder);
        Generator generator = new Generator(model, assistant)) {
      GenerationConfig config =
          options.over(GenerationConfig.load(folder, model.config()), folder, assistant);
      GenerationConfig one = config.toBuilder().numReturnSequences(1).build();
      List<Message> start = system == null ? List.of() : List.of(Message.system(system));
      if (name == null) {
        say(DEMO);
      }
      try (Conversation conversation =
              new Conversation(template, chatOptions, start, one, model, tokenizer, generator);
          Interrupts _ = Interrupts.handle(this::interrupt)) {
        converse(conversation);
      }
    }
    return Main.DONE;
  }

  private ChatOptions chatOptions() throws IOException {
    ChatOptions.Builder builder = ChatOptions.builder();
    if (thinking != null) {
      builder.thinking(thinking);
    }
    if (tools != null) {
      builder.tools(objects(tools));
    }
    if (documents != null) {
      builder.documents(objects(documents));
    }
    return builder.build();
  }

  private static List<Map<String, Object>> objects(Path file) throws IOException {
    List<Map<String, Object>> objects = new ArrayList<>();
    for (JsonNode object : JsonReader.readObjects(file, JsonReader.CONFIG_LIMIT)) {
      objects.add(PlainData.ofObject(object));
    }
    return objects;
  }

  /** Says which options the template makes no use of, as a model would not say it. */
  private void checkUsed(ChatTemplate template, ChatOptions options) throws IOException {
    if (options.tools().isPresent()) {
      ChatOptions with = ChatOptions.builder().tools(options.tools().get()).build();
      checkUsed("--tools", template, with, ChatOptions.DEFAULT);
    }
    if (options.documents().isPresent()) {
      ChatOptions with = ChatOptions.builder().documents(options.documents().get()).build();
      checkUsed("--documents", template, with, ChatOptions.DEFAULT);
    }
    if (thinking != null) {
      ChatOptions with = ChatOptions.builder().thinking(true).build();
      checkUsed("--thinking", template, with, ChatOptions.builder().thinking(false).build());
    }
  }

  private void checkUsed(
      String option, ChatTemplate template, ChatOptions with, ChatOptions without)
      throws IOException {
    List<Message> turns = List.of(Message.user("x"));
    if (template.render(turns, with).equals(template.render(turns, without))) {
      say("granite: " + option + ": the model's chat template makes no use of it");
    }
  }

  private void converse(Conversation conversation) throws IOException {
    // not closed: standard input is not ours
    BufferedReader in =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = ask(in); line != null; line = ask(in)) {
      switch (line.strip()) {
        case "" -> {}
        case "/exit" -> {
          return;
        }
        case "/reset" -> conversation.reset();
        case String word when atTerminal && COMMAND.matcher(word).matches() -> say(COMMANDS);
        default -> {
          Message turn =
              line.startsWith(TOOL)
                  ? Message.tool(line.substring(TOOL.length()).strip())
                  : Message.user(line);
          if (!answer(conversation, turn)) {
            return;
          }
        }
      }
    }
    if (atTerminal) {
      say("");
    }
  }

  private String ask(BufferedReader in) throws IOException {
    if (atTerminal) {
      spec.commandLine().getErr().print(PROMPT);
      spec.commandLine().getErr().flush();
    }
    return in.readLine();
  }

  /** One turn; false if nobody reads the answers any more. */
  private boolean answer(Conversation conversation, Message turn) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    stopped = false;
    answering.set(true);
    Conversation.Answer answer;
    try {
      answer =
          conversation.answer(
              turn,
              piece -> {
                out.print(json ? "" : piece);
                return !out.checkError(); // flushes
              },
              () -> stopped);
    } catch (IllegalArgumentException e) {
      if (!atTerminal) {
        throw e; // a script is to hear of it
      }
      say("granite: " + Errors.describe(e));
      return true;
    } finally {
      answering.set(false);
    }
    FinishReason reason = answer.generation().sequences().getFirst().finishReason();
    if (json) {
      out.println(Json.exactLine(facts(answer.reply(), reason)));
    } else {
      print(answer.reply(), out);
    }
    boolean read = !out.checkError();
    if (atTerminal && !json) {
      hint(answer.reply(), reason);
    }
    return read;
  }

  private static List<ToolCall> calls(Reply reply) {
    return reply instanceof Reply.ToolCalls toolCalls ? toolCalls.calls() : List.of();
  }

  private static Map<String, Object> facts(Reply reply, FinishReason reason) {
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("text", reply.text());
    List<Object> calls = new ArrayList<>();
    for (ToolCall call : calls(reply)) {
      Map<String, Object> fields = new LinkedHashMap<>();
      fields.put("name", call.name());
      fields.put("arguments", call.arguments());
      calls.add(fields);
    }
    facts.put("tool_calls", calls);
    facts.put("finish_reason", reason.name().toLowerCase(Locale.ROOT));
    return facts;
  }

  /** What the pieces did not have. */
  private static void print(Reply reply, PrintWriter out) {
    if (!reply.text().isEmpty() || calls(reply).isEmpty()) {
      out.println();
    }
    for (ToolCall call : calls(reply)) {
      out.println(
          "tool call: " + Errors.oneLine(call.name()) + " " + Json.exactLine(call.arguments()));
    }
  }

  private void hint(Reply reply, FinishReason reason) {
    if (!calls(reply).isEmpty()) {
      say("granite: /tool TEXT tells the model what the tool returned");
    } else if (reason == FinishReason.LENGTH) {
      say("granite: the answer was cut off; --max-new-tokens sets how long it may be");
    }
  }

  /** On a thread of the JVM's. */
  private void interrupt() {
    stopped = true;
    if (!answering.get()) {
      say("");
      say("granite: /exit or Ctrl-D ends the conversation");
      if (atTerminal) {
        spec.commandLine().getErr().print(PROMPT);
        spec.commandLine().getErr().flush();
      }
    }
  }

  private void say(String line) {
    spec.commandLine().getErr().println(line);
    spec.commandLine().getErr().flush();
  }
}
