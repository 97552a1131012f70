package org.graniteffm.runtime.hub;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.time.Duration;

/**
 * How long to wait for what.
 *
 * @param connect for a connection
 * @param silence for an answer, or for more of one
 * @param backoff before the second attempt; twice as long before each further one
 * @param attempts attempts in a row that may fail
 */
record Patience(Duration connect, Duration silence, Duration backoff, int attempts) {
  static final Patience USUAL =
      new Patience(Duration.ofSeconds(10), Duration.ofSeconds(30), Duration.ofSeconds(1), 5);

  private static final Duration LONGEST_PAUSE = Duration.ofSeconds(60);

  private static final Logger LOGGER = System.getLogger("org.graniteffm.runtime.hub");

  /** Something to try. */
  @FunctionalInterface
  interface Attempt<T> {
    T run() throws IOException, InterruptedException;
  }

  /**
   * Tries until it goes well.
   *
   * @throws HubException if it failed too often
   */
  <T> T retry(Attempt<T> attempt) throws IOException, InterruptedException {
    for (int failures = 1; ; failures++) {
      try {
        return attempt.run();
      } catch (TransientException e) {
        pause(failures, e);
      }
    }
  }

  /**
   * Waits before the next attempt.
   *
   * @param failures how many have failed in a row
   * @param last why the last one did
   * @throws HubException if those are too many, or the server asks for more patience than there is
   */
  void pause(int failures, TransientException last) throws HubException, InterruptedException {
    if (failures >= attempts || last.pause().compareTo(LONGEST_PAUSE) > 0) {
      throw new HubException(HubException.Reason.UNREACHABLE, last.getMessage(), last);
    }
    Duration usual = backoff.multipliedBy(1L << Math.min(failures - 1, 3));
    LOGGER.log(
        Level.INFO,
        "attempt {0} failed, trying again: {1}",
        Integer.toString(failures),
        last.getMessage());
    Thread.sleep(usual.compareTo(last.pause()) > 0 ? usual : last.pause());
  }
}
