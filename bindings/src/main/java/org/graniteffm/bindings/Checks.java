package org.graniteffm.bindings;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * What is checked before a downcall; see the package description.
 *
 * <p>Successful checks allocate nothing: messages are built in methods of their own, on failure
 * only. An operand's check returns the address of its first element, which {@link #disjoint} wants;
 * no address is ever turned back into memory.
 */
final class Checks {
  /**
   * No size and no stride is larger: with this bound, products of two of them are easy to check.
   */
  static final long LIMIT = 1L << 48;

  private Checks() {}

  /** A dimension, 0 to {@link #LIMIT}. */
  static long size(String name, long value) {
    return inRange(name, value, 0, LIMIT);
  }

  /** A dimension that may not be 0. */
  static long positive(String name, long value) {
    return inRange(name, value, 1, LIMIT);
  }

  /** A number that C takes as an int, or that is to be no larger. */
  static long inInt(String name, long value, long least) {
    return inRange(name, value, least, Integer.MAX_VALUE);
  }

  private static long inRange(String name, long value, long least, long most) {
    if (value < least || value > most) {
      throw outOfRange(name, value, least, most);
    }
    return value;
  }

  /** The product of two checked dimensions, itself a dimension. */
  static long product(String name, long a, long b) {
    if (Math.multiplyHigh(a, b) != 0 || a * b < 0 || a * b > LIMIT) {
      throw new IllegalArgumentException(
          "%s: %d * %d is more than %d".formatted(name, a, b, LIMIT));
    }
    return a * b;
  }

  /**
   * Whether a result of these dimensions is empty. Then the call ends in Java: memory bounds the
   * other dimensions no longer, and a loop in C over them might take days.
   */
  static boolean nothing(long a, long b) {
    return a == 0 || b == 0;
  }

  /**
   * An operand of {@code rows} rows of {@code cols} elements of {@code 1 << shift} bytes, rows
   * {@code stride} elements apart, at any byte offset.
   *
   * @return its address
   */
  static long matrix(
      String name,
      MemorySegment segment,
      long offset,
      long rows,
      long cols,
      long stride,
      int shift) {
    if (stride < cols || stride > LIMIT) {
      throw badStride(name, stride, cols);
    }
    return strided(name, segment, offset, rows, cols, stride, shift);
  }

  /** As {@link #matrix}, of 4-byte elements at a multiple of 4 bytes. */
  static long words(
      String name, MemorySegment segment, long offset, long rows, long cols, long stride) {
    long address = matrix(name, segment, offset, rows, cols, stride, 2);
    if ((address & 3) != 0) {
      throw misaligned(name, address);
    }
    return address;
  }

  /** As {@link #words}; a stride of 0 repeats one row. */
  static long repeatableWords(
      String name, MemorySegment segment, long offset, long rows, long cols, long stride) {
    return stride == 0
        ? words(name, segment, offset, Math.min(rows, 1), cols, cols)
        : words(name, segment, offset, rows, cols, stride);
  }

  /** As {@link #words}, for an operand that is written. */
  static long writableWords(
      String name, MemorySegment segment, long offset, long rows, long cols, long stride) {
    long address = words(name, segment, offset, rows, cols, stride);
    writable(name, segment);
    return address;
  }

  /** As {@link #matrix}, for an operand that is written. */
  static long writableMatrix(
      String name,
      MemorySegment segment,
      long offset,
      long rows,
      long cols,
      long stride,
      int shift) {
    long address = matrix(name, segment, offset, rows, cols, stride, shift);
    writable(name, segment);
    return address;
  }

  private static void writable(String name, MemorySegment segment) {
    if (segment.isReadOnly()) {
      throw new IllegalArgumentException(name + ": segment is read-only");
    }
  }

  /**
   * So many bytes, whole words at a multiple of 4, that are written.
   *
   * @return their address
   */
  static long writableBytes(String name, MemorySegment segment, long offset, long bytes) {
    return writableWords(name, segment, offset, 1, bytes / 4, bytes / 4);
  }

  /**
   * Numbers of rows, each in {@code [0, limit)}; null for the first {@code count} in order.
   *
   * @return their address, 0 for null
   */
  static long rows(String name, MemorySegment segment, long offset, long count, long limit) {
    if (segment == null) {
      if (count > limit) {
        throw new IndexOutOfBoundsException(
            "%s: null stands for %d rows, there are %d".formatted(name, count, limit));
      }
      return 0;
    }
    long address = words(name, segment, offset, 1, count, count);
    for (long i = 0; i < count; i++) {
      int row = segment.get(ValueLayout.JAVA_INT, offset + i * Integer.BYTES);
      if (row < 0 || row >= limit) {
        throw badRow(name, i, row, limit);
      }
    }
    return address;
  }

  /**
   * Where groups of rows start: group g has those from element g to element g + 1, all in {@code
   * [0, limit]}.
   *
   * @return the address of {@code groups + 1} elements
   */
  static long starts(String name, MemorySegment segment, long offset, long groups, long limit) {
    long address = words(name, segment, offset, 1, groups + 1, groups + 1);
    int before = 0;
    for (long i = 0; i <= groups; i++) {
      int start = segment.get(ValueLayout.JAVA_INT, offset + i * Integer.BYTES);
      if (start < 0 || start > limit) {
        throw badRow(name, i, start, limit + 1);
      }
      if (start < before) {
        throw new IllegalArgumentException(
            "%s: element %d is %d, after %d".formatted(name, i, start, before));
      }
      before = start;
    }
    return address;
  }

  /** So many rows pack those of groups, each filled up to whole tiles of 16. */
  static long packedRows(MemorySegment starts, long offset, long groups) {
    long rows = 0;
    for (long i = 0; i < groups; i++) {
      int start = starts.get(ValueLayout.JAVA_INT, offset + i * Integer.BYTES);
      int end = starts.get(ValueLayout.JAVA_INT, offset + (i + 1) * Integer.BYTES);
      rows += Math.ceilDiv(end - start, 16) * 16L;
    }
    return rows;
  }

  /**
   * An operand of {@code groups} matrices of 2-byte elements, {@code stride} elements from one to
   * the next.
   *
   * @return its address
   */
  static long matrices(
      String name,
      MemorySegment segment,
      long offset,
      long groups,
      long rows,
      long cols,
      long rowStride,
      String strideName,
      long stride) {
    if (rowStride < cols || rowStride > LIMIT) {
      throw badStride(name, rowStride, cols);
    }
    long one = matrixSpan(rows, cols, rowStride);
    if (stride < one || stride > LIMIT) {
      strided(name, segment, offset, rows, cols, rowStride, 1); // may be why
      throw badStride(strideName, stride, one);
    }
    return strided(name, segment, offset, groups, one, stride, 1);
  }

  /** Elements from the first of a matrix to its last; {@link Long#MAX_VALUE} if there are more. */
  static long matrixSpan(long rows, long cols, long stride) {
    if (rows == 0 || cols == 0) {
      return 0;
    }
    long toLastRow = (rows - 1) * stride;
    boolean wraps = Math.multiplyHigh(rows - 1, stride) != 0 || toLastRow < 0;
    return wraps || toLastRow > Long.MAX_VALUE - cols ? Long.MAX_VALUE : toLastRow + cols;
  }

  /**
   * Two operands share no byte. Rows of the same stride may be interleaved: columns of one wider
   * matrix are disjoint. Sizes and strides are in bytes.
   */
  static void disjoint(
      String name,
      long address,
      long rows,
      long width,
      long stride,
      String otherName,
      long otherAddress,
      long otherRows,
      long otherWidth,
      long otherStride) {
    if (overlap(address, rows, width, stride, otherAddress, otherRows, otherWidth, otherStride)) {
      throw overlapping(name, otherName);
    }
  }

  /** Two operands of the same shape share no byte, or every one: the same address and stride. */
  static void sameOrDisjoint(
      String name,
      long address,
      long stride,
      String otherName,
      long otherAddress,
      long otherStride,
      long rows,
      long width) {
    boolean same = address == otherAddress && (stride == otherStride || rows <= 1);
    if (!same && overlap(address, rows, width, stride, otherAddress, rows, width, otherStride)) {
      throw overlapping(name, otherName);
    }
  }

  private static boolean overlap(
      long a,
      long aRows,
      long aWidth,
      long aStride,
      long b,
      long bRows,
      long bWidth,
      long bStride) {
    if (aRows == 0 || aWidth == 0 || bRows == 0 || bWidth == 0) {
      return false;
    }
    long aEnd = a + (aRows - 1) * aStride + aWidth;
    long bEnd = b + (bRows - 1) * bStride + bWidth;
    if (aEnd <= b || bEnd <= a) {
      return false;
    }
    // Rows of both repeat every stride bytes; within one period, b's begin `shift` bytes after a's.
    if (aStride != bStride || aStride == 0) {
      return true;
    }
    long shift = Math.floorMod(b - a, aStride);
    return shift < aWidth || shift + bWidth > aStride;
  }

  private static long strided(
      String name,
      MemorySegment segment,
      long offset,
      long rows,
      long cols,
      long stride,
      int shift) {
    if (segment == null) {
      throw new NullPointerException(name);
    }
    if (!segment.isNative()) {
      throw new IllegalArgumentException(name + ": segment is on the heap, not native");
    }
    if (!segment.isAccessibleBy(Thread.currentThread()) || !segment.scope().isAlive()) {
      throw notUsable(name, segment);
    }
    long available = segment.byteSize() - offset;
    if (offset < 0 || available < 0) {
      throw badOffset(name, offset, segment);
    }
    if (rows > 0 && cols > 0) {
      // elements needed = toLastRow + cols; compared by subtraction, as the sum may wrap
      long toLastRow = (rows - 1) * stride;
      if (Math.multiplyHigh(rows - 1, stride) != 0
          || toLastRow < 0
          || toLastRow > (available >>> shift) - cols) {
        throw tooSmall(name, segment, offset, rows, cols, stride, shift);
      }
    }
    return segment.address() + offset;
  }

  private static IllegalArgumentException outOfRange(
      String name, long value, long least, long most) {
    return new IllegalArgumentException(
        "%s: %d is not in [%d, %d]".formatted(name, value, least, most));
  }

  private static IllegalArgumentException badStride(String name, long stride, long cols) {
    return new IllegalArgumentException(
        "%s: stride %d is not in [%d, %d], from the length of a row on"
            .formatted(name, stride, cols, LIMIT));
  }

  private static UnusableSegmentException notUsable(String name, MemorySegment segment) {
    return new UnusableSegmentException(
        segment.scope().isAlive()
            ? name + ": segment is confined to another thread"
            : name + ": segment is closed");
  }

  private static IndexOutOfBoundsException badOffset(
      String name, long offset, MemorySegment segment) {
    return new IndexOutOfBoundsException(
        "%s: offset %d is outside the segment of %d bytes"
            .formatted(name, offset, segment.byteSize()));
  }

  private static IndexOutOfBoundsException tooSmall(
      String name,
      MemorySegment segment,
      long offset,
      long rows,
      long cols,
      long stride,
      int shift) {
    String needed;
    try {
      long elements = Math.addExact(Math.multiplyExact(rows - 1, stride), cols);
      needed = Long.toString(Math.multiplyExact(elements, 1L << shift));
    } catch (ArithmeticException e) {
      needed = "more than 2^63";
    }
    return new IndexOutOfBoundsException(
        "%s: [%d, %d] stride %d needs %s bytes at offset %d, segment has %d"
            .formatted(name, rows, cols, stride, needed, offset, segment.byteSize()));
  }

  private static IndexOutOfBoundsException badRow(String name, long i, int row, long limit) {
    return new IndexOutOfBoundsException(
        "%s: element %d is %d, not in [0, %d)".formatted(name, i, row, limit));
  }

  private static IllegalArgumentException misaligned(String name, long address) {
    return new IllegalArgumentException(
        "%s: address 0x%x is not a multiple of 4".formatted(name, address));
  }

  private static IllegalArgumentException overlapping(String name, String otherName) {
    return new IllegalArgumentException(name + ": overlaps " + otherName);
  }
}
