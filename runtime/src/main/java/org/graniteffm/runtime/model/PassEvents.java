package org.graniteffm.runtime.model;

/**
 * The flight recorder's events of one session, which are used again and again, so that a pass makes
 * no objects for them. Between {@link #begin} and {@link #end} a pass may fail; then there is no
 * event.
 */
final class PassEvents {
  private final PrefillEvent prefill = new PrefillEvent();
  private final DecodeStepEvent decodeStep = new DecodeStepEvent();
  private final String model;
  private PassEvent current;
  private int past;

  /**
   * Makes the events.
   *
   * @param model where it was opened
   */
  PassEvents(String model) {
    this.model = model;
  }

  /** Before a pass over so many new tokens of each sequence. */
  void begin(KvCache cache, int tokens) {
    past = cache.length();
    current = past > 0 && tokens <= Session.EXACT_ROWS ? decodeStep : prefill;
    current.begin();
  }

  /** Behind the pass. */
  void end(KvCache cache) {
    current.end();
    if (current.shouldCommit()) {
      current.model = model;
      current.sequences = cache.batch();
      current.tokens = cache.length() - past;
      current.past = past;
      current.cacheBytes = cache.byteSize();
      current.commit();
    }
  }
}
