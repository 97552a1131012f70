package org.graniteffm.runtime.generate;

/** Why a sequence ended. */
public enum FinishReason {
  /** An end token came. */
  EOS,
  /** A stop string came, or a caller's criterion said so. */
  STOP,
  /** As many tokens as were asked for. */
  LENGTH,
  /** The time that was given is over. */
  TIME,
  /** The listener, a cancellation or an interrupt said so. */
  CANCELLED
}
