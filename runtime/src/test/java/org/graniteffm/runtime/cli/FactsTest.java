package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FactsTest {
  private static String print(Map<String, Object> facts) {
    StringWriter out = new StringWriter();
    Facts.print(new PrintWriter(out), facts);
    return out.toString().replace(System.lineSeparator(), "\n");
  }

  @Test
  void sizesHaveTheirUnitBehindThem() {
    Map<String, Object> memory = new LinkedHashMap<>();
    memory.put("total_bytes", 25_300_000_000L);
    Map<String, Object> needed = new LinkedHashMap<>();
    needed.put("cache", 6_290_000L);
    Map<String, Object> facts = new LinkedHashMap<>();
    facts.put("memory", memory);
    facts.put("needed_bytes", needed);
    facts.put("load_bytes", "unknown");
    assertEquals(
        """
        memory
          total                   25.3 GB
        needed
          cache                   6.29 MB
        load_bytes                unknown
        """,
        print(facts));
  }

  @Test
  void sentencesAreWrapped() {
    String sentence = "word ".repeat(40).strip();
    List<String> lines = print(Map.of("advice", List.of(sentence, "short"))).lines().toList();
    assertEquals("advice", lines.getFirst());
    assertTrue(lines.stream().allMatch(line -> line.length() <= 78), lines::toString);
    assertEquals("    word", lines.get(2).substring(0, 8));
    assertEquals("  short", lines.getLast());
    assertEquals(40, String.join(" ", lines).split("word", -1).length - 1);
  }
}
