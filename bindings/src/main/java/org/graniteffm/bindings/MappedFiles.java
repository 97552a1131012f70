package org.graniteffm.bindings;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.channels.FileChannel.MapMode;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;

/**
 * Maps files for the kernels.
 *
 * <p>{@link FileChannel#map} gives segments of a class of its own. Where the two classes, mapped
 * and allocated, meet at one call, the compiler can no longer tell which one a slice is, and
 * allocates it: 48 bytes for each call of a kernel. So the mapping is handed out as a plain native
 * segment over the same memory, with the lifetime and the bounds of the mapping.
 *
 * <p>An interrupt that comes as {@link FileChannel#map} is about to return makes it throw, and
 * forget what it has mapped: that then stays mapped for good. So a thread maps that nobody knows,
 * and nobody interrupts.
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
    Arena mapped = Arena.ofShared(); // for the caller's may be confined to the caller
    try {
      MemorySegment mapping =
          uninterrupted(() -> channel.map(MapMode.READ_ONLY, position, size, mapped));
      return MemorySegment.ofAddress(mapping.address())
          .reinterpret(mapping.byteSize(), arena, _ -> mapped.close())
          .asReadOnly();
    } catch (Throwable t) {
      mapped.close();
      throw t;
    }
  }

  private static MemorySegment uninterrupted(Callable<MemorySegment> call) throws IOException {
    FutureTask<MemorySegment> task = new FutureTask<>(call);
    Thread.ofPlatform().daemon().name("granite-map").start(task);
    boolean interrupted = false;
    try {
      while (true) {
        try {
          return task.get();
        } catch (InterruptedException e) {
          interrupted = true; // for later
        }
      }
    } catch (ExecutionException e) {
      switch (e.getCause()) {
        case IOException cause -> throw cause;
        case RuntimeException cause -> throw cause;
        case Error cause -> throw cause;
        default -> throw new IllegalStateException(e.getCause()); // map declares no other
      }
    } finally {
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }
  }
}
