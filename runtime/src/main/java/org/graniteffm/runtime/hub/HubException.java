package org.graniteffm.runtime.hub;

import java.io.IOException;

/**
 * A checkpoint cannot be had from the hub. The message is one line that says what to do next; no
 * token is ever in it.
 */
public final class HubException extends IOException {
  private static final long serialVersionUID = 1L;

  /** What kept the checkpoint away. */
  public enum Reason {
    /** It is not in the cache, and nothing may be fetched. */
    OFFLINE,
    /** No answer: no network, an unknown host, a server that is down or overloaded. */
    UNREACHABLE,
    /** The hub wants a token, another one, or a licence to be accepted. */
    DENIED,
    /** There is no such repository, revision or file, or none that the token may see. */
    NOT_FOUND,
    /** The answer breaks the protocol, or a file is not what was declared. */
    BAD_ANSWER
  }

  /** Why it failed. */
  private final Reason reason;

  HubException(Reason reason, String message) {
    super(message);
    this.reason = reason;
  }

  HubException(Reason reason, String message, Throwable cause) {
    super(message, cause);
    this.reason = reason;
  }

  /**
   * What kept the checkpoint away.
   *
   * @return never null
   */
  public Reason reason() {
    return reason;
  }
}
