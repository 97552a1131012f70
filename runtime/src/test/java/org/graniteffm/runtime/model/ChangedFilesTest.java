package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.logging.Handler;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.safetensors.FileAccess;
import org.graniteffm.runtime.safetensors.SafetensorsFile;
import org.graniteffm.runtime.safetensors.SafetensorsWriter;
import org.graniteffm.runtime.tensor.Tensor;
import org.graniteffm.runtime.verify.GoldenFolders;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

/** What becomes of a model whose files change while it is open. */
class ChangedFilesTest {
  private static final int[] IDS = {5, 17, 3, 60, 41, 8, 2, 90};

  @TempDir private Path temporary;
  private Path folder;
  private Path weights;

  private final List<String> warnings = new ArrayList<>();
  private final Logger logger = Logger.getLogger("org.graniteffm.runtime.safetensors");
  private final Handler handler =
      new Handler() {
        @Override
        public void publish(LogRecord entry) {
          warnings.add(entry.getLevel() + " " + entry.getParameters()[0]);
        }

        @Override
        public void flush() {}

        @Override
        public void close() {}
      };

  @BeforeEach
  void copyModel() throws IOException {
    folder = GoldenFolders.copy("granite_gqa_bf16", temporary);
    weights = folder.resolve("model.safetensors");
    logger.addHandler(handler);
    logger.setUseParentHandlers(false);
  }

  @AfterEach
  void stopListening() {
    logger.removeHandler(handler);
    logger.setUseParentHandlers(true);
  }

  private GraniteForCausalLM load(FileAccess access) throws IOException {
    return GraniteForCausalLM.load(folder, LoadOptions.defaults().with(access));
  }

  private static float[] logits(GraniteForCausalLM model) {
    try (ForwardOutput output = model.forward(ForwardInput.ofIds(IDS).build())) {
      return output.logits().toFloatArray();
    }
  }

  private void cut() throws IOException {
    try (FileChannel channel = FileChannel.open(weights, StandardOpenOption.WRITE)) {
      channel.truncate(8192);
    }
  }

  private void refused(UncheckedIOException e) {
    assertInstanceOf(ModelFormatException.class, e.getCause());
    assertTrue(e.getMessage().startsWith(weights + ": "), e::getMessage);
    assertTrue(e.getMessage().contains("cut short"), e::getMessage);
    assertEquals(1, e.getMessage().lines().count());
  }

  @Test
  void cutFileIsRefusedInsteadOfRead() throws IOException {
    GenerationConfig config = GenerationConfig.builder().maxNewTokens(3).build();
    try (GraniteForCausalLM model = load(FileAccess.MAPPED);
        Generator generator = new Generator(model);
        Session session = model.newSession();
        KvCache cache = model.newCache(1, 8)) {
      logits(model);
      cut();
      refused(assertThrows(UncheckedIOException.class, () -> logits(model)));
      refused(
          assertThrows(
              UncheckedIOException.class, () -> generator.generate(IDS, config, (_, _) -> true)));
      refused(
          assertThrows(
              UncheckedIOException.class,
              () -> session.nextLogits(cache, IDS, IDS.length, null, null, 0)));
      refused(
          assertThrows(UncheckedIOException.class, () -> session.negativeLogLikelihoods(IDS, 1)));
      assertThrows(
          ModelFormatException.class,
          () -> model.save(temporary.resolve("out"), SaveOptions.defaults()));
      assertFalse(Files.exists(temporary.resolve("out")));
    }
  }

  @Test
  void rewrittenFileIsReportedOnce() throws IOException {
    try (GraniteForCausalLM model = load(FileAccess.MAPPED)) {
      float[] before = logits(model);
      assertEquals(List.of(), warnings);
      Files.setLastModifiedTime(weights, FileTime.fromMillis(0));
      assertArrayEquals(before, logits(model));
      logits(model);
      assertEquals(List.of("WARNING " + weights), warnings);
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void replacedOrDeletedFileGoesOnAsItWas() throws IOException {
    try (GraniteForCausalLM model = load(FileAccess.MAPPED)) {
      float[] before = logits(model);
      Path other = Files.write(temporary.resolve("other"), new byte[100]);
      Files.move(other, weights, StandardCopyOption.REPLACE_EXISTING);
      assertArrayEquals(before, logits(model));
      Files.delete(weights);
      assertArrayEquals(before, logits(model));
      assertEquals(List.of(), warnings);
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void linkThatLeadsElsewhereHidesNoCut() throws IOException {
    Path blob = Files.move(weights, temporary.resolve("blob"));
    Files.createSymbolicLink(weights, blob);
    try (GraniteForCausalLM model = load(FileAccess.MAPPED)) {
      Files.delete(weights);
      Files.createSymbolicLink(weights, temporary.resolve("next"));
      logits(model);
      try (FileChannel channel = FileChannel.open(blob, StandardOpenOption.WRITE)) {
        channel.truncate(8192);
      }
      assertThrows(UncheckedIOException.class, () -> logits(model));
    }
  }

  @Test
  void copyDoesNotDependOnTheFile() throws IOException {
    float[] expected;
    try (GraniteForCausalLM model = load(FileAccess.MAPPED)) {
      expected = logits(model);
    }
    try (GraniteForCausalLM model = load(FileAccess.COPIED)) {
      cut();
      assertArrayEquals(expected, logits(model));
      Files.write(weights, new byte[300_000]);
      assertArrayEquals(expected, logits(model));
      Files.delete(weights);
      assertArrayEquals(expected, logits(model));
      assertEquals(List.of(), warnings);
    }
  }

  private List<Integer> generated(FileAccess access) throws IOException {
    GenerationConfig config = GenerationConfig.builder().maxNewTokens(5).build();
    try (GraniteForCausalLM model = load(access);
        Generator generator = new Generator(model)) {
      return generator.generate(IDS, config, (_, _) -> true).sequences().getFirst().ids();
    }
  }

  @Test
  void generationIsTheSameMappedAndCopied() throws IOException {
    assertEquals(generated(FileAccess.MAPPED), generated(FileAccess.COPIED));
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void readingBehindTheNewEndNamesTheFile() throws IOException {
    try (GraniteForCausalLM model = load(FileAccess.MAPPED)) {
      Tensor last =
          model.checkpoint().names().stream()
              .map(model.checkpoint()::find)
              .filter(tensor -> tensor.rank() == 2)
              .reduce((a, b) -> a.segment().address() > b.segment().address() ? a : b)
              .orElseThrow();
      for (int i = 0; i < 20_000; i++) { // until it is compiled
        last.getFloat(i % last.size(0), 0);
      }
      cut();
      long end = last.size(0) - 1;
      assertNames(() -> last.getFloat(end, 0));
      assertNames(last::toFloatArray);
      assertNames(last.get(end)::toFloatArray);
      assertNames(last.slice(1, 1, 2)::toFloatArray);
      IOException e =
          assertThrows(
              ModelFormatException.class,
              () -> SafetensorsWriter.write(temporary.resolve("out"), Map.of("w", last), Map.of()));
      assertTrue(e.getMessage().startsWith(weights + ": "), e::getMessage);
      assertFalse(Files.exists(temporary.resolve("out")));
    }
  }

  private interface Reading {
    void run();
  }

  private void assertNames(Reading reading) {
    UncheckedIOException e = assertThrows(UncheckedIOException.class, reading::run);
    assertTrue(e.getMessage().startsWith(weights + ": was cut short"), e::getMessage);
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void integersBehindTheNewEndNameTheFile() throws IOException {
    Path file = temporary.resolve("ids.safetensors");
    int count = 10_000;
    try (Arena arena = Arena.ofShared()) {
      Tensor ids = Tensor.ofLongs(arena, new long[count], count);
      SafetensorsWriter.write(file, Map.of("ids", ids), Map.of());
      Tensor mapped = SafetensorsFile.open(file, arena).tensors().get("ids");
      try (FileChannel channel = FileChannel.open(file, StandardOpenOption.WRITE)) {
        channel.write(ByteBuffer.allocate(1), 0); // the header is not read again
        channel.truncate(4096);
      }
      weights = file;
      assertNames(() -> mapped.getLong(count - 1));
      assertNames(mapped::toLongArray);
    }
  }
}
