package org.graniteffm.runtime.ops;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.concurrent.locks.LockSupport;

/**
 * The one pool of threads that kernels run on.
 *
 * <p>A {@link Job} is cut into slices, and each thread takes the next slice when it is done with
 * the one before: on a shared machine a neighbour that takes a core away then delays one slice, not
 * half of the work. The caller is worker 0 and takes slices too; the other threads are daemons that
 * spin for a moment and then park.
 *
 * <p>One job runs at a time. A caller that finds the pool busy with another caller's job runs all
 * its slices itself, so parallel sessions never wait for each other, and which thread runs a slice
 * never changes what it computes.
 *
 * <p>{@link #run} allocates nothing.
 */
public final class Workers implements AutoCloseable {
  /** Work that is cut into slices, each independent of the others. */
  @FunctionalInterface
  public interface Job {
    /**
     * Does one slice.
     *
     * @param slice from 0 to the number of slices minus 1
     * @param worker from 0 to {@link Workers#size()} minus 1: at any time one thread of this job
     *     has this number, so it may index scratch memory
     */
    void slice(int slice, int worker);
  }

  // A worker that has just run a job is likely to be needed again within a few microseconds, and
  // waking it up costs about fifty: it looks for twice that long before it parks.
  private static final long SPIN_NANOS = 100_000;
  private static final int LOOKS_PER_CLOCK = 64;

  private static final VarHandle TICKET;
  private static final VarHandle UNFINISHED;
  private static final VarHandle BUSY;
  private static final VarHandle PARKED = MethodHandles.arrayElementVarHandle(boolean[].class);

  static {
    try {
      MethodHandles.Lookup lookup = MethodHandles.lookup();
      TICKET = lookup.findVarHandle(Workers.class, "ticket", long.class);
      UNFINISHED = lookup.findVarHandle(Workers.class, "unfinished", int.class);
      BUSY = lookup.findVarHandle(Workers.class, "busy", boolean.class);
    } catch (ReflectiveOperationException e) {
      throw new ExceptionInInitializerError(e);
    }
  }

  private static final class Shared {
    private static final Workers POOL = new Workers(Topology.usableCores());
  }

  private final Thread[] threads;
  private final boolean[] parked;

  // Upper half: number of the job; lower half: slices not yet handed out. One compare-and-set takes
  // a slice, and cannot take one of a job other than the one it looked at.
  @SuppressWarnings("unused") // through TICKET
  private volatile long ticket;

  @SuppressWarnings("unused") // through UNFINISHED
  private volatile int unfinished;

  @SuppressWarnings("unused") // through BUSY
  private volatile boolean busy;

  private volatile boolean closed;

  // Published by the write of the ticket; constant while `unfinished` is not 0.
  private Job job;
  private volatile Throwable failure;

  private Workers(int size) {
    threads = new Thread[size];
    parked = new boolean[size];
    for (int i = 1; i < size; i++) {
      int worker = i;
      threads[i] =
          Thread.ofPlatform().daemon().name("granite-worker-" + i).start(() -> work(worker));
    }
  }

  /**
   * The pool of the process, with a thread for each physical core this process may use.
   *
   * @return always the same pool; it cannot be closed
   */
  public static Workers shared() {
    return Shared.POOL;
  }

  /**
   * A pool of its own.
   *
   * @param threads how many, the caller included
   * @return a pool to be closed
   * @throws IllegalArgumentException if threads is not in 1 to 1024
   */
  public static Workers of(int threads) {
    if (threads < 1 || threads > 1024) {
      throw new IllegalArgumentException("threads: %d, legal are 1 to 1024".formatted(threads));
    }
    return new Workers(threads);
  }

  /**
   * The number of threads, the caller included.
   *
   * @return at least 1
   */
  public int size() {
    return threads.length;
  }

  /**
   * Runs a job and returns when all its slices are done.
   *
   * @param next the job; an exception in a slice is thrown here once the others are done
   * @param slices how many; 0 does nothing
   */
  public void run(Job next, int slices) {
    if (slices <= 0) {
      return;
    }
    if (slices == 1 || threads.length == 1 || closed || !BUSY.compareAndSet(this, false, true)) {
      for (int slice = 0; slice < slices; slice++) {
        next.slice(slice, 0);
      }
      return;
    }
    try {
      job = next;
      failure = null;
      unfinished = slices;
      ticket = (((ticket >>> 32) + 1) << 32) | slices; // volatile: publishes the three above
      wakeParked();
      takeSlices(0);
      awaitOthers();
      Throwable thrown = failure;
      job = null;
      if (thrown != null) {
        failure = null;
        Workers.<RuntimeException>rethrow(thrown);
      }
    } finally {
      busy = false;
    }
  }

  private void wakeParked() {
    for (int i = 1; i < threads.length; i++) {
      if ((boolean) PARKED.getVolatile(parked, i)) {
        LockSupport.unpark(threads[i]);
      }
    }
  }

  private void takeSlices(int worker) {
    while (true) {
      long seen = ticket;
      int left = (int) seen;
      if (left == 0) {
        return;
      }
      if (!TICKET.compareAndSet(this, seen, seen - 1)) {
        continue;
      }
      try {
        job.slice(left - 1, worker);
      } catch (Throwable t) {
        failure = t;
      } finally {
        UNFINISHED.getAndAdd(this, -1);
      }
    }
  }

  @SuppressWarnings("ThreadPriorityCheck") // yields where spinning has not helped, for speed alone
  private void awaitOthers() {
    for (int looks = 0; unfinished != 0; looks++) {
      if (looks < 10_000) {
        Thread.onSpinWait();
      } else {
        Thread.yield(); // the other's core is taken: let the system run it here
      }
    }
  }

  private void work(int worker) {
    while (!closed) {
      takeSlices(worker);
      if (!spinForWork()) {
        PARKED.setVolatile(parked, worker, true);
        // looked at after the flag is up: whoever publishes a job from now on sees the flag
        while ((int) ticket == 0 && !closed) {
          LockSupport.park(this);
        }
        PARKED.setVolatile(parked, worker, false);
      }
    }
  }

  private boolean spinForWork() {
    long deadline = System.nanoTime() + SPIN_NANOS;
    do {
      for (int look = 0; look < LOOKS_PER_CLOCK; look++) {
        if ((int) ticket != 0 || closed) {
          return true;
        }
        Thread.onSpinWait();
      }
    } while (System.nanoTime() < deadline);
    return false;
  }

  /**
   * Ends the threads of a pool made with {@link #of}; jobs given to it later run on their callers
   * alone.
   */
  @Override
  public void close() {
    if (this == Shared.POOL) {
      return;
    }
    closed = true;
    for (int i = 1; i < threads.length; i++) {
      LockSupport.unpark(threads[i]);
    }
  }

  @SuppressWarnings("unchecked")
  private static <T extends Throwable> void rethrow(Throwable t) throws T {
    throw (T) t;
  }
}
