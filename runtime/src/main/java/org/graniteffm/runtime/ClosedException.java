package org.graniteffm.runtime;

/** An object was used after it had been closed, or closed where that cannot be. */
public class ClosedException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception.
   *
   * @param message which object, which state
   */
  public ClosedException(String message) {
    super(message);
  }
}
