package org.graniteffm.runtime;

import java.io.IOException;

/**
 * A file's content is malformed, cut short or inconsistent.
 *
 * <p>The message is one line naming the file, the tensor or field, what was expected and what was
 * found.
 */
public class ModelFormatException extends IOException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception.
   *
   * @param message one line; names that come from files pass through {@link Names#quote} first
   */
  public ModelFormatException(String message) {
    super(message);
  }

  /**
   * Makes an exception with a cause.
   *
   * @param message one line; names that come from files pass through {@link Names#quote} first
   * @param cause what was caught
   */
  public ModelFormatException(String message, Throwable cause) {
    super(message, cause);
  }
}
