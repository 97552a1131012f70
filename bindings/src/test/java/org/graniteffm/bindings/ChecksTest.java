package org.graniteffm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.util.BitSet;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The arithmetic of the checks, against numbers that do not overflow and bytes one by one. */
class ChecksTest {
  private final Random random = new Random(42);

  private static final long[] EDGES = {
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    16,
    1 << 16,
    Integer.MAX_VALUE,
    1L << 31,
    (1L << 31) + 1,
    1L << 32,
    1L << 46,
    1L << 47,
    (1L << 48) - 1,
    1L << 48,
    (1L << 48) + 1,
    1L << 61,
    1L << 62,
    Long.MAX_VALUE - 3,
    Long.MAX_VALUE
  };

  private long edge() {
    long edge = EDGES[random.nextInt(EDGES.length)];
    return random.nextInt(20) == 0 ? ~edge : edge;
  }

  /** Rows, columns and strides at the edges of their types, in segments of any size. */
  @Test
  @SuppressWarnings("restricted")
  void operandFitsIfItsLastByteDoes() {
    int taken = 0;
    int refused = 0;
    for (int i = 0; i < 100_000; i++) {
      long size = edge() & Long.MAX_VALUE;
      long offset = edge();
      long rows = Math.min(edge() & Long.MAX_VALUE, Checks.LIMIT); // callers check these before
      long cols = Math.min(edge() & Long.MAX_VALUE, Checks.LIMIT);
      long stride = random.nextBoolean() ? cols : edge();
      int shift = random.nextInt(3);
      MemorySegment segment = MemorySegment.NULL.reinterpret(size);
      boolean fits = fits(size, offset, rows, cols, stride, shift);
      Class<?> thrown = null;
      try {
        assertEquals(offset, Checks.matrix("x", segment, offset, rows, cols, stride, shift));
        taken++;
      } catch (IndexOutOfBoundsException | IllegalArgumentException e) {
        thrown = e.getClass();
        assertTrue(e.getMessage().startsWith("x: "), e.getMessage());
        refused++;
      }
      boolean badStride = stride < cols || stride > Checks.LIMIT;
      assertEquals(
          badStride
              ? IllegalArgumentException.class
              : fits ? null : IndexOutOfBoundsException.class,
          thrown,
          () ->
              "size=%d offset=%d rows=%d cols=%d stride=%d shift=%d"
                  .formatted(size, offset, rows, cols, stride, shift));
    }
    assertTrue(taken > 1000 && refused > 1000, taken + " taken, " + refused + " refused");
  }

  private static boolean fits(
      long size, long offset, long rows, long cols, long stride, int shift) {
    if (offset < 0 || offset > size) {
      return false;
    }
    if (rows == 0 || cols == 0) {
      return true;
    }
    BigInteger elements =
        BigInteger.valueOf(rows - 1)
            .multiply(BigInteger.valueOf(stride))
            .add(BigInteger.valueOf(cols));
    BigInteger end = elements.shiftLeft(shift).add(BigInteger.valueOf(offset));
    return end.compareTo(BigInteger.valueOf(size)) <= 0;
  }

  @Test
  void productIsExactOrRefused() {
    for (long a : EDGES) {
      for (long b : EDGES) {
        if (a > Checks.LIMIT || b > Checks.LIMIT) {
          continue;
        }
        BigInteger exact = BigInteger.valueOf(a).multiply(BigInteger.valueOf(b));
        boolean legal = exact.compareTo(BigInteger.valueOf(Checks.LIMIT)) <= 0;
        long product = -1;
        try {
          product = Checks.product("a * b", a, b);
        } catch (IllegalArgumentException e) {
          assertTrue(e.getMessage().startsWith("a * b: "), e.getMessage());
        }
        assertEquals(legal ? exact.longValueExact() : -1, product, a + " * " + b);
      }
    }
  }

  /**
   * Two operands that share a byte are never taken; two with the same stride that share none, or
   * that lie one behind the other, always are.
   */
  @Test
  void disjointOperandsShareNoByte() {
    int shared = 0;
    int interleaved = 0;
    for (int i = 0; i < 100_000; i++) {
      Shape a = shape(random.nextInt(60));
      Shape b = shape(random.nextInt(60));
      if (random.nextBoolean() && a.stride >= b.width) {
        b = new Shape(b.address, b.rows, b.width, a.stride);
      }
      boolean share = a.bytes().intersects(b.bytes());
      boolean taken = true;
      try {
        Checks.disjoint(
            "a", a.address, a.rows, a.width, a.stride, "b", b.address, b.rows, b.width, b.stride);
      } catch (IllegalArgumentException e) {
        assertEquals("a: overlaps b", e.getMessage());
        taken = false;
      }
      String what = a + ", " + b;
      boolean apart = a.bytes().length() <= b.address || b.bytes().length() <= a.address;
      if (share) {
        shared++;
        assertTrue(!taken, what);
      } else if (apart || (a.stride == b.stride && a.rows > 1 && b.rows > 1)) {
        interleaved += apart ? 0 : 1;
        assertTrue(taken, what);
      }
    }
    assertTrue(shared > 1000 && interleaved > 1000, shared + " shared, " + interleaved + " not");
  }

  private Shape shape(long address) {
    int width = random.nextInt(6);
    return new Shape(address, random.nextInt(5), width, width + random.nextInt(12));
  }

  private record Shape(long address, int rows, int width, int stride) {
    BitSet bytes() {
      BitSet bytes = new BitSet();
      for (int r = 0; r < rows; r++) {
        bytes.set((int) address + r * stride, (int) address + r * stride + width);
      }
      return bytes;
    }
  }
}
