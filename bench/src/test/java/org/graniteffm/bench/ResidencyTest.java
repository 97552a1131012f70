package org.graniteffm.bench;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;

class ResidencyTest {
  @Test
  void cachedKeepsTheRowsThatFit() {
    assertEquals(32, Residency.CACHED.rows(2048, 4096));
    assertEquals(5, Residency.CACHED.rows(5, 4096));
    assertEquals(1, Residency.CACHED.rows(2048, 1 << 20));
    assertEquals(1, Residency.CACHED.copies(1));
  }

  @Test
  void dramWalksOverMoreThanItsBytes() {
    assertEquals(2048, Residency.DRAM.rows(2048, 4096));
    for (long bytes : new long[] {1000, Residency.dramBytes(), 1L << 40}) {
      assertTrue(Residency.DRAM.copies(bytes) * bytes > Residency.dramBytes());
    }
  }
}
