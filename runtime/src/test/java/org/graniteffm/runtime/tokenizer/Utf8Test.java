package org.graniteffm.runtime.tokenizer;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class Utf8Test {
  private static String decode(byte[] bytes) {
    Utf8 utf8 = new Utf8();
    StringBuilder out = new StringBuilder();
    for (byte b : bytes) {
      utf8.push(b, out);
    }
    utf8.finish(out);
    return out.toString();
  }

  @Test
  void everyCharacterIsDecoded() {
    StringBuilder all = new StringBuilder();
    for (int c = 0; c <= Character.MAX_CODE_POINT; c++) {
      if (c < Character.MIN_SURROGATE || c > Character.MAX_SURROGATE) {
        all.appendCodePoint(c);
      }
    }
    assertEquals(all.toString(), decode(all.toString().getBytes(StandardCharsets.UTF_8)));
  }

  // Expected: what Python's bytes.decode("utf-8", "replace") gives, with ? for U+FFFD.
  @ParameterizedTest
  @CsvSource({
    "80, ?",
    "C3, ?",
    "C341, ?A",
    "C080, ??",
    "C1BF, ??",
    "E0809F, ???",
    "E0A0, ?",
    "E0A041, ?A",
    "EDA080, ???",
    "ED9F, ?",
    "F0808080, ????",
    "F09F98, ?",
    "F09F9841, ?A",
    "F09FF09F9880, ?\uD83D\uDE00",
    "F4908080, ????",
    "F5, ?",
    "FF41FE, ?A?",
    "E282E282AC, ?€",
  })
  void malformedBytesBecomeReplacements(String hex, String expected) {
    assertEquals(expected.replace('?', '\uFFFD'), decode(HexFormat.of().parseHex(hex)));
  }
}
