package org.graniteffm.bindings;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Tells when native memory goes. */
public final class Lifetimes {
  private Lifetimes() {}

  /**
   * Runs an action once a segment's memory is about to be freed.
   *
   * @param segment allocated from the arena
   * @param arena what frees it
   * @param action runs in the thread that closes the arena; throws nothing
   * @return the segment over the same memory, to be used in its place
   * @throws IllegalStateException if the arena is closed
   */
  @SuppressWarnings("restricted")
  public static MemorySegment onFree(MemorySegment segment, Arena arena, Runnable action) {
    return segment.reinterpret(segment.byteSize(), arena, _ -> action.run());
  }
}
