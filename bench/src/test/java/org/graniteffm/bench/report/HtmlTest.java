package org.graniteffm.bench.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HtmlTest {
  @Test
  void nothingEndsAnAttributeOrBeginsATag() {
    assertEquals(
        "&lt;b title=&quot;&#39;&quot;&gt; &amp;amp; µ", Html.escape("<b title=\"'\"> &amp; µ"));
  }

  @ParameterizedTest
  @CsvSource({
    "0, 0",
    "5.2861, 5.29",
    "0.0012345, 0.00123",
    "8650.4, 8650",
    "183, 183",
    "999.6, 1000",
    "NaN, –",
    "Infinity, –"
  })
  void threeDigitsAreEnough(double value, String expected) {
    assertEquals(expected, Html.three(value));
  }

  @ParameterizedTest
  @CsvSource({
    "2.1e-8, 21 ns",
    "1.234e-5, 12.3 µs",
    "0.0029, 2.9 ms",
    "11.277, 11.3 s",
    "NaN, –",
    "Infinity, –"
  })
  void timesHaveTheUnitThatSuitsThem(double seconds, String expected) {
    assertEquals(expected, Html.time(seconds));
  }

  @ParameterizedTest
  @CsvSource({"0.849, 85 %", "1.29, 129 %", "NaN, –"})
  void sharesAreInPercent(double share, String expected) {
    assertEquals(expected, Html.percent(share));
  }
}
