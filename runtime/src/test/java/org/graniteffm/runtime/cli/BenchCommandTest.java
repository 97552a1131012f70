package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.graniteffm.runtime.json.JsonReader;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BenchCommandTest {
  @Test
  void jsonHasThePromisedKeys() throws IOException {
    String out =
        CommandLineRun.of(
                "bench",
                "-p",
                "20",
                "-n",
                "4",
                "-b",
                "2",
                "-r",
                "2",
                "--json",
                "--threads",
                "1",
                "--precision",
                "f32")
            .done();
    assertEquals(1, out.lines().count());
    JsonNode result =
        JsonReader.parseObject(ByteBuffer.wrap(out.getBytes(StandardCharsets.UTF_8)), "out");
    for (String key :
        new String[] {
          "prefill_tok_s",
          "decode_tok_s",
          "prefill_gflops",
          "prefill_peak_gflops",
          "decode_gb_s",
          "read_gb_s",
          "ttft_ms",
          "load_ms",
          "kv_mb"
        }) {
      assertTrue(result.get(key).isNumber() && result.get(key).asDouble() > 0, key + ": " + out);
    }
    assertTrue(result.get("rss_anon_mb").isNumber(), out);
    assertTrue(result.get("java_bytes_per_token").isNumber(), out);
    assertEquals(1, result.get("threads").asInt());
    assertEquals("f32", result.get("precision").asText());
    assertTrue(result.get("isa").isTextual(), out);
    assertEquals(2 * 24 * 6144 / 1e6, result.get("kv_mb").asDouble(), 1e-4);
  }

  @Test
  void tableHasARowForEachPhase() {
    String out = CommandLineRun.of("bench", "-p", "8", "-n", "2", "-r", "1").done();
    assertTrue(out.contains("| pp8 "), out);
    assertTrue(out.contains("| tg2 "), out);
  }

  @ParameterizedTest
  @CsvSource({"-p,0", "-n,0", "-b,0", "-b,513", "-r,0", "-p,many"})
  void optionsAreChecked(String option, String value) {
    CommandLineRun.of("bench", option, value).misused(option, value);
  }

  @Test
  void moreThanTheContextIsRefused() {
    CommandLineRun.of("bench", "-p", "1000", "-n", "25").failed("1025 tokens", "1024");
  }

  @Test
  void medianIsTheMiddle() {
    assertEquals(2, BenchCommand.median(List.of(3.0, 1.0, 2.0)));
    assertEquals(2.5, BenchCommand.median(List.of(4.0, 1.0, 2.0, 3.0)));
  }
}
