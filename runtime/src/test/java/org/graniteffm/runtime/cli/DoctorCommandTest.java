package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.runtime.json.JsonReader;
import org.graniteffm.runtime.ops.Topology;
import org.junit.jupiter.api.Test;

class DoctorCommandTest {
  @Test
  void jsonSaysWhatIsUsed() throws IOException {
    String out = CommandLineRun.of("doctor", "--json").done();
    JsonNode facts =
        JsonReader.parseObject(ByteBuffer.wrap(out.getBytes(StandardCharsets.UTF_8)), "out");
    assertTrue(facts.get("works").asBoolean());
    assertEquals(NativeLibraries.bestIsa(), facts.get("kernels").get("best_isa").asText());
    assertEquals(NativeLibraries.kernelsSource(), facts.get("kernels").get("library").asText());
    assertEquals(NativeLibraries.amxStatus(), facts.get("kernels").get("amx").asText());
    assertEquals(Topology.usableCores(), facts.get("cores").get("threads").asInt());
    assertTrue(facts.get("openblas").get("version").asText().startsWith("OpenBLAS"));
    assertTrue(facts.get("advice").isArray());
    for (String group : new String[] {"granite", "java", "cpu", "memory"}) {
      assertTrue(facts.has(group), out);
    }
  }

  @Test
  void textEndsWithAdvice() {
    String out = CommandLineRun.of("doctor").done();
    assertTrue(out.contains("\nadvice\n  "), out);
    assertTrue(out.contains(NativeLibraries.activeIsa()), out);
  }

  @Test
  void unusableTileUnitIsExplained() {
    String intel = "Intel(R) Xeon(R) Platinum 8488C";
    List<String> guest = List.of("avx512_fp16", "hypervisor");
    assertEquals(Optional.empty(), DoctorCommand.amxAdvice("usable", intel, guest));
    assertTrue(advice("switched off by the operating system", intel, guest).contains("5.16"));
    assertTrue(advice("refused by the operating system", intel, guest).contains("arch_prctl"));
    assertTrue(advice("not in this CPU", intel, guest).contains("amx-tile"));
    assertEquals("", advice("not in this CPU", "AMD EPYC 9965", guest), "has none");
    assertEquals("", advice("not in this CPU", intel, List.of("avx512f", "hypervisor")), "older");
  }

  private static String advice(String status, String cpu, List<String> flags) {
    return DoctorCommand.amxAdvice(status, cpu, flags).orElse("");
  }

  @Test
  void takesNoArgument() {
    CommandLineRun.of("doctor", "x").misused("'x'");
  }
}
