package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class EarlyStartTest {
  @Test
  void isForCommandsThatThereAre() {
    Set<String> commands = Main.allCommands().getSubcommands().keySet();
    assertTrue(commands.containsAll(EarlyStart.COMPUTING));
  }

  @Test
  void isForWhatTakesTheOptionsOfComputing() {
    for (var command : Main.allCommands().getSubcommands().entrySet()) {
      assertEquals(
          command.getValue().getCommandSpec().findOption("--threads") != null,
          EarlyStart.isFor(new String[] {command.getKey(), "x"}),
          command::getKey);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"run --help", "run -h", "run", "--version", "inspect x", "no-command x"})
  void isNotForWhatComputesNothing(String args) {
    assertFalse(EarlyStart.isFor(args.split(" ", -1)));
  }
}
