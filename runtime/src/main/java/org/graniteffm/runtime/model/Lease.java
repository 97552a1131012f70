package org.graniteffm.runtime.model;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.ConcurrentUseException;

/**
 * Counts the running calls on something that must not go away under them: calls hold the lease,
 * closing waits until none does. Once closing has begun no call starts, and those that run are told
 * at their next check.
 *
 * <p>A callback of one call may close something else, and wait. Were two to wait for each other,
 * neither would end, so the one that comes second is refused.
 */
final class Lease {
  /** The leases of the calls that a thread is in, as often as it holds them. */
  private static final ThreadLocal<List<Lease>> HELD = ThreadLocal.withInitial(ArrayList::new);

  /** Who waits in {@link #close}; also the lock of this list. */
  private static final List<Wait> WAITS = new ArrayList<>();

  /** No record, as each equals itself alone. */
  private static final class Wait {
    private final Lease lease;
    private final List<Lease> held;

    Wait(Lease lease, List<Lease> held) {
      this.lease = lease;
      this.held = held;
    }
  }

  private final String name;
  private final ReentrantReadWriteLock lock = new ReentrantReadWriteLock();
  private volatile boolean closing;
  private boolean closed;

  Lease(String name) {
    this.name = name;
  }

  /** Starts a call; to be paired with {@link #release}, by the same thread. */
  void acquire() {
    check();
    // Without waiting: whoever has the other lock is closing, and may wait for this very thread.
    if (!lock.readLock().tryLock()) {
      throw closed();
    }
    if (closing) {
      lock.readLock().unlock();
      throw closed();
    }
    HELD.get().add(this);
  }

  void release() {
    List<Lease> held = HELD.get();
    int last = held.lastIndexOf(this);
    if (last < 0) {
      throw new ConcurrentUseException(name + ": a use that another thread began");
    }
    held.remove(last);
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
   * @throws ClosedException if the caller is itself within such a call, or in one that another such
   *     call is waiting for, since waiting for it would never end; nothing has changed then
   */
  void close(Runnable action) {
    Wait wait = new Wait(this, HELD.get());
    synchronized (WAITS) {
      refuseToWaitForever(wait.held);
      WAITS.add(wait);
      closing = true;
    }
    try {
      lock.writeLock().lock();
    } finally {
      synchronized (WAITS) {
        WAITS.remove(wait);
      }
    }
    try {
      if (!closed) {
        action.run();
        closed = true;
      }
    } finally {
      lock.writeLock().unlock();
    }
  }

  private void refuseToWaitForever(List<Lease> held) {
    if (held.contains(this)) {
      throw new ClosedException(name + ": cannot be closed from within a call of its own");
    }
    Set<Lease> awaited = new HashSet<>(Set.of(this)); // and what its callers wait for, and so on
    boolean more = true;
    while (more) {
      more = false;
      for (Wait wait : WAITS) {
        if (wait.held.stream().anyMatch(awaited::contains)) {
          more |= awaited.add(wait.lease);
        }
      }
    }
    for (Lease mine : held) {
      if (awaited.contains(mine)) {
        throw new ClosedException(
            "%s: cannot be closed here: a call of it is waiting to close %s, which this thread is in a call of"
                .formatted(name, mine.name));
      }
    }
  }
}
