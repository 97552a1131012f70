package org.graniteffm.bindings;

/**
 * A segment was given whose memory this thread may not use: its arena is closed, or confined to
 * another thread.
 *
 * <p>The message is one line that holds the operand and which of the two it is.
 */
public final class UnusableSegmentException extends IllegalStateException {
  private static final long serialVersionUID = 1;

  UnusableSegmentException(String message) {
    super(message);
  }
}
