package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.RopeParameters;
import org.graniteffm.runtime.config.RopeType;
import org.junit.jupiter.api.Test;

/**
 * Frequencies by type; all types are compared with the reference implementation in the golden
 * cases.
 */
class RopeTest {
  private static final int PAIRS = 8;

  private static Rope rope(RopeParameters parameters) {
    return new Rope(
        GraniteConfig.builder()
            .hiddenSize(32)
            .numAttentionHeads(2)
            .maxPositionEmbeddings(64)
            .ropeParameters(parameters)
            .build());
  }

  private static double angle(Rope rope, int position, int pair) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment cos = arena.allocate(PAIRS * 4);
      MemorySegment sin = arena.allocate(PAIRS * 4);
      rope.fill(position, cos, sin, 0);
      return Math.atan2(
          sin.getAtIndex(ValueLayout.JAVA_FLOAT, pair),
          cos.getAtIndex(ValueLayout.JAVA_FLOAT, pair));
    }
  }

  @Test
  void positionZeroIsIdentity() {
    Rope rope = rope(RopeParameters.plain(10000));
    for (int pair = 0; pair < PAIRS; pair++) {
      assertEquals(0, angle(rope, 0, pair));
    }
  }

  @Test
  void defaultFrequenciesFallGeometrically() {
    Rope rope = rope(RopeParameters.plain(10000));
    for (int pair = 0; pair < PAIRS; pair++) {
      assertEquals(3 * Math.pow(10000, -pair / 8.0), angle(rope, 3, pair), 1e-6);
    }
  }

  @Test
  void linearDividesAllFrequencies() {
    Rope rope = rope(RopeParameters.builder(RopeType.LINEAR).factor(4).build(64));
    assertEquals(3 / 4.0, angle(rope, 3, 0), 1e-6);
    assertEquals(3 / 4.0 * Math.pow(10000, -0.5), angle(rope, 3, 4), 1e-6);
  }

  @Test
  void dynamicStretchesBeyondTheContextAndComesBack() {
    Rope rope = rope(RopeParameters.builder(RopeType.DYNAMIC).factor(2).build(64));
    double plain = Math.pow(10000, -0.25);
    rope.prepare(64);
    assertEquals(plain, angle(rope, 1, 2), 1e-6);
    rope.prepare(128);
    double base = 10000 * Math.pow(2 * 128 / 64.0 - 1, 16 / 14.0);
    assertEquals(Math.pow(base, -0.25), angle(rope, 1, 2), 1e-6);
    rope.prepare(10);
    assertEquals(plain, angle(rope, 1, 2), 1e-6);
  }
}
