package org.graniteffm.bindings;

import static org.graniteffm.bindings.Buffers.matrix;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.graniteffm.bindings.Buffers.Matrix;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

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
   * Kernels of a BLAS may read whole vectors: they must not do so behind the end of a mapped file.
   */
  @Test
  void nothingOutsideTheOperandsIsTouched() {
    int[] sizes = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 49};
    try (GuardedMemory guarded = GuardedMemory.allocate(4 * 49 * 49, 3)) {
      for (int m : sizes) {
        for (int n : sizes) {
          for (int k : new int[] {1, 3, 8, 17, 49}) {
            for (boolean atEnd : new boolean[] {true, false}) {
              MemorySegment a = guarded.slice(0, 4L * m * k, atEnd);
              MemorySegment b = guarded.slice(1, 4L * n * k, atEnd);
              MemorySegment c = guarded.slice(2, 4L * m * n, atEnd);
              a.fill((byte) 0);
              b.fill((byte) 0);
              a.set(ValueLayout.JAVA_FLOAT, 4L * (m * k - 1), 2);
              b.set(ValueLayout.JAVA_FLOAT, 4L * (n * k - 1), 3);
              Blas.sgemm(m, n, k, 1, a, 0, k, b, 0, k, 0, c, 0, n);
              assertEquals(6, c.get(ValueLayout.JAVA_FLOAT, 4L * (m * n - 1)));
            }
          }
        }
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
