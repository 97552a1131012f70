package org.graniteffm.runtime.cli;

import java.io.BufferedReader;
import java.io.Console;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.concurrent.atomic.AtomicBoolean;
import org.graniteffm.runtime.chat.ChatOptions;
import org.graniteffm.runtime.chat.ChatTemplate;
import org.graniteffm.runtime.chat.Message;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.Generator;
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
    description = {
      "Holds a conversation, with the checkpoint's own chat template. Each line of standard input"
          + " is a turn; the answers go to standard output, as they come.",
      "",
      "/reset forgets the conversation, /exit or the end of the input ends it. Ctrl-C stops the"
          + " answer, not the program.",
      ""
    })
final class ChatCommand implements Callable<Integer> {
  private static final String PROMPT = "> ";
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
    Path folder = models.locate(name);
    compute.apply();
    ChatTemplate template = ChatTemplate.load(folder);
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
              new Conversation(template, chatOptions(), start, one, model, tokenizer, generator);
          Interrupts _ = Interrupts.handle(this::interrupt)) {
        converse(conversation);
      }
    }
    return Main.DONE;
  }

  private ChatOptions chatOptions() {
    ChatOptions.Builder builder = ChatOptions.builder();
    if (thinking != null) {
      builder.thinking(thinking);
    }
    return builder.build();
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
        default -> {
          if (!answer(conversation, line)) {
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
  private boolean answer(Conversation conversation, String line) throws IOException {
    PrintWriter out = spec.commandLine().getOut();
    stopped = false;
    answering.set(true);
    try {
      conversation.answer(
          line,
          piece -> {
            out.print(piece);
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
    out.println();
    return !out.checkError();
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
