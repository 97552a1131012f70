package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class MainTest {
  @Test
  void helpListsAllCommands() {
    String help = CommandLineRun.of("--help").done();
    for (String command : commands()) {
      assertTrue(help.contains("\n  " + command + " "), help);
    }
  }

  static Set<String> commands() {
    return Main.allCommands().getSubcommands().keySet();
  }

  @ParameterizedTest
  @MethodSource("commands")
  void eachCommandTakesHelp(String command) {
    String help = CommandLineRun.of(command, "--help").done();
    assertTrue(help.contains("granite " + command), help);
    assertTrue(help.contains("\nExamples:\n  "), help);
  }

  @ParameterizedTest
  @ValueSource(strings = {"run", "chat", "generate", "forward", "score", "embed", "bench"})
  void whatComputesTakesTheSharedOptions(String command) {
    String help = CommandLineRun.of(command, "--help").done();
    for (String option : new String[] {"--threads", "--precision", "--isa", "--debug"}) {
      assertTrue(help.contains(option), help);
    }
  }

  @Test
  void versionIsOneLine() {
    String version = CommandLineRun.of("--version").done();
    assertTrue(version.startsWith("granite "), version);
    assertEquals(1, version.lines().count());
  }

  @Test
  void noCommandIsUsage() {
    CommandLineRun.of().misused("which command?", "granite --help");
  }

  @Test
  void helpIsACommandToo() {
    assertEquals(CommandLineRun.of("--help"), CommandLineRun.of("help"));
    assertEquals(CommandLineRun.of("run", "--help"), CommandLineRun.of("help", "run"));
    CommandLineRun.of("help", "fly").misused("no command 'fly'");
  }

  @Test
  void unknownCommandIsUsage() {
    CommandLineRun.of("fly").misused("no command 'fly'", "granite --help");
    CommandLineRun.of("inspct").misused("did you mean inspect?");
    CommandLineRun.of("doctor", "x").misused("one argument too many: 'x'");
  }

  @Test
  void unknownOptionIsUsage() {
    CommandLineRun.of("inspect", "--colour")
        .misused("no option '--colour'", "granite inspect --help");
    CommandLineRun.of("inspect", "--tensor").misused("did you mean --tensors?");
  }

  @Test
  void folderOfSomethingElseIsSaidToBeNoCheckpoint(@TempDir Path folder) {
    for (String command : new String[] {"run", "chat", "embed", "inspect", "bench"}) {
      String[] args = {command, folder.toString(), "x"};
      CommandLineRun.of(command.matches("run|embed") ? args : Arrays.copyOf(args, 2))
          .failed("no checkpoint", "config.json, tokenizer.json and model.safetensors", "pull");
    }
  }

  @Test
  void emptyModelIsUsage() {
    CommandLineRun.of("run", "", "Once").misused("MODEL: is empty", "folder or a hub id");
  }

  @Test
  void debugShowsWhereAnErrorCameFrom() {
    CommandLineRun run = CommandLineRun.of("inspect", "--debug", "no/such/folder");
    assertEquals(Main.FAILED, run.exitCode());
    assertTrue(run.err().contains("\tat org.graniteffm"), run.err());
  }

  @ParameterizedTest
  @ValueSource(strings = {"mmx", "AVX2", "", "neon"})
  void unknownTierIsUsageAndNamesTheTiers(String tier) {
    CommandLineRun.of("run", "--isa", tier, "x")
        .misused("--isa: \"" + tier + "\"", "scalar, avx2, avx512", "granite run --help");
  }

  @Test
  void precisionIsChecked() {
    CommandLineRun.of("run", "--precision", "f16", "x").misused("--precision", "f16", "auto, f32");
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "-1", "1025", "two"})
  void threadsAreChecked(String threads) {
    CommandLineRun.of("run", "--threads", threads, "x").misused("--threads", threads);
  }
}
