package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Completes in a bash as its Tab key would. */
class CompletionCommandTest {
  @TempDir private Path temporary;

  /** What bash offers for the last word. */
  private List<String> complete(String... words) throws IOException, InterruptedException {
    Path script = temporary.resolve("granite");
    Files.writeString(script, CommandLineRun.of("completion").done());
    String driver =
        """
        set -e
        source "$1"
        shift
        COMP_WORDS=("$@")
        COMP_CWORD=$(($# - 1))
        [[ $(complete -p granite) == *"-F _complete_granite"* ]]
        compopt() { :; } # of use while bash itself completes
        _complete_granite
        printf '%s\\n' "${COMPREPLY[@]}"
        """;
    ProcessBuilder bash = new ProcessBuilder("bash", "-c", driver, "bash", script.toString());
    bash.command().addAll(List.of(words));
    bash.directory(temporary.toFile()).redirectErrorStream(true);
    Process process = bash.start();
    process.getOutputStream().close();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), out);
    return out.lines().toList();
  }

  @Test
  void shellMayBeNamed() {
    assertEquals(
        CommandLineRun.of("completion").done(), CommandLineRun.of("completion", "zsh").done());
    CommandLineRun.of("completion", "fish").misused("'fish' is not one of bash, zsh");
  }

  @Test
  void commandsAreCompleted() throws IOException, InterruptedException {
    assertEquals(List.of("embed"), complete("granite", "em"));
    assertTrue(complete("granite", "").containsAll(MainTest.commands()));
  }

  @Test
  void optionsAreCompleted() throws IOException, InterruptedException {
    assertEquals(List.of("--max-new-tokens"), complete("granite", "run", "--max-n"));
    assertEquals(List.of("--min-length"), complete("granite", "chat", "--seed", "1", "--min-l"));
  }

  @Test
  void valuesAreCompleted() throws IOException, InterruptedException {
    assertEquals(List.of("avx2", "avx512"), complete("granite", "run", "--isa", "av"));
    assertEquals(List.of("mean", "last"), complete("granite", "embed", "--pooling", ""));
    assertTrue(complete("granite", "score", "--text", "").contains("granite"));
  }
}
