package org.graniteffm.runtime.hub;

import java.io.IOException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/** Tasks that run on a few threads, may add further ones, and end together when one fails. */
final class TaskGroup implements AutoCloseable {
  /** Something to do. */
  @FunctionalInterface
  interface Task {
    void run() throws IOException, InterruptedException;
  }

  private final ExecutorService executor;
  private int pending;
  private Throwable failure;

  TaskGroup(int threads) {
    executor =
        Executors.newFixedThreadPool(
            threads, Thread.ofPlatform().daemon().name("granite-hub-", 0).factory());
  }

  /** Adds a task; they start in the order in which they were added. */
  synchronized void add(Task task) {
    if (failure == null) {
      pending++;
      executor.execute(() -> run(task));
    }
  }

  private void run(Task task) {
    Throwable thrown = null;
    try {
      task.run();
    } catch (Throwable t) { // whatever it is, the caller shall have it
      thrown = t;
    }
    synchronized (this) {
      pending--;
      if (thrown != null && failure == null) {
        failure = thrown;
      }
      notifyAll();
    }
  }

  /**
   * Waits until all tasks are done.
   *
   * @throws IOException what the first task to fail threw; others may still be running
   * @throws InterruptedException if interrupted; likewise
   */
  synchronized void await() throws IOException, InterruptedException {
    while (pending > 0 && failure == null) {
      wait();
    }
    switch (failure) {
      case null -> {}
      case IOException e -> throw e;
      case InterruptedException e -> throw e;
      case RuntimeException e -> throw e;
      case Error e -> throw e;
      default -> throw new AssertionError(failure);
    }
  }

  /** Ends what still runs, and waits for its end. */
  @Override
  public void close() {
    executor.shutdownNow();
    boolean interrupted = false;
    while (true) {
      try {
        if (executor.awaitTermination(1, TimeUnit.DAYS)) {
          break;
        }
      } catch (InterruptedException e) {
        interrupted = true;
      }
    }
    if (interrupted) {
      Thread.currentThread().interrupt();
    }
  }
}
