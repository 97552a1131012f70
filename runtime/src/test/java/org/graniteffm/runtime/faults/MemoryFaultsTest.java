package org.graniteffm.runtime.faults;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.GenerationHooks;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.model.ForwardInput;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.KvCache;
import org.graniteffm.runtime.model.LoadOptions;
import org.graniteffm.runtime.model.Session;
import org.graniteffm.runtime.safetensors.FileAccess;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.NativeMemory;
import org.graniteffm.runtime.verify.GoldenFolders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Native memory that ends at one allocation after the other, and a heap too small for a file. */
class MemoryFaultsTest {
  private static final Path MODEL =
      GoldenFolders.bundled().resolve("granitemoeshared_with_shared_mlp");
  private static final int[] IDS = {5, 17, 3, 60, 41, 8, 2, 90};

  @TempDir private Path folder;

  private interface Operation {
    void run() throws IOException;
  }

  /**
   * Runs something with ever more memory, until it gets by; each time before, it must have freed
   * what it had. Returns how often that was.
   */
  private static int failEach(Operation operation) throws IOException {
    long before = NativeMemory.inUse();
    long limit = NativeMemory.limit();
    try {
      NativeMemory.setLimit(before);
      for (int failures = 0; ; failures++) {
        try {
          operation.run();
          return failures;
        } catch (InsufficientMemoryException e) {
          assertEquals(before, NativeMemory.inUse(), e::getMessage);
          assertEquals(1, e.getMessage().lines().count());
          Matcher refusal =
              Pattern.compile(".*cannot have (\\d+) bytes: (\\d+) of at most (\\d+) are in use")
                  .matcher(e.getMessage());
          assertTrue(refusal.matches(), e::getMessage);
          long next = Long.parseLong(refusal.group(1)) + Long.parseLong(refusal.group(2));
          assertTrue(next > NativeMemory.limit(), e::getMessage);
          NativeMemory.setLimit(next);
        }
      }
    } finally {
      NativeMemory.setLimit(limit);
    }
  }

  @Test
  void copyOfAModelThatFindsNoMemoryIsRefused() throws IOException {
    int failures =
        failEach(() ->
            GraniteForCausalLM.load(MODEL, LoadOptions.defaults().with(FileAccess.COPIED)).close());
    assertTrue(failures > 5, failures + " failures"); // the file, and each vector
  }

  @Test
  void forwardPassThatFindsNoMemoryIsRefusedAndTheCacheStaysAsItWas() throws IOException {
    try (GraniteForCausalLM model = GraniteForCausalLM.load(MODEL);
        KvCache cache = model.newCache(1, 0)) {
      ForwardInput input =
          ForwardInput.ofIds(IDS)
              .attentionMask(new int[][] {{1, 1, 1, 1, 1, 1, 1, 1}})
              .outputHiddenStates(true)
              .outputAttentions(true)
              .outputRouterLogits(true)
              .useCache(true)
              .build();
      int failures = failEach(() -> model.forward(input).close());
      assertTrue(failures > 10, failures + " failures");
      try (Session session = model.newSession()) {
        NativeMemory.setLimit(NativeMemory.inUse());
        assertThrows(
            InsufficientMemoryException.class,
            () -> session.nextLogits(cache, IDS, IDS.length, null, null, 0));
        assertEquals(0, cache.length());
        NativeMemory.setLimit(Long.MAX_VALUE);
        session.nextLogits(cache, IDS, IDS.length, null, null, 0); // goes on
        assertEquals(IDS.length, cache.length());
      }
    }
  }

  @Test
  void generationThatFindsNoMemoryIsRefused() throws IOException {
    GenerationConfig beams = GenerationConfig.builder().numBeams(2).maxNewTokens(3).build();
    int[][] ids = {IDS, IDS};
    int[][] mask = {{0, 1, 1, 1, 1, 1, 1, 1}, {1, 1, 1, 1, 1, 1, 1, 1}};
    try (GraniteForCausalLM model = GraniteForCausalLM.load(MODEL)) {
      int failures =
          failEach(() -> {
            try (Generator generator = new Generator(model)) {
              generator.generate(
                  ids, mask, beams, GenerationHooks.NONE, (_, _) -> true, () -> false);
            }
          });
      assertTrue(failures > 5, failures + " failures");
    }
  }

  @Test
  void randomModelThatFindsNoMemoryIsRefused() throws IOException {
    GraniteConfig config = GraniteConfig.load(MODEL);
    int failures = failEach(() -> GraniteForCausalLM.random(config, DType.F32, 1).close());
    assertTrue(failures > 5, failures + " failures");
  }

  @Test
  void whatTheSystemDoesNotHaveIsRefusedWithTheBytes() {
    InsufficientMemoryException e =
        assertThrows(
            InsufficientMemoryException.class, () -> NativeMemory.check(1L << 50, "a trial"));
    assertTrue(
        e.getMessage().startsWith("a trial: cannot have 1125899906842624 bytes: the system has"),
        e::getMessage);
    assertTrue(NativeMemory.available() > 0 && NativeMemory.available() < 1L << 50);
    assertThrows(IllegalArgumentException.class, () -> NativeMemory.setLimit(-1));
  }

  @Test
  void heapThatIsTooSmallForAFileIsRefused() throws Exception {
    Path single = Files.createDirectory(folder.resolve("single"));
    ByteBuffer prefix = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
    try (OutputStream out = Files.newOutputStream(single.resolve("model.safetensors"))) {
      String end = "\"z\":\"\"}}";
      long length = 17 + 500_000 * 17L + end.length();
      out.write(prefix.putLong(length).array());
      write(out, "{\"__metadata__\":{", "\"%08d\":\"abc\",", 500_000, end);
    }
    Path sharded = Files.createDirectory(folder.resolve("sharded"));
    try (OutputStream out =
        Files.newOutputStream(sharded.resolve("model.safetensors.index.json"))) {
      write(out, "{\"weight_map\":{", "\"%08d\":\"a\",", 500_000, "\"z\":\"a\"}}");
    }
    Path tokenizer = folder.resolve("tokenizer.json");
    try (OutputStream out = Files.newOutputStream(tokenizer)) {
      write(out, "{\"model\":{\"type\":\"BPE\",\"vocab\":{", "\"t%1$08d\":%1$d,", 500_000, "}}}");
    }
    List<String> program =
        List.of(
            SmallHeap.class.getName(), single.toString(), sharded.toString(), tokenizer.toString());
    Process process = ForkedJvm.of(List.of("-Xmx24m"), program).start();
    try {
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertEquals(0, process.waitFor(), said);
      assertEquals(4, said.lines().count(), said);
      assertTrue(said.contains("all refused in order"), said);
    } finally {
      process.destroyForcibly();
    }
  }

  /** To go on without the limit that somebody meant to set would be a guess. */
  @ParameterizedTest
  @ValueSource(strings = {"", "-1", "4g"})
  void limitThatIsNoNumberIsRefused(String limit) throws Exception {
    List<String> program =
        List.of("org.graniteffm.runtime.cli.Main", "run", "--max-new-tokens", "1", "Once");
    Process process = ForkedJvm.of(List.of("-Dgranite.memory.limit=" + limit), program).start();
    try {
      String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertEquals(1, process.waitFor(), said);
      String reason = "granite.memory.limit: expected a number of bytes, found \"" + limit + '"';
      assertTrue(said.contains("granite: " + reason), said);
    } finally {
      process.destroyForcibly();
    }
  }

  private static void write(OutputStream out, String start, String entry, int count, String end)
      throws IOException {
    StringBuilder text = new StringBuilder(start);
    for (int i = 0; i < count; i++) {
      text.append(entry.formatted(i));
    }
    out.write(text.append(end).toString().getBytes(StandardCharsets.US_ASCII));
  }
}
