package org.graniteffm.runtime.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

final class CheckpointTest {
  private static final String SINGLE = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";

  @TempDir Path folder;

  private void index(String weightMap) throws IOException {
    Files.writeString(
        folder.resolve(INDEX),
        "{\"metadata\":{\"total_size\":1e3},\"weight_map\":%s}"
            .formatted(weightMap.replace('\'', '"')));
  }

  private Path shard(String file, String tensor, int size) throws IOException {
    return TestFiles.writeBytes(folder.resolve(file), tensor, size);
  }

  /** Tensor a in 2.safetensors, b in 1.safetensors. */
  private void twoShards() throws IOException {
    index("{'a':'2.safetensors','b':'1.safetensors'}");
    shard("2.safetensors", "a", 3);
    shard("1.safetensors", "b", 5);
  }

  private <E extends IOException> void assertRefused(Class<E> kind, String... said) {
    E e = assertThrows(kind, () -> Checkpoint.open(folder).close());
    for (String part : said) {
      assertTrue(e.getMessage().contains(part), () -> part + " is not in: " + e.getMessage());
    }
    assertEquals(1, e.getMessage().lines().count(), e::getMessage);
  }

  @Test
  void singleFileIsACheckpoint() throws IOException {
    shard(SINGLE, "w", 4);
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertEquals(folder, checkpoint.directory());
      assertEquals(List.of(folder.resolve(SINGLE)), checkpoint.files());
      assertEquals(List.of("w"), List.copyOf(checkpoint.names()));
      assertEquals(SINGLE, checkpoint.fileOf("w"));
      assertEquals(4, checkpoint.byteSize());
      assertArrayEquals(new long[] {0, 1, 2, 3}, checkpoint.find("w").toLongArray());
      assertEquals(List.of(), checkpoint.rewrittenFiles());
    }
  }

  @Test
  void shardsAreOneCheckpoint() throws IOException {
    twoShards();
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertEquals(
          List.of(folder.resolve("1.safetensors"), folder.resolve("2.safetensors")),
          checkpoint.files());
      assertEquals(List.of("b", "a"), List.copyOf(checkpoint.names()));
      assertEquals("2.safetensors", checkpoint.fileOf("a"));
      assertEquals(8, checkpoint.byteSize());
      assertEquals(3, checkpoint.find("a").elementCount());
      assertEquals(5, checkpoint.find("b").elementCount());
    }
  }

  @ParameterizedTest
  @EnumSource
  void openingIsToldFileByFile(FileAccess access) throws IOException {
    twoShards();
    long first = Files.size(folder.resolve("1.safetensors"));
    long total = first + Files.size(folder.resolve("2.safetensors"));
    List<Long> told = new ArrayList<>();
    LoadListener listener =
        (bytes, totalBytes) -> {
          told.add(bytes);
          assertEquals(total, totalBytes);
        };
    Checkpoint.open(folder, access, listener).close();
    assertEquals(List.of(first - 5, first, total - 3, total), told);
  }

  @ParameterizedTest
  @EnumSource
  @EnabledOnOs(OS.LINUX)
  void exceptionOfAListenerLeavesNothingOpen(FileAccess access) throws IOException {
    twoShards();
    LoadListener listener =
        (bytes, totalBytes) -> {
          if (bytes == totalBytes) {
            throw new ArithmeticException();
          }
        };
    assertThrows(ArithmeticException.class, () -> Checkpoint.open(folder, access, listener));
    assertEquals(List.of(), OpenFiles.below(folder));
  }

  @Test
  void singleFileGoesBeforeAnIndex() throws IOException {
    twoShards();
    shard(SINGLE, "w", 1);
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertEquals(List.of("w"), List.copyOf(checkpoint.names()));
    }
  }

  @Test
  void absentTensorIsNullOrRefusedByName() throws IOException {
    shard(SINGLE, "w", 1);
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertNull(checkpoint.find("v"));
      assertNull(checkpoint.fileOf("v"));
      ModelFormatException e =
          assertThrows(ModelFormatException.class, () -> checkpoint.require("v\n", 2, 3));
      assertEquals(
          folder + ": tensor \"v\\u000a\": expected with shape [2, 3], found none of that name",
          e.getMessage());
    }
  }

  @Test
  void requiredTensorHasTheShapeAndAWeightType() throws IOException {
    String header =
        "{%s,%s}"
            .formatted(
                TestFiles.entry("bf16", "BF16", "[2,1]", 0, 4),
                TestFiles.entry("i64", "I64", "[1]", 4, 12));
    Path file = TestFiles.write(folder.resolve(SINGLE), header, 12);
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertArrayEquals(new long[] {2, 1}, checkpoint.require("bf16", 2, 1).shape());
      ModelFormatException shape =
          assertThrows(ModelFormatException.class, () -> checkpoint.require("bf16", 1, 2));
      assertEquals(
          file + ": tensor \"bf16\": shape: expected [1, 2], found [2, 1]", shape.getMessage());
      assertThrows(ModelFormatException.class, () -> checkpoint.require("bf16"));
      UnsupportedModelException dtype =
          assertThrows(UnsupportedModelException.class, () -> checkpoint.require("i64", 1));
      assertTrue(dtype.getMessage().contains("I64"), dtype::getMessage);
      assertTrue(dtype.getMessage().contains("F32, F16, BF16"), dtype::getMessage);
    }
  }

  @Test
  void closingTwiceIsHarmlessAndTensorsEnd() throws IOException {
    shard(SINGLE, "w", 1);
    Checkpoint checkpoint = Checkpoint.open(folder);
    Tensor w = checkpoint.find("w");
    assertFalse(checkpoint.isClosed());
    checkpoint.close();
    checkpoint.close();
    assertTrue(checkpoint.isClosed());
    assertThrows(IllegalStateException.class, () -> w.segment().get(ValueLayout.JAVA_BYTE, 0));
    ClosedException e = assertThrows(ClosedException.class, () -> checkpoint.find("w"));
    assertTrue(e.getMessage().contains(folder.toString()), e::getMessage);
    assertThrows(ClosedException.class, () -> checkpoint.require("w", 1));
    assertThrows(ClosedException.class, () -> w.getLong(0));
    assertThrows(ClosedException.class, w::toLongArray);
  }

  @Test
  void ownersOfTheSameTensorsCloseInAnyOrder() throws IOException {
    shard(SINGLE, "w", 1);
    Checkpoint first = Checkpoint.open(folder);
    Checkpoint second = first.share();
    Checkpoint third = second.share();
    Tensor w = third.find("w");
    first.close();
    assertThrows(ClosedException.class, first::share);
    assertThrows(ClosedException.class, () -> first.find("w"));
    assertEquals(w, second.find("w"));
    second.close();
    second.close();
    w.getLong(0);
    third.close();
    assertThrows(ClosedException.class, () -> w.getLong(0));
  }

  @Test
  void anotherThreadMayReadAndClose() throws Exception {
    shard(SINGLE, "w", 1);
    Checkpoint checkpoint = Checkpoint.open(folder);
    Thread thread =
        new Thread(() -> {
          checkpoint.find("w").getLong(0);
          checkpoint.close();
        });
    thread.start();
    thread.join();
    assertTrue(checkpoint.isClosed());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        ".",
        "..",
        "../x",
        "../1.safetensors",
        "/etc/passwd",
        "sub/1.safetensors",
        "./1",
        "1.safetensors/",
        "a\\\\b",
        "C:1",
        "a..b",
        "1.safetensors\\u0000",
        "\\u0000"
      })
  void shardNameThatIsNoPlainFileNameIsRefused(String name) throws IOException {
    twoShards();
    index("{'a':'2.safetensors','b':'" + name + "'}");
    assertRefused(ModelFormatException.class, INDEX, "weight_map", "\"b\"", "plain name");
  }

  @ParameterizedTest
  @ValueSource(strings = {"null", "[]", "'x'", "{}"})
  void weightMapMustMapSomething(String weightMap) throws IOException {
    index(weightMap);
    assertRefused(ModelFormatException.class, INDEX, "weight_map");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{'a':1}", "{'a':null}", "{'a':['1.safetensors']}"})
  void weightMapMustMapToNames(String weightMap) throws IOException {
    index(weightMap);
    assertRefused(ModelFormatException.class, INDEX, "weight_map", "\"a\"", "expected a file name");
  }

  @Test
  void indexWithoutWeightMapIsRefused() throws IOException {
    Files.writeString(folder.resolve(INDEX), "{}");
    assertRefused(ModelFormatException.class, INDEX, "weight_map");
  }

  @Test
  void tensorListedTwiceIsRefused() throws IOException {
    twoShards();
    index("{'a':'2.safetensors','b':'1.safetensors','a':'1.safetensors'}");
    assertRefused(ModelFormatException.class, INDEX);
  }

  @Test
  void tensorMissingFromItsShardIsRefused() throws IOException {
    twoShards();
    index("{'a':'2.safetensors','b':'1.safetensors','c':'1.safetensors'}");
    assertRefused(ModelFormatException.class, INDEX, "\"c\"", "not in \"1.safetensors\"");
  }

  @Test
  void tensorInAnotherShardThanListedIsRefused() throws IOException {
    twoShards();
    index("{'a':'1.safetensors','b':'2.safetensors'}");
    assertRefused(ModelFormatException.class, INDEX, "\"b\"", "\"1.safetensors\"");
  }

  @Test
  void tensorInTwoShardsIsRefused() throws IOException {
    twoShards();
    String both =
        "{%s,%s}"
            .formatted(
                TestFiles.entry("a", "U8", "[1]", 0, 1), TestFiles.entry("b", "U8", "[1]", 1, 2));
    TestFiles.write(folder.resolve("1.safetensors"), both, 2);
    assertRefused(ModelFormatException.class, INDEX, "\"a\"", "\"1.safetensors\"");
  }

  @Test
  void tensorThatIsNotListedIsRefused() throws IOException {
    twoShards();
    index("{'b':'1.safetensors','c':'2.safetensors'}");
    assertRefused(ModelFormatException.class, INDEX, "\"a\"", "no entry");
  }

  @Test
  void missingShardIsNamed() throws IOException {
    twoShards();
    Files.delete(folder.resolve("2.safetensors"));
    assertRefused(NoSuchFileException.class, "2.safetensors");
  }

  @Test
  void missingShardWithAHostileNameStaysOnOneLine() throws IOException {
    index("{'a':'x\\ny'}");
    assertRefused(NoSuchFileException.class, "x\\u000ay");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void pipesAreRefusedWithoutWaitingForAWriter() throws Exception {
    twoShards();
    Files.delete(folder.resolve("2.safetensors"));
    TestFiles.pipe(folder.resolve("2.safetensors"));
    assertTimeoutPreemptively(
        Duration.ofSeconds(10),
        () -> assertRefused(ModelFormatException.class, "2.safetensors", "not a regular file"));
    TestFiles.pipe(folder.resolve(SINGLE));
    assertTimeoutPreemptively(
        Duration.ofSeconds(10),
        () -> assertRefused(ModelFormatException.class, SINGLE, "not a regular file"));
  }

  @Test
  void folderInPlaceOfAFileIsRefused() throws IOException {
    Files.createDirectory(folder.resolve(SINGLE));
    assertRefused(ModelFormatException.class, SINGLE, "not a regular file");
  }

  @Test
  void danglingLinkIsNotSkipped() throws IOException {
    twoShards();
    Files.createSymbolicLink(folder.resolve(SINGLE), folder.resolve("evicted"));
    assertRefused(NoSuchFileException.class, SINGLE);
  }

  @Test
  void linksOfAHubCacheAreFollowed(@TempDir Path blobs) throws IOException {
    twoShards();
    Path blob = blobs.resolve("0123abcd");
    Files.move(folder.resolve("2.safetensors"), blob);
    Files.createSymbolicLink(folder.resolve("2.safetensors"), blob);
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      assertEquals("2.safetensors", checkpoint.fileOf("a"));
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"pytorch_model.bin", "pytorch_model.bin.index.json", "x.pth", "x.pt"})
  void pickleFilesAreNamedAndNotRead(String name) throws IOException {
    Files.writeString(folder.resolve(name), "x");
    assertRefused(
        UnsupportedModelException.class, name, "never read", "looked for " + SINGLE, INDEX);
  }

  @Test
  void emptyFolderSaysWhatWasLookedFor() {
    assertRefused(NoSuchFileException.class, folder.toString(), SINGLE, INDEX);
  }

  @Test
  void folderMustBeOne() throws IOException {
    Path file = shard(SINGLE, "w", 1);
    assertThrows(NotDirectoryException.class, () -> Checkpoint.open(file));
    assertThrows(NoSuchFileException.class, () -> Checkpoint.open(folder.resolve("none")));
  }

  @Test
  void cutShardIsAnErrorAndGrownShardIsListed() throws IOException {
    twoShards();
    try (Checkpoint checkpoint = Checkpoint.open(folder)) {
      Path b = folder.resolve("1.safetensors");
      Files.write(b, new byte[1], StandardOpenOption.APPEND);
      assertEquals(List.of(b), checkpoint.rewrittenFiles());
      try (FileChannel channel = FileChannel.open(b, StandardOpenOption.WRITE)) {
        channel.truncate(10);
      }
      ModelFormatException e = assertThrows(ModelFormatException.class, checkpoint::rewrittenFiles);
      assertTrue(e.getMessage().contains("1.safetensors"), e::getMessage);
    }
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void closedCheckpointHoldsNothing() throws IOException {
    twoShards();
    Checkpoint checkpoint = Checkpoint.open(folder);
    assertEquals(2, OpenFiles.below(folder).size(), "two mappings and no open file");
    checkpoint.close();
    assertEquals(List.of(), OpenFiles.below(folder));
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void refusedCheckpointHoldsNothing() throws IOException {
    twoShards();
    shard("3.safetensors", "c", 2);
    index("{'a':'2.safetensors','b':'1.safetensors','c':'3.safetensors'}");
    byte[] good = Files.readAllBytes(folder.resolve("3.safetensors"));
    // The third file fails in one way after another, once two are mapped.
    for (int size = 0; size < good.length; size++) {
      Files.write(folder.resolve("3.safetensors"), Arrays.copyOf(good, size));
      assertRefused(ModelFormatException.class, "3.safetensors");
      assertEquals(List.of(), OpenFiles.below(folder));
    }
    Files.delete(folder.resolve("3.safetensors"));
    assertInstanceOf(
        NoSuchFileException.class,
        assertThrows(IOException.class, () -> Checkpoint.open(folder).close()));
    assertEquals(List.of(), OpenFiles.below(folder));
    shard("3.safetensors", "d", 2);
    assertRefused(ModelFormatException.class, "\"d\"");
    assertEquals(List.of(), OpenFiles.below(folder));
    TestFiles.write(folder.resolve("3.safetensors"), "{}", 0);
    assertRefused(ModelFormatException.class, "\"c\"");
    assertEquals(List.of(), OpenFiles.below(folder));
  }
}
