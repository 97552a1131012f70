package org.graniteffm.runtime.tensor;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

final class TensorTest {
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
  }

  private Tensor counting(long... shape) {
    float[] values = new float[(int) Tensor.byteSize(DType.U8, shape)];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    return Tensor.ofFloats(arena, values, shape);
  }

  private static MemorySegment bytes(int... values) {
    byte[] bytes = new byte[values.length];
    for (int i = 0; i < bytes.length; i++) {
      bytes[i] = (byte) values[i];
    }
    return MemorySegment.ofArray(bytes);
  }

  @Test
  void elementsAreRowMajor() {
    Tensor t = counting(2, 3, 4);
    assertEquals(1 * 12 + 2 * 4 + 3, t.getFloat(1, 2, 3));
    assertEquals(12, t.stride(0));
    assertEquals(4, t.stride(1));
    assertEquals(1, t.stride(2));
    assertEquals(24, t.elementCount());
    assertTrue(t.isContiguous());
    assertEquals("F32 [2, 3, 4]", t.toString());
  }

  @Test
  void viewIsCutToItsExtent() {
    Tensor t = Tensor.of(arena.allocate(100), DType.BF16, 3, 4);
    assertEquals(24, t.segment().byteSize());
  }

  @Test
  void segmentTooSmallIsRefused() {
    IndexOutOfBoundsException e =
        assertThrows(
            IndexOutOfBoundsException.class, () -> Tensor.of(arena.allocate(23), DType.BF16, 3, 4));
    assertEquals("tensor BF16 [3, 4] needs 24 bytes, segment has 23", e.getMessage());
  }

  @Test
  void sizeIsExactOrRefused() {
    assertEquals(1, Tensor.byteSize(DType.U8));
    assertEquals(8, Tensor.byteSize(DType.F64));
    assertEquals(Long.MAX_VALUE, Tensor.byteSize(DType.U8, Long.MAX_VALUE));
    assertEquals(0, Tensor.byteSize(DType.F64, Long.MAX_VALUE, Long.MAX_VALUE, 0));
    assertEquals(0, Tensor.byteSize(DType.F64, 0, Long.MAX_VALUE, Long.MAX_VALUE));
    for (long[] shape : new long[][] {{1L << 60}, {1L << 32, 1L << 32}, {-1}, {0, -1}, {-2, -2}}) {
      IllegalArgumentException e =
          assertThrows(IllegalArgumentException.class, () -> Tensor.byteSize(DType.F64, shape));
      assertTrue(e.getMessage().startsWith("shape: "), e::getMessage);
    }
  }

  @Test
  void scalarsHaveOneElement() {
    Tensor t = Tensor.ofFloats(arena, new float[] {7});
    assertEquals(0, t.rank());
    assertEquals(1, t.elementCount());
    assertEquals(7, t.getFloat());
    assertTrue(t.isContiguous());
    assertThrows(IndexOutOfBoundsException.class, () -> t.get(0));
    assertThrows(IndexOutOfBoundsException.class, () -> t.slice(0, 0, 0));
  }

  @Test
  void emptyTensorsCanBeSlicedAndReshaped() {
    Tensor t = Tensor.allocate(arena, DType.F32, 3, 0, Long.MAX_VALUE);
    assertEquals(0, t.elementCount());
    assertEquals(0, t.toFloatArray().length);
    assertEquals(0, t.get(2).segment().byteSize());
    assertArrayEquals(new long[] {1, 0, 5}, t.slice(0, 2, 3).slice(2, 5, 10).shape());
    assertArrayEquals(new long[] {0}, t.reshape(0).shape());
    assertThrows(IndexOutOfBoundsException.class, () -> t.getFloat(0, 0, 0));
  }

  @RepeatedTest(20)
  void slicesShowTheElementsOfTheWhole(RepetitionInfo repetition) {
    Random random = new Random(repetition.getCurrentRepetition());
    long[] shape = random.longs(3, 1, 6).toArray();
    Tensor whole = counting(shape);
    long[] from = new long[3];
    Tensor part = whole;
    for (int d = 0; d < 3; d++) {
      from[d] = random.nextLong(shape[d]);
      part = part.slice(d, from[d], random.nextLong(from[d], shape[d]) + 1);
    }
    float[] flat = part.toFloatArray();
    int n = 0;
    for (long i = 0; i < part.size(0); i++) {
      for (long j = 0; j < part.size(1); j++) {
        for (long k = 0; k < part.size(2); k++) {
          float expected = whole.getFloat(from[0] + i, from[1] + j, from[2] + k);
          assertEquals(expected, part.getFloat(i, j, k));
          assertEquals(expected, part.get(i).get(j).getFloat(k));
          assertEquals(expected, flat[n++]);
        }
      }
    }
    assertEquals(part.elementCount(), n);
  }

  @Test
  void sliceSharesMemoryWithinItsBounds() {
    Tensor t = counting(4, 3);
    Tensor rows = t.slice(0, 1, 3);
    assertEquals(t.segment().address() + 12, rows.segment().address());
    assertEquals(24, rows.segment().byteSize());
    Tensor columns = t.slice(1, 1, 3);
    assertFalse(columns.isContiguous());
    // from [0, 1] to [3, 2]: three strides of 3 and two elements
    assertEquals((3 * 3 + 2) * 4, columns.segment().byteSize());
    rows.segment().set(ValueLayout.JAVA_FLOAT_UNALIGNED, 0, -1);
    assertEquals(-1, t.getFloat(1, 0));
  }

  @ParameterizedTest
  @CsvSource({"0, -1, 1", "0, 0, 5", "0, 3, 2", "1, 4, 4", "2, 0, 0", "-1, 0, 0"})
  void sliceOutsideIsRefused(int dimension, long from, long to) {
    Tensor t = counting(4, 3);
    assertThrows(IndexOutOfBoundsException.class, () -> t.slice(dimension, from, to));
  }

  @Test
  void indexOutsideIsRefused() {
    Tensor t = counting(4, 3);
    assertThrows(IndexOutOfBoundsException.class, () -> t.get(4));
    assertThrows(IndexOutOfBoundsException.class, () -> t.get(-1));
    // inside the memory, outside the shape
    assertThrows(IndexOutOfBoundsException.class, () -> t.getFloat(0, 3));
    assertThrows(IndexOutOfBoundsException.class, () -> t.getFloat(-1, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> t.getFloat(1));
    assertThrows(IndexOutOfBoundsException.class, () -> t.getFloat(1, 1, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> t.size(2));
  }

  @Test
  void reshapeKeepsTheElements() {
    Tensor t = counting(2, 6);
    assertEquals(7, t.reshape(3, 4).getFloat(1, 3));
    assertTrue(t.reshape(12).hasShape(12));
    assertThrows(IllegalArgumentException.class, () -> t.reshape(2, 5));
    assertThrows(IllegalArgumentException.class, () -> t.reshape(-2, -6));
    assertThrows(IllegalStateException.class, () -> t.slice(1, 0, 3).reshape(6));
    assertEquals(8, t.slice(0, 1, 2).reshape(2, 3).getFloat(0, 2));
  }

  @Test
  void dimensionsOfOneDoNotMatterForContiguity() {
    Tensor t = counting(4, 3);
    assertTrue(t.slice(0, 2, 3).isContiguous());
    assertTrue(t.slice(1, 0, 1).slice(0, 1, 2).isContiguous());
    assertFalse(t.slice(1, 0, 1).isContiguous());
    assertTrue(t.slice(1, 1, 1).isContiguous());
  }

  @Test
  void shapesAreCopies() {
    long[] shape = {2, 3};
    Tensor t = counting(shape);
    shape[0] = 9;
    t.shape()[1] = 9;
    assertTrue(t.hasShape(2, 3));
    assertFalse(t.hasShape(3, 2));
    assertFalse(t.hasShape(2, 3, 1));
  }

  @Test
  void floatTypesAreWidened() {
    assertEquals(1.5f, Tensor.of(bytes(0, 0, 0xc0, 0x3f), DType.F32).getFloat());
    assertEquals(-2, Tensor.of(bytes(0x00, 0xc0), DType.F16).getFloat());
    assertEquals(0x1p-24f, Tensor.of(bytes(0x01, 0x00), DType.F16).getFloat());
    assertEquals(1.5f, Tensor.of(bytes(0xc0, 0x3f), DType.BF16).getFloat());
    assertEquals(-1.5f, Tensor.of(bytes(0xc0, 0xbf), DType.BF16).getFloat());
    assertTrue(Float.isNaN(Tensor.of(bytes(0xc0, 0x7f), DType.BF16).getFloat()));
    assertEquals(1.5f, Tensor.of(bytes(0, 0, 0, 0, 0, 0, 0xf8, 0x3f), DType.F64).getFloat());
    assertArrayEquals(
        new float[] {1.5f, -1.5f},
        Tensor.of(bytes(0xc0, 0x3f, 0xc0, 0xbf), DType.BF16, 2).toFloatArray());
  }

  @ParameterizedTest
  @EnumSource(names = {"F16", "BF16"})
  void allHalvesAreWidenedInOrder(DType dtype) {
    int count = 1 << Short.SIZE; // each there is, and more than one block
    MemorySegment segment = arena.allocate(2L * count + 1).asSlice(1);
    for (int i = 0; i < count; i++) {
      segment.setAtIndex(ValueLayout.JAVA_SHORT_UNALIGNED, i, (short) i);
    }
    Tensor t = Tensor.of(segment, dtype, count - 3); // the last block is not full
    float[] all = t.toFloatArray();
    assertEquals(count - 3, all.length);
    for (int i = 0; i < all.length; i++) {
      assertEquals(
          Float.floatToRawIntBits(t.getFloat(i)), Float.floatToRawIntBits(all[i]), "element " + i);
    }
  }

  @Test
  void integerTypesAreWidenedWithTheirSign() {
    assertEquals(-2, Tensor.of(bytes(0xfe), DType.I8).getLong());
    assertEquals(254, Tensor.of(bytes(0xfe), DType.U8).getLong());
    assertEquals(1, Tensor.of(bytes(1), DType.BOOL).getLong());
    assertEquals(-2, Tensor.of(bytes(0xfe, 255, 255, 255), DType.I32).getLong());
    assertArrayEquals(
        new long[] {Long.MIN_VALUE, 3},
        Tensor.ofLongs(arena, new long[] {Long.MIN_VALUE, 3}, 2).toLongArray());
  }

  @ParameterizedTest
  @EnumSource(DType.class)
  void readingAsTheWrongKindIsRefused(DType dtype) {
    Tensor t = Tensor.allocate(arena, dtype);
    boolean readable = false;
    try {
      assertEquals(0, t.getFloat());
      readable = true;
    } catch (UnsupportedOperationException e) {
      assertTrue(e.getMessage().contains(dtype.name()), e::getMessage);
    }
    if (readable) {
      assertThrows(UnsupportedOperationException.class, t::getLong);
    }
  }

  @Test
  void unalignedElementsAreRead() {
    MemorySegment segment = arena.allocate(9, 8).asSlice(1);
    segment.set(ValueLayout.JAVA_FLOAT_UNALIGNED, 4, 2.5f);
    Tensor t = Tensor.of(segment, DType.F32, 2);
    assertEquals(2.5f, t.getFloat(1));
    assertArrayEquals(new float[] {0, 2.5f}, t.toFloatArray());
  }

  @Test
  void allocatedTensorsAreZeroAndAligned() {
    Tensor t = Tensor.allocate(arena, DType.F16, 33);
    assertEquals(0, t.segment().address() % 64);
    assertArrayEquals(new float[33], t.toFloatArray());
  }

  @Test
  void valuesMustFillTheShape() {
    assertThrows(IllegalArgumentException.class, () -> Tensor.ofFloats(arena, new float[3], 2, 2));
    assertThrows(IllegalArgumentException.class, () -> Tensor.ofLongs(arena, new long[5], 2, 2));
  }
}
