package org.graniteffm.runtime.tensor;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicLong;
import org.graniteffm.bindings.Lifetimes;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.Names;

/**
 * Allocates what the library computes with: aligned for every kernel, counted, and refused by an
 * exception that says how much was wanted and for what. Mapped weights do not count.
 *
 * <p>The JVM knows no limit for such memory, and an operating system may promise more than it has
 * and kill the process later. So there is a limit to be set, by {@link #setLimit} or {@code
 * -Dgranite.memory.limit=BYTES}; and what is large is compared with what the system has left.
 *
 * <p>Thread-safe.
 */
public final class NativeMemory {
  private static final int ALIGNMENT = 64;

  /** What is smaller is not worth a look at the system. */
  private static final long LARGE = 32 << 20;

  private static final Path SYSTEM = Path.of("/proc/meminfo");
  private static final Path GROUP = Path.of("/sys/fs/cgroup");

  private static final AtomicLong IN_USE = new AtomicLong();
  private static final String PROPERTY = "granite.memory.limit";
  private static volatile long limit = given(); // -1 if that is no number of bytes

  private NativeMemory() {}

  private static long given() {
    String text = System.getProperty(PROPERTY);
    try {
      return text == null ? Long.MAX_VALUE : Math.max(-1, Long.parseLong(text));
    } catch (NumberFormatException e) {
      return -1;
    }
  }

  /**
   * Sets the most that is allocated at any time. What is allocated already stays.
   *
   * @param bytes at least 0
   * @throws IllegalArgumentException if it is negative
   */
  public static void setLimit(long bytes) {
    if (bytes < 0) {
      throw new IllegalArgumentException("bytes: " + bytes + " is negative");
    }
    limit = bytes;
  }

  /**
   * The most that is allocated at any time.
   *
   * @return in bytes; {@link Long#MAX_VALUE} if nothing was set
   * @throws IllegalArgumentException if what the system property says is no number of bytes
   */
  public static long limit() {
    if (limit < 0) {
      throw new IllegalArgumentException(
          "%s: expected a number of bytes, found %s"
              .formatted(PROPERTY, Names.quote(System.getProperty(PROPERTY))));
    }
    return limit;
  }

  /**
   * What is allocated at present, by all models, sessions and caches.
   *
   * @return in bytes
   */
  public static long inUse() {
    return IN_USE.get();
  }

  /**
   * What could be allocated now: what the limit leaves, and no more than the system has to give.
   *
   * @return in bytes; an estimate, as others may take of it
   */
  public static long available() {
    return Math.min(Math.max(0, limit() - inUse()), systemAvailable());
  }

  /**
   * Refuses at once what comes in several pieces and could not be had as a whole.
   *
   * @param bytes of all pieces
   * @param purpose what messages say it was for
   * @throws InsufficientMemoryException if it cannot be had
   */
  public static void check(long bytes, String purpose) {
    long used = inUse();
    long most = limit();
    if (bytes > most - used) {
      throw new InsufficientMemoryException(
          purpose, bytes, "%d of at most %d are in use".formatted(used, most));
    }
    if (bytes >= LARGE) {
      long left = systemAvailable();
      if (bytes > left) {
        throw new InsufficientMemoryException(
            purpose, bytes, "the system has %d to give".formatted(left));
      }
    }
  }

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
    check(bytes, purpose);
    MemorySegment segment;
    try {
      segment = arena.allocate(bytes, ALIGNMENT);
    } catch (OutOfMemoryError e) {
      throw new InsufficientMemoryException(purpose, bytes, e);
    }
    IN_USE.addAndGet(bytes);
    return Lifetimes.onFree(segment, arena, () -> IN_USE.addAndGet(-bytes));
  }

  /** What can be had without swapping: free, or holding what can be read again. */
  private static long systemAvailable() {
    long machine = kilobytes(read(SYSTEM), "MemAvailable:");
    long group = Long.MAX_VALUE;
    String most = read(GROUP.resolve("memory.max")).strip();
    if (!most.isEmpty() && !most.equals("max")) {
      long used = Long.parseLong(read(GROUP.resolve("memory.current")).strip());
      long files = number(read(GROUP.resolve("memory.stat")), "file ");
      group = Math.max(0, Long.parseLong(most) - Math.max(0, used - files));
    }
    return Math.min(machine, group);
  }

  private static String read(Path file) {
    try {
      return Files.readString(file);
    } catch (IOException e) {
      return ""; // another system, which then has to refuse by itself
    }
  }

  private static long kilobytes(String text, String name) {
    long number = number(text, name);
    return number == 0 ? Long.MAX_VALUE : number << 10;
  }

  private static long number(String text, String name) {
    return text.lines()
        .filter(line -> line.startsWith(name))
        .map(line -> line.substring(name.length()).strip().split(" ", 2)[0])
        .mapToLong(Long::parseLong)
        .findFirst()
        .orElse(0);
  }
}
