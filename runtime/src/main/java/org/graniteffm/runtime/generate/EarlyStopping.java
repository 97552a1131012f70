package org.graniteffm.runtime.generate;

/** When beam search gives up improving on the sequences that are finished: early_stopping. */
public enum EarlyStopping {
  /** JSON {@code false}: when the best open beam, scored at its present length, cannot win. */
  FALSE,
  /** JSON {@code true}: as soon as there are as many finished sequences as beams. */
  TRUE,
  /** JSON {@code "never"}: when the best open beam cannot win at the best length still possible. */
  NEVER
}
