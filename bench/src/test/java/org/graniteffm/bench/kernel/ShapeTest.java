package org.graniteffm.bench.kernel;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import org.junit.jupiter.api.Test;

class ShapeTest {
  @Test
  void namesAreOptional() {
    assertEquals(new Shape(8192, 2048), Shape.parse(Shape.UP_2B));
    assertEquals(new Shape(3, 5), Shape.parse("3x5"));
    assertArrayEquals(new long[] {32, 8, 64}, Shape.sizes("2b:32x8x64", 3));
  }

  @Test
  void otherTextIsRefused() {
    assertThrows(IllegalArgumentException.class, () -> Shape.parse("2048"));
    assertThrows(IllegalArgumentException.class, () -> Shape.parse("2b:2048xx8"));
    assertThrows(IllegalArgumentException.class, () -> Shape.parse("2048xmany"));
  }
}
