package org.graniteffm.runtime;

/**
 * An object that belongs to one caller at a time was used by a second one, or from a callback of
 * its own.
 */
public class ConcurrentUseException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception.
   *
   * @param what the object
   */
  public ConcurrentUseException(String what) {
    super(what + ": is in use; it belongs to one caller at a time");
  }
}
