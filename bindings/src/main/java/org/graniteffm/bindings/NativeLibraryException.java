package org.graniteffm.bindings;

/**
 * A native library is missing, cannot be loaded, or is not the one these bindings were made for.
 *
 * <p>The message is one line that names the library; the cause, if there is one, is kept. The
 * failure is final: every later use of that library in this process fails in the same way.
 */
public final class NativeLibraryException extends RuntimeException {
  private static final long serialVersionUID = 1;

  NativeLibraryException(String message) {
    super(message);
  }

  NativeLibraryException(String message, Throwable cause) {
    super(message, cause);
  }
}
