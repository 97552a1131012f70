package org.graniteffm.runtime.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.math.BigDecimal;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Random;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WeightConversionTest {
  @TempDir private Path folder;
  private final Arena arena = Arena.ofShared();

  @AfterEach
  void close() {
    arena.close();
  }

  private Path file() {
    return folder.resolve("x.safetensors");
  }

  private Tensor through(Tensor tensor, DType type) throws IOException {
    SafetensorsWriter.write(file(), Map.of("x", tensor), type, Map.of());
    return SafetensorsFile.open(file(), arena).tensors().get("x");
  }

  /** The nearer one of the two neighbours, the even one if they are equally near. */
  private static short nearest(float value) {
    int down = Float.floatToIntBits(value) >>> 16;
    BigDecimal exact = new BigDecimal(value);
    BigDecimal below = exact.subtract(new BigDecimal(Float.intBitsToFloat(down << 16))).abs();
    BigDecimal above = exact.subtract(new BigDecimal(Float.intBitsToFloat((down + 1) << 16))).abs();
    int order = below.compareTo(above);
    return (short) (order < 0 || (order == 0 && down % 2 == 0) ? down : down + 1);
  }

  @Test
  void bfloat16RoundsToNearestEven() {
    Random random = new Random(1);
    for (int i = 0; i < 20_000; i++) {
      // also exactly between two neighbours
      int bits = i % 2 == 0 ? random.nextInt() : (random.nextInt() & 0xffff0000) | 0x8000;
      float value = Float.intBitsToFloat(bits);
      if (Math.abs(value) < 1e38f) { // no NaN either
        assertEquals(nearest(value), DType.floatToBfloat16(value), () -> "value " + value);
      }
    }
    float hiddenNan = Float.intBitsToFloat(0x7f800001);
    assertTrue(Float.isNaN(Float.intBitsToFloat(DType.floatToBfloat16(hiddenNan) << 16)));
  }

  @Test
  void weightsBecomeTheTypeAndOthersStay() throws IOException {
    float[] values = {1f, -2.5f, 1 / 3f, 1e-5f, 0f, -0f};
    Tensor wide = Tensor.ofFloats(arena, values, 2, 3);
    Tensor half = through(wide, DType.F16);
    assertEquals("F16 [2, 3]", half.toString());
    float[] expected = new float[values.length];
    for (int i = 0; i < values.length; i++) {
      expected[i] = Float.float16ToFloat(Float.floatToFloat16(values[i]));
    }
    assertArrayEquals(expected, half.toFloatArray());
    Tensor numbers = Tensor.ofLongs(arena, new long[] {1, 1L << 40}, 2);
    assertEquals("I64 [2]", through(numbers, DType.BF16).toString());
  }

  @Test
  void gapsAreLeftOut() throws IOException {
    Tensor wide = Tensor.ofFloats(arena, new float[] {1, 2, 3, 4, 5, 6}, 2, 3);
    Tensor narrow = through(wide.slice(1, 1, 3), DType.BF16);
    assertArrayEquals(new float[] {2, 3, 5, 6}, narrow.toFloatArray());
  }

  @Test
  void largeTensorsGoThroughTheBufferManyTimes() throws IOException {
    float[] values = new float[700_000];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 256;
    }
    Tensor narrow = through(Tensor.ofFloats(arena, values, values.length), DType.BF16);
    assertArrayEquals(values, narrow.toFloatArray());
    assertArrayEquals(values, through(narrow, DType.F32).toFloatArray());
  }

  @Test
  void valueThatBecomesInfiniteIsRefusedByName() {
    Tensor large = Tensor.ofFloats(arena, new float[] {1, 65520}, 2);
    UnsupportedModelException e =
        assertThrows(UnsupportedModelException.class, () -> through(large, DType.F16));
    assertTrue(e.getMessage().contains("tensor \"x\": value 65520.0"), e.getMessage());
    assertFalse(Files.exists(file()));
    Tensor largest = Tensor.ofFloats(arena, new float[] {Float.MAX_VALUE}, 1);
    assertThrows(UnsupportedModelException.class, () -> through(largest, DType.BF16));
  }

  @Test
  void infinityAndNanStay() throws IOException {
    float[] values = {Float.POSITIVE_INFINITY, Float.NEGATIVE_INFINITY, Float.NaN};
    Tensor tensor = Tensor.ofFloats(arena, values, 3);
    assertArrayEquals(values, through(tensor, DType.F16).toFloatArray());
    assertArrayEquals(values, through(tensor, DType.BF16).toFloatArray());
  }

  @Test
  void typeThatIsNoWeightTypeIsRefused() {
    Tensor tensor = Tensor.ofFloats(arena, new float[1], 1);
    assertThrows(IllegalArgumentException.class, () -> through(tensor, DType.I64));
  }
}
