package org.graniteffm.bench;

import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where operands are when an operation begins. */
public enum Residency {
  /**
   * In a second-level cache: the same {@value #CACHED_BYTES} bytes or fewer every time. What is
   * measured are the kernel's instructions.
   */
  CACHED,
  /**
   * In memory: operations walk over {@link #dramBytes} before they come to the same bytes again.
   * This is how decoding meets weights.
   */
  DRAM;

  /** As large as the second-level caches of most CPUs at least are, with room for the rest. */
  public static final long CACHED_BYTES = 128 << 10;

  private static final String DRAM_PROPERTY = "granite.bench.dram";
  private static final long DRAM_LEAST = 256L << 20;
  private static final long CACHE_IF_UNKNOWN = 64L << 20;

  /**
   * How many rows of the operands take part.
   *
   * @param rows of the whole
   * @param rowBytes bytes of a row, of all operands together
   * @return all for {@link #DRAM}; for {@link #CACHED} as many as fit, at least one
   */
  public long rows(long rows, long rowBytes) {
    return this == DRAM ? rows : Math.clamp(CACHED_BYTES / rowBytes, 1, rows);
  }

  /**
   * How many copies of an operation's operands to walk over.
   *
   * @param bytes of all operands of one operation
   * @return 1 for {@link #CACHED}
   */
  public int copies(long bytes) {
    return this == CACHED ? 1 : Math.toIntExact(1 + dramBytes() / bytes);
  }

  /**
   * What certainly does not fit into a cache: four times the last level, since caches do not throw
   * out strictly the oldest, and at least 256 MiB. The system property {@code granite.bench.dram}
   * sets another number of bytes.
   *
   * @return bytes
   */
  public static long dramBytes() {
    return Long.getLong(DRAM_PROPERTY, Math.max(DRAM_LEAST, 4 * lastLevelCache()));
  }

  private static long lastLevelCache() {
    long largest = 0;
    Path caches = Path.of("/sys/devices/system/cpu/cpu0/cache");
    try (DirectoryStream<Path> levels = Files.newDirectoryStream(caches, "index*")) {
      for (Path level : levels) {
        String size = Files.readString(level.resolve("size")).strip(); // such as 32768K
        if (size.matches("\\d{1,9}K")) {
          largest = Math.max(largest, Long.parseLong(size, 0, size.length() - 1, 10) << 10);
        }
      }
    } catch (IOException e) {
      return CACHE_IF_UNKNOWN; // not Linux, or hidden from us
    }
    return largest == 0 ? CACHE_IF_UNKNOWN : largest;
  }
}
