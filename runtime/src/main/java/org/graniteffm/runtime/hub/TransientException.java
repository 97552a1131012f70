package org.graniteffm.runtime.hub;

import java.io.IOException;
import java.time.Duration;

/** What may go better a little later: a connection that broke, a server that is busy. */
final class TransientException extends IOException {
  private static final long serialVersionUID = 1L;

  private final Duration pause;

  TransientException(String message, Throwable cause) {
    super(message, cause);
    pause = Duration.ZERO;
  }

  TransientException(String message, Duration pause) {
    super(message);
    this.pause = pause;
  }

  /** How long the server wants to be left alone; zero if it did not say. */
  Duration pause() {
    return pause;
  }
}
