package org.graniteffm.bindings;

import static org.graniteffm.bindings.Buffers.matrix;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.graniteffm.bindings.Buffers.Matrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * {@link Blas#sgemm} multiplies row-major matrices, touches nothing else and takes no size that
 * BLAS cannot count.
 */
class BlasTest {
  private final Random random = new Random(42);

  @ParameterizedTest
  @CsvSource({"1, 1, 1", "1, 17, 33", "5, 16, 31", "16, 3, 64", "37, 41, 100", "3, 5, 0"})
  void sgemmMatchesReference(int m, int n, int k) {
    try (Arena arena = Arena.ofConfined()) {
      Matrix a = matrix(arena, m, k, 3).fill(random);
      Matrix b = matrix(arena, n, k, 2).fill(random);
      Matrix c = matrix(arena, m, n, 4).fill(random);
      double[][] expected = new double[m][n];
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
          double sum = 0;
          for (int l = 0; l < k; l++) {
            sum += a.get(i, l) * b.get(j, l);
          }
          expected[i][j] = 0.5 * sum - 2 * c.get(i, j);
        }
      }
      sgemm(a, b, 0.5f, -2, c);
      c.assertNear(expected, 1e-4, "c");
    }
  }

  @Test
  void betaOfZeroIgnoresWhatWasThere() {
    try (Arena arena = Arena.ofConfined()) {
      Matrix a = matrix(arena, 2, 3, 0).fill(random);
      Matrix b = matrix(arena, 4, 3, 0).fill(random);
      Matrix c = matrix(arena, 2, 4, 1);
      c.set(1, 2, Double.NaN);
      sgemm(a, b, 1, 0, c);
      assertFalse(Float.isNaN(c.get(1, 2)));
    }
  }

  @Test
  void emptyResultDoesNothing() {
    MemorySegment none = MemorySegment.NULL;
    Blas.sgemm(0, 4, 3, 1, none, 0, 3, Arena.ofAuto().allocate(48, 4), 0, 3, 0, none, 0, 4);
  }

  @Test
  void sizesBeyondAnIntAreRefused() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment s = arena.allocate(16, 4);
      MemorySegment t = arena.allocate(16, 4);
      long big = 1L << 32; // as an int it would be 0
      for (long[] d :
          new long[][] {
            {big, 1, 1, 1, 1, 1},
            {1, big, 1, 1, 1, 1},
            {1, 1, big, 1, 1, 1},
            {1, 1, 1, big + 1, 1, 1},
            {1, 1, 1, 1, big + 1, 1},
            {1, 1, 1, 1, 1, big + 1},
            {1, 1, 0, 0, 1, 1},
          }) {
        assertThrows(
            IllegalArgumentException.class,
            () -> Blas.sgemm(d[0], d[1], d[2], 1, s, 0, d[3], s, 0, d[4], 0, t, 0, d[5]));
      }
    }
  }

  /**
   * Kernels of a BLAS may read whole vectors: they must not do so behind the end of a mapped file,
   * nor in front of it. Each dimension runs through the tails of two of the widest vectors. These
   * are the kernels for this CPU; {@link BlasCoresTest} has those for others.
   */
  @Test
  void everyTailStaysInsideItsOperands() {
    multiplyEveryTail();
  }

  void multiplyEveryTail() {
    int longest = 33;
    int[][] others = {{1, 1}, {3, 33}, {5, 8}, {16, 17}};
    try (GuardedMemory guarded = GuardedMemory.allocate(4L * (longest + 4) * (longest + 4), 3)) {
      for (int length = 0; length <= longest; length++) {
        for (int[] other : others) {
          for (Place place : Place.all()) {
            check(guarded, place, length, other[0], other[1]);
            check(guarded, place, other[0], length, other[1]);
            check(guarded, place, other[0], other[1], length);
          }
        }
      }
    }
  }

  static List<int[]> blocks() {
    return List.of(
        new int[] {130, 70, 515},
        new int[] {1, 601, 803},
        new int[] {513, 65, 301},
        new int[] {67, 1030, 131},
        new int[] {801, 1, 602});
  }

  /** So large that operands are cut into blocks and copied. */
  @ParameterizedTest
  @MethodSource("blocks")
  void blocksStayInsideTheirOperands(int[] size) {
    multiplyBlocks(size);
  }

  void multiplyBlocks(int[] size) {
    int m = size[0];
    int n = size[1];
    int k = size[2];
    long largest = 4L * Math.max((long) m * (k + 3), Math.max((n + 1L) * (k + 3), m * (n + 3L)));
    try (GuardedMemory guarded = GuardedMemory.allocate(largest + 64, 3)) {
      for (Place place : Place.all()) {
        check(guarded, place, m, n, k);
      }
    }
  }

  /** At which guard page operands lie, how many bytes from it, and what lies between their rows. */
  private record Place(boolean atEnd, int skew, int padding) {
    static List<Place> all() {
      List<Place> places = new ArrayList<>();
      for (boolean atEnd : new boolean[] {true, false}) {
        for (int skew : new int[] {0, 4, 12}) {
          places.add(new Place(atEnd, skew, 0));
          places.add(new Place(atEnd, skew, 3));
        }
      }
      return places;
    }

    /** All NaN, with NaN between the rows and between the matrix and the guard page. */
    Matrix matrix(GuardedMemory guarded, int index, int rows, int cols) {
      int stride = Math.max(1, cols + padding);
      long bytes = rows == 0 || cols == 0 ? 0 : 4L * ((rows - 1L) * stride + cols);
      MemorySegment segment = guarded.slice(index, bytes + skew, atEnd);
      for (long at = 0; at < segment.byteSize(); at += 4) {
        segment.set(ValueLayout.JAVA_INT, at, NAN);
      }
      return new Matrix(segment, atEnd ? 0 : skew, rows, cols, stride);
    }
  }

  private static final int NAN = 0x7fdec0de;

  /**
   * Without c, then added to c. What is not c's stays NaN, and no NaN comes into c; of a large one
   * some elements are compared with their definition.
   */
  private void check(GuardedMemory guarded, Place place, int m, int n, int k) {
    Matrix a = place.matrix(guarded, 0, m, k).fill(random);
    Matrix b = place.matrix(guarded, 1, n, k).fill(random);
    int sampled = (long) m * n * k > 1_000_000 ? 499 : 1;
    for (float beta : new float[] {0, -2}) {
      Matrix c = place.matrix(guarded, 2, m, n);
      if (beta != 0) {
        c.fill(random);
      }
      double[][] before = c.copy();
      sgemm(a, b, 0.5f, beta, c);
      String what = "%s m=%d n=%d k=%d beta=%s".formatted(place, m, n, k, beta);
      for (long at = 0; at < c.segment().byteSize(); at += 4) {
        long element = (at - c.offset()) / 4;
        int i = (int) (element / c.stride());
        int j = (int) (element % c.stride());
        if (at < c.offset() || i >= m || j >= n) {
          assertEquals(NAN, c.segment().get(ValueLayout.JAVA_INT, at), what + ": byte " + at);
          continue;
        }
        assertTrue(Float.isFinite(c.get(i, j)), what);
        if (element % sampled != 0) {
          continue;
        }
        double sum = beta == 0 ? 0 : beta * before[i][j];
        for (int l = 0; l < k; l++) {
          sum += 0.5 * a.get(i, l) * b.get(j, l);
        }
        double error = Math.abs(c.get(i, j) - sum);
        assertTrue(error <= 1e-4 * Math.sqrt(k + 1), () -> what + ": " + i + ", " + j);
      }
    }
  }

  @Test
  void openblasTellsWhatItIs() {
    assertTrue(NativeLibraries.openblasConfig().contains("OpenBLAS"));
    assertFalse(NativeLibraries.openblasCore().isEmpty());
    assertTrue(NativeLibraries.openblasSource().contains("openblas"));
  }

  private static void sgemm(Matrix a, Matrix b, float alpha, float beta, Matrix c) {
    Blas.sgemm(
        a.rows(),
        b.rows(),
        a.cols(),
        alpha,
        a.segment(),
        a.offset(),
        a.stride(),
        b.segment(),
        b.offset(),
        b.stride(),
        beta,
        c.segment(),
        c.offset(),
        c.stride());
  }
}
