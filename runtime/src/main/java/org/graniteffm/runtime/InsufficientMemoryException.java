package org.graniteffm.runtime;

/** Memory that was asked for cannot be had; nothing half-built is left behind. */
public class InsufficientMemoryException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception.
   *
   * @param purpose what the memory was for
   * @param bytes how many bytes were wanted
   * @param cause what the system said, or null
   */
  public InsufficientMemoryException(String purpose, long bytes, Throwable cause) {
    super(
        "%s: cannot have %d bytes%s"
            .formatted(
                purpose,
                bytes,
                cause == null || cause.getMessage() == null ? "" : ": " + cause.getMessage()),
        cause);
  }
}
