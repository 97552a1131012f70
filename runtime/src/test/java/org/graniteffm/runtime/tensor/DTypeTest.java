package org.graniteffm.runtime.tensor;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;

import java.util.Arrays;
import java.util.EnumSet;
import java.util.stream.Collectors;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.NullSource;
import org.junit.jupiter.params.provider.ValueSource;

final class DTypeTest {
  @ParameterizedTest
  @EnumSource(DType.class)
  void everyTypeIsFoundByItsName(DType dtype) {
    assertSame(dtype, DType.byName(dtype.name()));
  }

  @ParameterizedTest
  @NullSource
  @ValueSource(strings = {"", "f32", "F32 ", "F4", "F6_E2M3", "float32"})
  void otherNamesAreNone(String name) {
    assertNull(DType.byName(name));
  }

  @ParameterizedTest
  @CsvSource({
    "BOOL, 1",
    "U8, 1",
    "I8, 1",
    "F8_E5M2, 1",
    "F8_E4M3, 1",
    "F8_E8M0, 1",
    "I16, 2",
    "U16, 2",
    "F16, 2",
    "BF16, 2",
    "I32, 4",
    "U32, 4",
    "F32, 4",
    "F64, 8",
    "I64, 8",
    "U64, 8",
    "C64, 8"
  })
  void sizesAreThoseOfTheFormat(DType dtype, int bytes) {
    assertEquals(bytes, dtype.byteSize());
  }

  @Test
  void weightsAreTheThreeTypesKernelsTake() {
    assertEquals(
        EnumSet.of(DType.F32, DType.F16, DType.BF16),
        Arrays.stream(DType.values()).filter(DType::isWeight).collect(Collectors.toSet()));
  }
}
