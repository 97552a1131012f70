package org.graniteffm.runtime.cli;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.logging.LogManager;

/**
 * What the program shows of what the library logs: warnings, as lines like its own. Made by the
 * JDK's log manager, and only if something is logged at all.
 */
public final class LogSettings {
  private static final String PROPERTY = "java.util.logging.config.class";
  private static final String FILE_PROPERTY = "java.util.logging.config.file";

  // of what the kernels cannot use, doctor tells
  private static final String SETTINGS =
      """
      handlers=java.util.logging.ConsoleHandler
      .level=WARNING
      org.graniteffm.bindings.level=SEVERE
      java.util.logging.SimpleFormatter.format=granite: %5$s%n
      """;

  /**
   * Called by the log manager.
   *
   * @throws IOException if the settings cannot be read
   */
  public LogSettings() throws IOException {
    LogManager.getLogManager()
        .readConfiguration(
            new ByteArrayInputStream(SETTINGS.getBytes(StandardCharsets.ISO_8859_1)));
  }

  /** To be called before anything is logged; who names settings of their own gets those. */
  static void use() {
    if (System.getProperty(PROPERTY) == null && System.getProperty(FILE_PROPERTY) == null) {
      System.setProperty(PROPERTY, LogSettings.class.getName());
    }
  }
}
