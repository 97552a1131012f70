package org.graniteffm.runtime.model;

import java.util.concurrent.atomic.AtomicBoolean;
import org.graniteffm.runtime.ConcurrentUseException;

/**
 * Sees to it that an object has one caller at a time; a caller's own callbacks count as a second
 * one.
 */
public final class ExclusiveUse {
  private final String name;
  private final AtomicBoolean used = new AtomicBoolean();

  /**
   * Makes a guard.
   *
   * @param name what messages call the object
   */
  public ExclusiveUse(String name) {
    this.name = name;
  }

  /**
   * Starts a use; to be paired with {@link #leave}.
   *
   * @throws ConcurrentUseException if the object is in use
   */
  public void enter() {
    if (!used.compareAndSet(false, true)) {
      throw new ConcurrentUseException(name);
    }
  }

  /** Ends a use. */
  public void leave() {
    used.set(false);
  }
}
