package org.graniteffm.runtime;

/** Memory that was asked for cannot be had; nothing half-built is left behind. */
public class InsufficientMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception.
   *
   * @param purpose what the memory was for
   * @param bytes how many bytes were wanted
   * @param cause what the system said
   */
  public InsufficientMemoryException(String purpose, long bytes, Throwable cause) {
    super(message(purpose, bytes, cause.getMessage()), cause);
  }

  /**
   * Makes an exception.
   *
   * @param purpose what the memory was for
   * @param bytes how many bytes were wanted
   * @param reason why they cannot be had
   */
  public InsufficientMemoryException(String purpose, long bytes, String reason) {
    super(message(purpose, bytes, reason));
  }

  private static String message(String purpose, long bytes, String reason) {
    String wanted = "%s: cannot have %d bytes".formatted(purpose, bytes);
    return reason == null ? wanted : wanted + ": " + reason;
  }
}
