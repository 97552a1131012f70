package org.graniteffm.runtime.model;

import java.util.concurrent.locks.ReentrantReadWriteLock;

/**
 * Counts the running calls on something that must not go away under them: calls hold the lease,
 * closing waits until none does. Once closing has begun no call starts, and those that run are told
 * at their next check.
 */
final class Lease {
  private final String name;
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private volatile boolean closing;
  private boolean closed;

  Lease(String name) {
    this.name = name;
  }

  /** Starts a call; to be paired with {@link #release}. */
  void acquire() {
    check(); // or it would wait for those that run, only to hear the same
    lock.readLock().lock();
    if (closing) {
      lock.readLock().unlock();
      throw closed();
    }
  }

  void release() {
    lock.readLock().unlock();
  }

  /** Ends a running call when closing has begun. */
  void check() {
    if (closing) {
      throw closed();
    }
  }

  private ClosedException closed() {
    return new ClosedException(name + ": is closed");
  }

  /**
   * Closes once, after the calls that run have ended.
   *
   * @param action what to free; if it throws, another call tries again
   * @throws ClosedException if the caller is itself within such a call, since waiting for it would
   *     never end
   */
  void close(Runnable action) {
    if (lock.getReadHoldCount() > 0) {
      throw new ClosedException(name + ": cannot be closed from within a call of its own");
    }
    closing = true;
    lock.writeLock().lock();
    try {
      if (!closed) {
        action.run();
        closed = true;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }
}
