package org.graniteffm.runtime;

/**
 * A file is well-formed, but asks for something this library does not do; the message says what is
 * supported.
 */
public class UnsupportedModelException extends ModelFormatException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception.
   *
   * @param message one line: file, field, what was found, what is supported
   */
  public UnsupportedModelException(String message) {
    super(message);
  }
}
