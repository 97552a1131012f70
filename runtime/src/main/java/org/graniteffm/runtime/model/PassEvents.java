package org.graniteffm.runtime.model;

import jdk.jfr.FlightRecorder;

/**
 * The flight recorder's events of one session. Between {@link #begin} and {@link #end} a pass may
 * fail; then there is no event.
 *
 * <p>Where the recorder was never started, no event is made and none of their classes loaded: the
 * first makes the JDK describe all events it knows, which takes 100 ms.
 */
final class PassEvents {
  private final String model;
  private Reused events; // null until the recorder has been started
  private boolean begun;

  /**
   * Of a session.
   *
   * @param model where it was opened
   */
  PassEvents(String model) {
    this.model = model;
  }

  /** Before a pass over so many new tokens of each sequence. */
  void begin(KvCache cache, int tokens) {
    begun = FlightRecorder.isInitialized();
    if (begun) {
      if (events == null) {
        events = new Reused();
      }
      events.begin(cache, tokens);
    }
  }

  /** Behind the pass. */
  void end(KvCache cache) {
    if (begun) {
      events.end(cache, model);
    }
  }

  /** Used again and again, so that a pass makes no objects. */
  private static final class Reused {
    private final PrefillEvent prefill = new PrefillEvent();
    private final DecodeStepEvent decodeStep = new DecodeStepEvent();
    private PassEvent current;
    private int past;

    void begin(KvCache cache, int tokens) {
      past = cache.length();
      current = past > 0 && tokens <= Session.EXACT_ROWS ? decodeStep : prefill;
      current.begin();
    }

    void end(KvCache cache, String model) {
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
}
