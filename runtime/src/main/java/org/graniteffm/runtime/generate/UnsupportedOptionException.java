package org.graniteffm.runtime.generate;

import java.util.List;

/**
 * A generation option asks for what this library does not do; ignoring it would change the result
 * in silence.
 */
public class UnsupportedOptionException extends IllegalArgumentException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception.
   *
   * @param options Hugging Face names
   */
  public UnsupportedOptionException(List<String> options) {
    super("not supported: " + String.join(", ", options));
  }
}
