package org.graniteffm.runtime.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.runtime.Tiers;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Both ways through a matrix product, gemv and sgemm, against sums in double. */
class GemmTest {
  private static final long SEED = 20;

  @BeforeAll
  static void load() {
    NativeLibraries.load();
  }

  /** Weights of a type, at a byte offset that suits no vector. */
  private static Tensor weights(Arena arena, DType dtype, int offset, int n, int k, Random random) {
    MemorySegment memory = arena.allocate((long) n * k * dtype.byteSize() + offset, 64);
    MemorySegment data = memory.asSlice(offset);
    for (long i = 0; i < (long) n * k; i++) {
      float value = (float) random.nextGaussian();
      switch (dtype) {
        case F32 -> data.set(ValueLayout.JAVA_FLOAT_UNALIGNED, i * 4, value);
        case F16 -> data.set(ValueLayout.JAVA_SHORT_UNALIGNED, i * 2, Float.floatToFloat16(value));
        case BF16 ->
            data.set(
                ValueLayout.JAVA_SHORT_UNALIGNED,
                i * 2,
                (short) (Float.floatToRawIntBits(value) >>> 16));
        default -> throw new AssertionError(dtype);
      }
    }
    return Tensor.of(data, dtype, n, k);
  }

  /** Slices of one product, on its own or with others in one go. */
  @ParameterizedTest
  @CsvSource({
    "256, 256, 131072, 2, 128", // one for each thread
    "256, 256, 262144, 2, 256", // and in one go with as much in two other layers
    "768, 256, 393216, 2, 192", // two for each
    "112, 256, 57344, 2, 112", // too little for two
    "8192, 2048, 67108864, 2, 32", // many, of 128 KiB
    "8192, 2048, 67108864, 16, 32",
    "40, 4096, 327680, 2, 16", // eights of rows
    "40, 1048576, 83886080, 2, 8"
  })
  void smallWorkIsSharedEvenly(int n, int k, long bytes, int workers, int rows) {
    try (Arena arena = Arena.ofShared()) {
      Tensor w = Tensor.of(arena.allocate((long) n * k * Short.BYTES), DType.BF16, n, k);
      assertEquals(rows, Gemm.sliceRows(1, w, bytes, workers));
      assertEquals(Gemm.PANEL_ROWS, Gemm.sliceRows(Gemm.GEMV_ROWS + 1, w, bytes, workers));
    }
  }

  @ParameterizedTest
  @CsvSource({
    "F32, 0, 1, 40, 96", "F32, 3, 1, 40, 96", "F32, 0, 17, 300, 96", "F32, 3, 17, 300, 96",
    "F16, 1, 3, 40, 97", "F16, 1, 17, 300, 97", "BF16, 1, 16, 40, 97", "BF16, 1, 17, 513, 97",
    "BF16, 0, 33, 5, 1025", "BF16, 1, 20, 257, 2049", "F16, 0, 64, 256, 1024"
  })
  void productsMatchSumsInDouble(DType dtype, int offset, int rows, int n, int k) {
    checkProducts(dtype, offset, rows, n, k);
    try (Tiers _ = Tiers.use("scalar")) { // which widens panels for OpenBLAS
      checkProducts(dtype, offset, rows, n, k);
    }
  }

  private static void checkProducts(DType dtype, int offset, int rows, int n, int k) {
    Random random = new Random(SEED);
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      Tensor w = weights(arena, dtype, offset, n, k, random);
      Matrix x = Matrix.allocate(arena, rows, k);
      for (long i = 0; i < (long) rows * k; i++) {
        x.segment().setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) random.nextGaussian());
      }
      Matrix y = Matrix.allocate(arena, rows, n);
      y.segment().fill((byte) 0xff); // NaN: what is not written shows
      new Ops(arena, workers).linear(x, rows, 0.5f, new Linear(w, null), y);
      for (int i = 0; i < rows; i++) {
        for (int j = 0; j < n; j++) {
          double want = 0;
          double size = 0;
          for (int c = 0; c < k; c++) {
            double product =
                (double) w.getFloat(j, c)
                    * x.segment().getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * k + c);
            want += product;
            size += Math.abs(product);
          }
          float got = y.segment().getAtIndex(ValueLayout.JAVA_FLOAT, (long) i * n + j);
          assertEquals(
              0.5 * want,
              got,
              size * k * 0x1p-24 + Math.abs(want) * 0x1p-23,
              "seed " + SEED + ", row " + i + ", column " + j);
        }
      }
    }
  }
}
