package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class UnitsTest {
  @Test
  void threeDigitsAreKept() {
    assertEquals("0.123", Units.three(0.12345));
    assertEquals("12.3", Units.three(12.345));
    assertEquals("999", Units.three(999.4));
    assertEquals("1000", Units.three(999.6));
    assertEquals("123457", Units.three(123456.7));
    assertEquals("?", Units.three(Double.NaN));
  }

  @Test
  void bytesCountInThousands() {
    assertEquals("999 B", Units.bytes(999));
    assertEquals("1.00 kB", Units.bytes(1000));
    assertEquals("5.07 GB", Units.bytes(5_070_000_000L));
  }

  @Test
  void timesHaveTheUnitThatSuits() {
    assertEquals("12.0 ms", Units.time(12_000_000));
    assertEquals("1.50 s", Units.time(1_500_000_000));
  }

  @Test
  void countsAreSpoken() {
    assertEquals("4096", Units.count(4096));
    assertEquals("6.37 million", Units.count(6_372_608));
    assertEquals("2.53 billion", Units.count(2_530_000_000L));
  }
}
