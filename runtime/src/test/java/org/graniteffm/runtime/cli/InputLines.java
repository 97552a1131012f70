package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.nio.file.Path;

/** Lets tests of other packages read a file of prompts as the command does. */
public final class InputLines {
  private InputLines() {}

  /** Reads a file, and throws what the command would report. */
  public static int count(Path file) throws IOException {
    return Inputs.read(file, "prompt").size();
  }
}
