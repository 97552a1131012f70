package org.graniteffm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.platform.commons.JUnitException;
import org.opentest4j.AssertionFailedError;

/**
 * OpenBLAS has kernels of its own for each kind of CPU. Those that this CPU can run are tested here
 * as {@link BlasTest} does it, each in a process of its own.
 */
@EnabledOnOs(value = OS.LINUX, architectures = "amd64")
class BlasCoresTest {
  @TempDir private Path temporary;

  /** The core, as OpenBLAS names it, and what its kernels take, as Linux names it. */
  @ParameterizedTest
  @CsvSource({
    "Prescott, pni",
    "Nehalem, sse4_2",
    "Sandybridge, avx",
    "Haswell, avx2 fma",
    "Zen, avx2 fma",
    "SkylakeX, avx512f avx512bw avx512dq avx512vl",
    "Cooperlake, avx512f avx512bw avx512dq avx512vl avx512_bf16",
    "SapphireRapids, avx512f avx512bw avx512dq avx512vl avx512_bf16 amx_bf16",
  })
  void everyTailStaysInsideItsOperands(String core, String needed) throws Exception {
    assumeTrue(flags().containsAll(List.of(needed.split(" "))), "this CPU lacks one of " + needed);
    assumeFalse(NativeLibraries.openblasCore().equals(core), "BlasTest has tested it");
    List<String> classPath = ForkedJvm.nativeJars();
    for (Class<?> type :
        List.of(Assertions.class, JUnitException.class, AssertionFailedError.class)) {
      classPath.add(ForkedJvm.location(type));
    }
    Path log = temporary.resolve("log");
    ProcessBuilder builder =
        ForkedJvm.of(
            GuardedSgemm.class,
            classPath,
            List.of("-XX:ErrorFile=/dev/null", "-XX:-CreateCoredumpOnCrash"),
            List.of());
    builder.environment().put("OPENBLAS_CORETYPE", core);
    Process process = builder.redirectOutput(log.toFile()).start();
    try {
      assertTrue(process.waitFor(10, TimeUnit.MINUTES), "does not end");
    } finally {
      process.destroyForcibly();
    }
    String said = Files.readString(log, StandardCharsets.UTF_8);
    assertEquals(0, process.exitValue(), said);
    List<String> lines = said.lines().toList();
    assertTrue(lines.contains("core=" + core) && lines.contains("done"), said);
  }

  private static Set<String> flags() throws Exception {
    for (String line : Files.readAllLines(Path.of("/proc/cpuinfo"))) {
      if (line.startsWith("flags")) {
        return Set.copyOf(List.of(line.substring(line.indexOf(':') + 1).strip().split(" +")));
      }
    }
    throw new AssertionError("/proc/cpuinfo says nothing of flags");
  }
}
