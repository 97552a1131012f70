package org.graniteffm.runtime.fuzz;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.graniteffm.runtime.faults.ForkedJvm;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Whatever stands in a file, its reader reads it or throws what is documented, in one line, and
 * allocates in proportion.
 *
 * <p>Three ways, from the corpora in {@code src/test/resources/fuzz}: each file there; seeds
 * changed at random, the same ones in each run; and Jazzer, guided by coverage, in a JVM of its
 * own. Short by default. Long, and one target alone:
 *
 * <pre>
 *   mvn test -pl runtime -am -Dtest=FuzzTest -Dsurefire.failIfNoSpecifiedTests=false \
 *       -Dgranite.fuzz.inputs=1000000 -Dgranite.fuzz.seconds=1800 -Dgranite.fuzz.seed=2 \
 *       -Dgranite.fuzz.target=config
 * </pre>
 *
 * <p>What it finds is mended, and the file put into the target's folder as {@code NAME.bin}.
 */
class FuzzTest {
  private static final int INPUTS = Integer.getInteger("granite.fuzz.inputs", 400);
  private static final int SECONDS = Integer.getInteger("granite.fuzz.seconds", 10);
  private static final int SEED = Integer.getInteger("granite.fuzz.seed", 1);
  private static final String TARGET = System.getProperty("granite.fuzz.target", "all");

  @TempDir private Path folder;

  static List<String> names() {
    return Target.NAMES;
  }

  @ParameterizedTest
  @MethodSource("names")
  void seedsAreReadAndFindingsDoNoHarm(String name) throws IOException {
    Target target = Target.of(name, folder);
    List<Path> seeds = target.corpus(".json");
    assertFalse(seeds.isEmpty());
    for (Path seed : seeds) {
      byte[] file = target.fromJson(Files.readAllBytes(seed), new Choices(new byte[0]));
      assertTrue(target.accepts(file), seed::toString);
    }
    for (Path finding : target.corpus(".bin")) {
      target.accepts(Files.readAllBytes(finding));
    }
  }

  @ParameterizedTest
  @MethodSource("names")
  void changedSeedsAreReadOrRefused(String name) throws IOException {
    if (!TARGET.equals("all") && !TARGET.equals(name)) {
      return; // another one alone was asked for
    }
    Target target = Target.of(name, folder);
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    int accepted = 0;
    int inputs = name.equals("forward") ? INPUTS / 4 : INPUTS; // it loads a model for each
    for (int seed = 0; seed < inputs; seed++) {
      Random random = new Random(seed);
      byte[] input = new byte[2 + random.nextInt(60)];
      random.nextBytes(input);
      byte[] file = target.file(input);
      long before = threads.getCurrentThreadAllocatedBytes();
      try {
        accepted += target.accepts(file) ? 1 : 0;
      } catch (Throwable t) {
        Path saved = Files.write(Path.of("target", "fuzz-" + name + "-" + seed + ".bin"), file);
        throw new AssertionError(name + ", seed " + seed + ", saved to " + saved, t);
      }
      long allocated = threads.getCurrentThreadAllocatedBytes() - before;
      long most = target.mostAllocated(file.length);
      int number = seed;
      assertTrue(
          allocated <= most,
          () -> "%s, seed %d: %d bytes for %d".formatted(name, number, allocated, file.length));
    }
    int most = accepted;
    // that of forward holds numbers as well, and few changes leave them all in range
    assertTrue((most > 0 || name.equals("forward")) && most < inputs, () -> most + " accepted");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void jazzerFindsNothing() throws Exception {
    Path corpus = Files.createDirectories(folder.resolve("corpus"));
    List<String> program =
        List.of(
            "com.code_intelligence.jazzer.Jazzer",
            "--target_class=" + JazzerTarget.class.getName(),
            "--target_args=" + TARGET,
            "--instrumentation_includes=org.graniteffm.runtime.**:com.fasterxml.jackson.core.**",
            "--instrumentation_excludes=org.graniteffm.runtime.fuzz.**",
            "-max_total_time=" + SECONDS,
            "-seed=" + SEED,
            "-timeout=600",
            "-rss_limit_mb=0",
            "-max_len=512",
            "--reproducer_path=" + Path.of("target").toAbsolutePath(),
            "-artifact_prefix=" + Path.of("target").toAbsolutePath() + "/jazzer-",
            corpus.toString());
    List<String> options =
        List.of(
            "-Xmx1g", "-XX:+EnableDynamicAgentLoading", "--sun-misc-unsafe-memory-access=allow");
    Path log = Path.of("target", "jazzer.log");
    Process jazzer = ForkedJvm.of(options, program).redirectOutput(log.toFile()).start();
    try {
      assertTrue(jazzer.waitFor(SECONDS + 900L, TimeUnit.SECONDS), "does not end");
    } finally {
      jazzer.destroyForcibly();
    }
    String said = Files.readString(log, StandardCharsets.ISO_8859_1);
    assertEquals(0, jazzer.exitValue(), said);
    assertTrue(said.contains("Done "), said);
  }
}
