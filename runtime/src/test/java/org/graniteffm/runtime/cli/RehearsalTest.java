package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.util.List;
import org.junit.jupiter.api.Test;

class RehearsalTest {
  @Test
  void eachOfItsCommandsWorks() throws IOException {
    for (List<String> command : Rehearsal.commands()) {
      assertFalse(CommandLineRun.of(command.toArray(String[]::new)).done().isBlank());
    }
  }
}
