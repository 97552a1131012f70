package org.graniteffm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Operands for tests, at odd offsets in memory filled with a canary, and tiers to run on. */
final class Buffers {
  static final float CANARY = -777.25f;

  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private Buffers() {}

  /** A float matrix somewhere in a larger segment. */
  record Matrix(MemorySegment segment, long offset, int rows, int cols, int stride) {
    float get(int r, int c) {
      return segment.get(FLOAT, offset + 4L * (r * stride + c));
    }

    void set(int r, int c, double value) {
      segment.set(FLOAT, offset + 4L * (r * stride + c), (float) value);
    }

    Matrix fill(Random random) {
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++) {
          set(r, c, random.nextGaussian());
        }
      }
      return this;
    }

    double[][] copy() {
      double[][] copy = new double[rows][cols];
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++) {
          copy[r][c] = get(r, c);
        }
      }
      return copy;
    }

    /** Every element is near its expected value, and everything around is as it was. */
    void assertNear(double[][] expected, double tolerance, String what) {
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++) {
          double error = Math.abs(get(r, c) - expected[r][c]);
          int row = r;
          int col = c;
          assertTrue(
              error <= tolerance,
              () ->
                  "%s [%d, %d]: expected %s, found %s"
                      .formatted(what, row, col, expected[row][col], get(row, col)));
        }
      }
      assertPaddingUntouched(what);
    }

    void assertPaddingUntouched(String what) {
      for (long at = offset % 4; at + 4 <= segment.byteSize(); at += 4) {
        long element = Math.floorDiv(at - offset, 4L);
        boolean inside = element >= 0 && element / stride < rows && element % stride < cols;
        if (!inside) {
          assertEquals(CANARY, segment.get(FLOAT, at), what + ": byte " + at + " was written");
        }
      }
    }
  }

  /** A matrix of canaries with more of them before, behind and between its rows. */
  static Matrix matrix(Arena arena, int rows, int cols, int padding) {
    int stride = cols + padding;
    long offset = 12;
    MemorySegment segment = arena.allocate(offset + 4L * (rows * stride + 5), 64);
    for (long at = 0; at < segment.byteSize(); at += 4) {
      segment.set(FLOAT, at, CANARY);
    }
    return new Matrix(segment, offset, rows, cols, stride);
  }

  /** A weight matrix. */
  record Weights(MemorySegment segment, long offset, int dtype, int rows, int cols, int stride) {
    /** The values as they are in memory, after rounding to the type. */
    double[][] values() {
      double[][] values = new double[rows][cols];
      for (int r = 0; r < rows; r++) {
        for (int c = 0; c < cols; c++) {
          long element = (long) r * stride + c;
          if (dtype == Kernels.F32) {
            values[r][c] = segment.get(FLOAT, offset + 4 * element);
          } else {
            short bits = segment.get(SHORT, offset + 2 * element);
            values[r][c] =
                dtype == Kernels.F16
                    ? Float.float16ToFloat(bits)
                    : Float.intBitsToFloat(bits << 16);
          }
        }
      }
      return values;
    }
  }

  /** Random weights of a type, at an odd byte offset. */
  static Weights weights(Arena arena, Random random, int dtype, int rows, int cols, int padding) {
    int stride = cols + padding;
    long offset = 7;
    MemorySegment segment = arena.allocate(offset + 4L * rows * stride, 64);
    for (int i = 0; i < rows * stride; i++) {
      float value = (float) random.nextGaussian();
      if (dtype == Kernels.F32) {
        segment.set(FLOAT, offset + 4L * i, value);
      } else if (dtype == Kernels.F16) {
        segment.set(SHORT, offset + 2L * i, Float.floatToFloat16(value));
      } else {
        segment.set(SHORT, offset + 2L * i, (short) (Float.floatToRawIntBits(value) >>> 16));
      }
    }
    return new Weights(segment, offset, dtype, rows, cols, stride);
  }

  /** The tiers that this CPU has. */
  static List<String> tiers() {
    List<String> tiers = NativeLibraries.availableIsas();
    assertEquals(NativeLibraries.bestIsa(), tiers.getLast());
    return new ArrayList<>(tiers);
  }

  /** Runs a test on every tier, and then returns to the tier before. */
  static void onEveryTier(Runnable test) {
    String before = NativeLibraries.activeIsa();
    try {
      for (String tier : tiers()) {
        NativeLibraries.selectIsa(tier);
        assertEquals(tier, NativeLibraries.activeIsa());
        test.run();
      }
    } finally {
      NativeLibraries.selectIsa(before);
    }
  }
}
