package org.graniteffm.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class NamesTest {
  @ParameterizedTest
  @ValueSource(strings = {"", "model.norm.weight", "a b", "ä€", "日本", "😀"})
  void plainTextIsOnlyQuoted(String name) {
    assertEquals('"' + name + '"', Names.quote(name));
  }

  @Test
  void nullHasNoQuotes() {
    assertEquals("null", Names.quote(null));
    assertEquals("\"null\"", Names.quote("null"));
  }

  @Test
  void quotesAndBackslashesAreEscaped() {
    assertEquals("\"a\\\"b\\\\c\"", Names.quote("a\"b\\c"));
  }

  @Test
  void whatBreaksOrDisguisesALineIsEscaped() {
    assertEquals("\"\\u000a\\u000d\\u0000\\u001b\\u007f\\u0085\"", esc("\n\r\0\033\177\u0085"));
    assertEquals("\"\\u2028\\u2029\"", esc("\u2028\u2029"));
    assertEquals("\"\\u202e\\u200b\\ufeff\"", esc("\u202e\u200b\ufeff"));
    assertEquals("\"\\ud83dx\\ude00\"", esc("\ud83dx\ude00"));
    assertEquals("\"\\u{e0001}\"", esc("\udb40\udc01"));
  }

  private static String esc(String name) {
    return Names.quote(name);
  }

  @Test
  void exactlyTwoHundredCharactersAreKept() {
    assertEquals('"' + "x".repeat(200) + '"', Names.quote("x".repeat(200)));
    assertEquals('"' + "x".repeat(200) + "…\"", Names.quote("x".repeat(201)));
  }

  @Test
  void escapesCountAsWhatTheyPrint() {
    String quoted = Names.quote("\n".repeat(1_000_000));
    assertTrue(quoted.length() <= 2 + 200 + 10, () -> "length " + quoted.length());
  }

  @Test
  void cutDoesNotSplitAPair() {
    String quoted = Names.quote("x" + "😀".repeat(300));
    assertTrue(quoted.endsWith("😀…\""), quoted);
  }
}
