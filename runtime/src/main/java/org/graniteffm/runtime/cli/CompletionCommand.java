package org.graniteffm.runtime.cli;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code granite completion}: what a shell needs to complete commands and options. */
@Command(
    name = "completion",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    header = "Prints what a shell needs to complete commands and options.",
    customSynopsis = "granite completion [bash|zsh]",
    description = {
      "Prints a script that completes commands, options and their values, one for both shells.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  source <(granite completion)                                            # this shell",
      "  granite completion > ~/.local/share/bash-completion/completions/granite # every bash",
      "  echo 'source <(granite completion)' >> ~/.zshrc                         # every zsh"
    })
final class CompletionCommand implements Callable<Integer> {
  @Parameters(arity = "0..1", paramLabel = "bash|zsh", description = "The shell.")
  private String shell;

  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    if (shell != null && !List.of("bash", "zsh").contains(shell)) {
      throw new ParameterException(spec.commandLine(), "'" + shell + "' is not one of bash, zsh");
    }
    spec.commandLine().getOut().print(AutoComplete.bash("granite", Main.allCommands()));
    return Main.DONE;
  }
}
