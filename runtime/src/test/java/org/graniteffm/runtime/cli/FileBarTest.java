package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.junit.jupiter.api.Test;

class FileBarTest {
  private static String shown(boolean wanted) {
    StringWriter text = new StringWriter();
    try (FileBar bar = new FileBar(new PrintWriter(text), "loading", wanted)) {
      bar.onProgress(1_000_000, 4_000_000);
      bar.onProgress(4_000_000, 4_000_000);
    }
    return text.toString();
  }

  @Test
  void barIsDrawnInOneLineAndGoneAtTheEnd() {
    String text = shown(true);
    assertTrue(text.contains("\rloading 100%"), text);
    assertTrue(text.endsWith("\r" + " ".repeat(79) + "\r"), text);
    assertFalse(text.contains("\n"), text);
  }

  @Test
  void nothingIsShownWhereNoBarIsWanted() {
    assertEquals("", shown(false));
  }
}
