package org.graniteffm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Loading happens once in a process, so most of this runs in processes of its own: see {@link
 * LoadProbe}.
 */
class NativeLibrariesTest {
  @TempDir Path temporary;

  @Test
  void everyTierUpToTheBestCanBeChosen() {
    Buffers.onEveryTier(() -> {});
    assertTrue(Buffers.tiers().contains("scalar"));
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "avx", "AVX2", "sse\n", "avx512 "})
  void unknownTierIsRefusedAndChangesNothing(String tier) {
    String before = NativeLibraries.activeIsa();
    UnsupportedIsaException e =
        assertThrows(UnsupportedIsaException.class, () -> NativeLibraries.selectIsa(tier));
    String message = e.getMessage();
    assertTrue(message.contains('"' + tier.replace('\n', '?') + '"'), message);
    assertTrue(message.contains("scalar, avx2, avx512"), message);
    assertTrue(message.endsWith(NativeLibraries.bestIsa()), message);
    assertEquals(1, message.lines().count(), message);
    assertEquals(before, NativeLibraries.activeIsa());
  }

  @Test
  void tierThatThisCpuLacksIsRefused() {
    int best = NativeLibraries.TIERS.indexOf(NativeLibraries.bestIsa());
    for (String tier : NativeLibraries.TIERS.subList(best + 1, NativeLibraries.TIERS.size())) {
      assertThrows(UnsupportedIsaException.class, () -> NativeLibraries.selectIsa(tier));
    }
  }

  @Test
  void aStartUsesTheBestTierLeavesNoFilesAndNoOpenblas() throws Exception {
    Map<String, String> result = probe(Map.of(), List.of());
    assertEquals(NativeLibraries.bestIsa(), result.get("isa"));
    assertEquals("[]", result.get("left"));
    assertEquals("false", result.get("openblas"));
  }

  @Test
  void openblasLeavesNoFilesEither() throws Exception {
    Map<String, String> result = probe(Map.of(), List.of(), "openblas");
    assertEquals("[]", result.get("left"));
    assertNull(result.get("failure"));
  }

  @Test
  void propertyChoosesTheTier() throws Exception {
    Map<String, String> result =
        probe(Map.of("GK_MAX_ISA", "avx2"), List.of("-Dgranite.isa=scalar"));
    assertEquals("scalar", result.get("isa"));
  }

  @Test
  void variableCapsTheTier() throws Exception {
    assertEquals("scalar", probe(Map.of("GK_MAX_ISA", "scalar"), List.of()).get("isa"));
  }

  @Test
  void unknownTiersFailTheLoadForGood() throws Exception {
    Map<String, String> result = probe(Map.of(), List.of("-Dgranite.isa=avx3"));
    assertFailure(result, UnsupportedIsaException.class, "granite.isa: \"avx3\"");
    for (String cap : List.of("avx3", "")) {
      result = probe(Map.of("GK_MAX_ISA", cap), List.of());
      assertFailure(result, UnsupportedIsaException.class, "GK_MAX_ISA: \"" + cap + "\"");
    }
  }

  @Test
  void missingFileIsNotReplacedByTheBundledLibrary() throws Exception {
    Map<String, String> result = probe(Map.of(), List.of("-Dgranite.library.path=/no/such.so"));
    assertFailure(
        result, NativeLibraryException.class, "granite.library.path: /no/such.so: no such file");
  }

  @Test
  void fileThatIsNoLibraryKeepsItsCause() throws Exception {
    Path file = Files.writeString(temporary.resolve("text.so"), "not a library");
    Map<String, String> result = probe(Map.of(), List.of("-Dgranite.library.path=" + file));
    assertFailure(result, NativeLibraryException.class, file + ": cannot be loaded");
    assertTrue(result.get("cause").contains("UnsatisfiedLinkError"), result.get("cause"));
  }

  @Test
  void anotherLibraryFailsByTheNameOfWhatItLacks() throws Exception {
    Path some = Path.of(System.getProperty("java.home"), "lib", System.mapLibraryName("prefs"));
    assumeTrue(Files.exists(some));
    // a copy: the JDK may have loaded its own file already
    Path other = Files.copy(some, temporary.resolve("other.so"));
    Map<String, String> result = probe(Map.of(), List.of("-Dgranite.library.path=" + other));
    assertFailure(result, NativeLibraryException.class, other + ": has no gk_");
    result = probe(Map.of(), List.of("-Dgranite.openblas=" + other), "openblas");
    assertFailure(result, NativeLibraryException.class, other + ": has no cblas_sgemm");
  }

  @Test
  void missingJarIsNamed() throws Exception {
    assumeTrue(System.getProperty("granite.library.path") == null);
    Map<String, String> result = probe(false, Map.of(), List.of());
    assertFailure(result, NativeLibraryException.class, "granite-native");
  }

  private static void assertFailure(Map<String, String> result, Class<?> kind, String messagePart) {
    String failure = String.valueOf(result.get("failure"));
    assertTrue(failure.startsWith(kind.getName() + ": "), failure);
    assertTrue(failure.contains(messagePart), failure);
    assertEquals("true", result.get("again"), "the same exception again");
    assertEquals("[]", result.get("left"));
  }

  private Map<String, String> probe(
      Map<String, String> environment, List<String> options, String... arguments)
      throws IOException, InterruptedException {
    return probe(true, environment, options, arguments);
  }

  private Map<String, String> probe(
      boolean jars, Map<String, String> environment, List<String> options, String... arguments)
      throws IOException, InterruptedException {
    Path empty = Files.createTempDirectory(temporary, "tmp");
    List<String> all = new ArrayList<>();
    all.add("-XX:TieredStopAtLevel=1");
    all.add("-XX:-UsePerfData"); // which puts a file into /tmp
    all.add("-Djava.io.tmpdir=" + empty);
    all.addAll(options);
    ProcessBuilder builder =
        ForkedJvm.of(
            LoadProbe.class, jars ? ForkedJvm.nativeJars() : List.of(), all, List.of(arguments));
    builder.environment().remove("GK_MAX_ISA");
    builder.environment().putAll(environment);
    Process process = builder.start();
    String output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), output);
    Map<String, String> result = new HashMap<>();
    for (String line : output.lines().toList()) {
      if (line.matches("[a-z]+=.*")) { // the JVM may have something to say as well
        int equals = line.indexOf('=');
        result.put(line.substring(0, equals), line.substring(equals + 1));
      }
    }
    return result;
  }
}
