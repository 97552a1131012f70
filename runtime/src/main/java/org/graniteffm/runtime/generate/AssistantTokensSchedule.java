package org.graniteffm.runtime.generate;

/** How the number of tokens that an assistant model guesses goes on. */
public enum AssistantTokensSchedule {
  /** It stays. */
  CONSTANT,
  /**
   * Two more when all guesses were right, one fewer otherwise; a generator begins where it ended.
   */
  HEURISTIC,
  /** The same, but each generation begins anew. */
  HEURISTIC_TRANSIENT
}
