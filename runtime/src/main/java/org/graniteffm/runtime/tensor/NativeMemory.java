package org.graniteffm.runtime.tensor;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.graniteffm.runtime.InsufficientMemoryException;

/**
 * Allocates what the library computes with: aligned for every kernel, and refused by an exception
 * that says how much was wanted and for what.
 *
 * <p>The JVM's limit of native memory is that of its heap unless {@code -XX:MaxDirectMemorySize}
 * sets it. Mapped weights do not count.
 */
public final class NativeMemory {
  private static final int ALIGNMENT = 64;

  private NativeMemory() {}

  /**
   * Allocates zeros.
   *
   * @param arena owns the memory
   * @param bytes at least 0
   * @param purpose what messages say it was for
   * @return the memory, 64-byte aligned
   * @throws InsufficientMemoryException if it cannot be had
   */
  public static MemorySegment allocate(Arena arena, long bytes, String purpose) {
    try {
      return arena.allocate(bytes, ALIGNMENT);
    } catch (OutOfMemoryError e) {
      throw new InsufficientMemoryException(purpose, bytes, e);
    }
  }
}
