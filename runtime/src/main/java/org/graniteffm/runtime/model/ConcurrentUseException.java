package org.graniteffm.runtime.model;

/** An object that belongs to one caller at a time was used by a second one. */
public class ConcurrentUseException extends IllegalStateException {
  private static final long serialVersionUID = 1L;

  /**
   * Makes an exception.
   *
   * @param what the object
   */
  public ConcurrentUseException(String what) {
    super(what + ": in use by another thread; it belongs to one caller at a time");
  }
}
