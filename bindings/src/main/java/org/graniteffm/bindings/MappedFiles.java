package org.graniteffm.bindings;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;

/**
 * Maps files for the kernels.
 *
 * <p>{@link FileChannel#map} gives segments of a class of its own. Where the two classes, mapped
 * and allocated, meet at one call, the compiler can no longer tell which one a slice is, and
 * allocates it: 48 bytes for each call of a kernel. So the mapping is handed out as a plain native
 * segment over the same memory, with the lifetime and the bounds of the mapping.
 */
public final class MappedFiles {
  private MappedFiles() {}

  /**
   * Maps a part of a file, read-only.
   *
   * @param channel open for reading; may be closed afterwards
   * @param position of the first byte in the file
   * @param size bytes, at least 0
   * @param arena unmaps it
   * @return a read-only native segment of that size, at any alignment
   * @throws IOException if the file cannot be mapped
   * @throws IllegalArgumentException if position or size is out of range
   * @throws IllegalStateException if the arena is closed
   */
  @SuppressWarnings("restricted")
  public static MemorySegment mapReadOnly(
      FileChannel channel, long position, long size, Arena arena) throws IOException {
    MemorySegment mapping = channel.map(MapMode.READ_ONLY, position, size, arena);
    return MemorySegment.ofAddress(mapping.address())
        .reinterpret(mapping.byteSize(), arena, null)
        .asReadOnly();
  }
}
