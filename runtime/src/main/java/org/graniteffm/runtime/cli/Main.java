package org.graniteffm.runtime.cli;

import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.OutputStream;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.lang.module.ModuleDescriptor;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import java.util.stream.Collectors;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Help;
import picocli.CommandLine.IVersionProvider;
import picocli.CommandLine.MissingParameterException;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.Model.UsageMessageSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.Spec;
import picocli.CommandLine.UnmatchedArgumentException;

/**
 * The program {@code granite}: finds the command and runs it.
 *
 * <p>Exit codes: {@value #DONE} done, {@value #FAILED} failed, with one line on standard error that
 * says why, {@value #USAGE} wrong usage, likewise. Stack traces are for {@code --debug}.
 */
@Command(
    name = "granite",
    description = "Runs IBM Granite language models on the CPU.",
    synopsisSubcommandLabel = "COMMAND",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    footer = {
      "",
      "granite COMMAND --help says more. Try: granite run \"Once upon a time\"",
      "Exit codes: 0 done, 1 failed, 2 wrong usage."
    })
public final class Main implements Callable<Integer> {
  /** Exit code: done. */
  public static final int DONE = 0;

  /** Exit code: failed, one line on standard error says why. */
  public static final int FAILED = 1;

  /** Exit code: wrong usage, one line on standard error says what. */
  public static final int USAGE = 2;

  // Picocli makes an instance of each command it knows and looks at all its fields; of those that
  // are not asked for it need not know.
  private static final Map<String, Class<?>> COMMANDS = new LinkedHashMap<>();

  static {
    COMMANDS.put("run", RunCommand.class);
    COMMANDS.put("chat", ChatCommand.class);
    COMMANDS.put("generate", GenerateCommand.class);
    COMMANDS.put("forward", ForwardCommand.class);
    COMMANDS.put("verify", VerifyCommand.class);
    COMMANDS.put("score", ScoreCommand.class);
    COMMANDS.put("embed", EmbedCommand.class);
    COMMANDS.put("bench", BenchCommand.class);
    COMMANDS.put("inspect", InspectCommand.class);
    COMMANDS.put("convert", ConvertCommand.class);
    COMMANDS.put("pull", PullCommand.class);
    COMMANDS.put("doctor", DoctorCommand.class);
    COMMANDS.put("completion", CompletionCommand.class);
  }

  @Option(
      names = "--debug",
      scope = ScopeType.INHERIT,
      description = "Show where an error came from.")
  private boolean debug;

  @Spec private CommandSpec spec;

  private Main() {}

  /**
   * Runs the program on standard output and standard error, UTF-8 both, and ends the process.
   *
   * @param args the command and its arguments
   */
  public static void main(String[] args) {
    // Not a return: there may be threads of a library that do not end by themselves.
    System.exit(runOnStandardStreams(args));
  }

  /** All that {@link #main} does but the last. */
  static int runOnStandardStreams(String[] args) {
    LogSettings.use();
    System.setProperty("picocli.disable.closures", "true"); // spares a search for Groovy
    EarlyStart early = EarlyStart.begin(args);
    StandardOutput standardOutput = new StandardOutput(new FileOutputStream(FileDescriptor.out));
    PrintStream out = new PrintStream(standardOutput, false, StandardCharsets.UTF_8);
    PrintStream err =
        new PrintStream(new FileOutputStream(FileDescriptor.err), true, StandardCharsets.UTF_8);
    Help.Ansi colours = Terminal.hasColours(System::getenv) ? Help.Ansi.ON : Help.Ansi.OFF;
    int exitCode;
    try {
      exitCode = run(Arguments.of(args), out, err, colours, Terminal.isOutput());
    } catch (IllegalArgumentException e) { // of the arguments' bytes: run itself throws nothing
      err.println("granite: " + e.getMessage());
      exitCode = USAGE;
    }
    out.flush();
    Optional<String> failure = standardOutput.failure();
    if (failure.isPresent()) {
      err.println("granite: standard output: " + Errors.oneLine(failure.get()));
      exitCode = FAILED;
    }
    err.flush();
    early.end();
    return exitCode;
  }

  /**
   * Runs the program.
   *
   * @param args the command and its arguments
   * @param out takes data, as UTF-8
   * @param err takes everything else, as UTF-8
   * @return the exit code
   */
  public static int run(String[] args, PrintStream out, PrintStream err) {
    return run(args, out, err, Help.Ansi.OFF, false);
  }

  private static int run(
      String[] args, PrintStream out, PrintStream err, Help.Ansi colours, boolean terminal) {
    PrintWriter outWriter = writer(out);
    PrintWriter errWriter = writer(err);
    String[] plain = helpAsOption(args);
    CommandLine commandLine =
        commandLine(plain)
            .setOut(outWriter)
            .setErr(errWriter)
            .setColorScheme(Help.defaultColorScheme(colours))
            .setUsageHelpWidth(100)
            .setUsageHelpAutoWidth(terminal)
            .setUnmatchedOptionsArePositionalParams(false)
            .setExpandAtFiles(false) // a prompt may begin with @, and is anybody's
            .setParameterExceptionHandler((e, given) -> usage(e))
            .setExecutionExceptionHandler((e, failed, result) -> failed(failed, e));
    for (CommandLine command : commandLine.getSubcommands().values()) {
      // for the list of commands: the description of one says the same at more length
      command.getHelpSectionMap().remove(UsageMessageSpec.SECTION_KEY_HEADER);
    }
    int exitCode;
    try {
      exitCode = commandLine.execute(plain);
    } catch (Throwable t) { // errors of the JVM, such as want of memory, are one line as well
      exitCode = failed(commandLine, t);
    }
    outWriter.flush();
    errWriter.flush();
    return exitCode;
  }

  /** As other programs have it: help, help COMMAND. */
  private static String[] helpAsOption(String[] args) {
    if (args.length == 0 || args.length > 2 || !args[0].equals("help")) {
      return args;
    }
    if (args.length == 1) {
      return new String[] {"--help"};
    }
    return COMMANDS.containsKey(args[1])
        ? new String[] {args[1], "--help"}
        : new String[] {args[1]}; // is told to be none
  }

  private static PrintWriter writer(OutputStream stream) {
    return new PrintWriter(stream, false, StandardCharsets.UTF_8);
  }

  private static CommandLine commandLine(String[] args) {
    Optional<String> first = List.of(args).stream().filter(arg -> !arg.startsWith("-")).findFirst();
    if (first.isPresent() && COMMANDS.containsKey(first.get())) {
      return new CommandLine(new Main()).addSubcommand(first.get(), COMMANDS.get(first.get()));
    }
    return allCommands();
  }

  /** The program with all that it can do. */
  static CommandLine allCommands() {
    CommandLine all = new CommandLine(new Main());
    COMMANDS.forEach(all::addSubcommand);
    return all;
  }

  /** No command. */
  @Override
  public Integer call() {
    throw new ParameterException(spec.commandLine(), "which command?");
  }

  private static int usage(ParameterException e) {
    CommandLine commandLine = e.getCommandLine();
    String name = commandLine.getCommandSpec().qualifiedName();
    PrintWriter err = commandLine.getErr();
    String message =
        switch (e) {
          case UnmatchedArgumentException unmatched -> describe(unmatched);
          case MissingParameterException missing when isChoice(missing) ->
              "one is needed of "
                  + missing.getMissing().stream()
                      .map(arg -> ((OptionSpec) arg).longestName())
                      .collect(Collectors.joining(", "));
          default -> String.valueOf(e.getMessage()).replaceFirst("^Error: ", "");
        };
    err.println(name + ": " + Errors.oneLine(message) + " (see " + name + " --help)");
    traceIfAsked(commandLine, e);
    return USAGE;
  }

  private static boolean isChoice(MissingParameterException e) {
    return e.getMessage().contains("(specify one of these)");
  }

  private static String describe(UnmatchedArgumentException e) {
    String kind =
        e.isUnknownOption()
            ? "no option "
            : e.getCommandLine().getSubcommands().isEmpty()
                ? "one argument too many: "
                : "no command ";
    List<String> similar = e.getSuggestions();
    boolean takesPrompt = e.getCommandLine().getCommandSpec().findOption("--prompt") != null;
    return kind
        + "'%s'".formatted(e.getUnmatched().getFirst())
        + (similar.isEmpty() ? "" : ", did you mean " + similar.getFirst() + "?")
        + (takesPrompt && !e.isUnknownOption() ? "; a prompt is given by --prompt" : "");
  }

  private static int failed(CommandLine commandLine, Throwable t) {
    commandLine.getOut().flush();
    commandLine.getErr().println("granite: " + Errors.describe(t));
    traceIfAsked(commandLine, t);
    return FAILED;
  }

  private static void traceIfAsked(CommandLine commandLine, Throwable t) {
    CommandLine root = commandLine;
    while (root.getParent() != null) {
      root = root.getParent();
    }
    if (root.getCommand() instanceof Main main && main.debug) {
      t.printStackTrace(commandLine.getErr());
    }
  }

  /** What {@code --version} says. */
  static final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
      return new String[] {
        "granite " + version() + " (Java " + Runtime.version() + ")",
      };
    }

    static String version() {
      String version = Main.class.getPackage().getImplementationVersion();
      if (version != null) {
        return version;
      }
      ModuleDescriptor module = Main.class.getModule().getDescriptor();
      return module == null ? "unversioned" : module.rawVersion().orElse("unversioned");
    }
  }
}
