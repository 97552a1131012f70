package org.graniteffm.runtime.cli;

import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code granite completion}: what a shell needs to complete commands and options. */
@Command(
    name = "completion",
    mixinStandardHelpOptions = true,
    versionProvider = Main.Version.class,
    sortOptions = false,
    header = "Prints what a shell needs to complete commands and options.",
    customSynopsis = "granite completion",
    description = {
      "Prints a script for bash and zsh that completes commands, options and their values.",
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
  @Spec private CommandSpec spec;

  @Override
  public Integer call() {
    spec.commandLine().getOut().print(AutoComplete.bash("granite", Main.allCommands()));
    return Main.DONE;
  }
}
