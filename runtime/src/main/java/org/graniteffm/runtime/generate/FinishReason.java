package org.graniteffm.runtime.generate;

/** Why a sequence ended. */
public enum FinishReason {
  /** An end token came. */
  EOS,
  /** As many tokens as were asked for. */
  LENGTH,
  /** The listener, a cancellation or an interrupt said so. */
  CANCELLED
}
