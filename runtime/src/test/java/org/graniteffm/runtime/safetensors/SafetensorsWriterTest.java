package org.graniteffm.runtime.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;

final class SafetensorsWriterTest {
  @TempDir Path folder;
  private final Arena arena = Arena.ofConfined();
  private Path file;

  @BeforeEach
  void name() {
    file = folder.resolve("out.safetensors");
  }

  @AfterEach
  void close() {
    arena.close();
  }

  private Tensor random(DType dtype, Random random, long... shape) {
    byte[] bytes = new byte[(int) Tensor.byteSize(dtype, shape)];
    random.nextBytes(bytes);
    MemorySegment segment = arena.allocate(bytes.length);
    MemorySegment.copy(bytes, 0, segment, ValueLayout.JAVA_BYTE, 0, bytes.length);
    return Tensor.of(segment, dtype, shape);
  }

  private SafetensorsFile written(Map<String, Tensor> tensors) throws IOException {
    return written(tensors, Map.of());
  }

  private SafetensorsFile written(Map<String, Tensor> tensors, Map<String, String> metadata)
      throws IOException {
    SafetensorsWriter.write(file, tensors, metadata);
    return SafetensorsFile.open(file, arena);
  }

  private List<String> filesInFolder() throws IOException {
    try (var paths = Files.list(folder)) {
      return paths.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void everyTypeRoundTripsInTheMapsOrder() throws IOException {
    Random random = new Random(1);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    for (DType dtype : DType.values()) {
      tensors.put("t." + dtype, random(dtype, random, 1 + random.nextInt(5), 3));
    }
    SafetensorsFile back = written(tensors);
    assertEquals(List.copyOf(tensors.keySet()), List.copyOf(back.tensors().keySet()));
    tensors.forEach((name, tensor) -> {
      Tensor found = back.tensors().get(name);
      assertEquals(tensor.dtype(), found.dtype());
      assertArrayEquals(tensor.shape(), found.shape());
      assertEquals(-1, tensor.segment().mismatch(found.segment()), name);
    });
  }

  @Test
  void everyTensorIsAlignedToItsElements() throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("bytes", random(DType.U8, new Random(2), 3));
    tensors.put("shorts", random(DType.BF16, new Random(2), 5));
    tensors.put("longs", random(DType.I64, new Random(2), 1));
    tensors.put("floats", random(DType.F32, new Random(2), 7));
    for (Tensor tensor : written(tensors).tensors().values()) {
      assertEquals(0, tensor.segment().address() % tensor.dtype().byteSize(), tensor::toString);
    }
  }

  @Test
  void headerIsTheFormatsOwnText() throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("b", random(DType.U8, new Random(3), 2));
    tensors.put("a", random(DType.F32, new Random(3)));
    SafetensorsWriter.write(file, tensors, Map.of("format", "pt"));
    ByteBuffer bytes = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    int length = (int) bytes.getLong(0);
    assertEquals(0, length % 8);
    assertEquals(8 + length + 6, bytes.capacity());
    assertEquals(
        "{\"__metadata__\":{\"format\":\"pt\"},"
            + "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[4,6]},"
            + "\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4]}}",
        new String(bytes.array(), 8, length, StandardCharsets.UTF_8).stripTrailing());
  }

  @Test
  void nothingAtAllIsAFileToo() throws IOException {
    assertTrue(written(Map.of()).tensors().isEmpty());
    assertEquals(16, Files.size(file));
  }

  @Test
  void namesAndMetadataOfAnyTextRoundTrip() throws IOException {
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    Map<String, String> metadata = new LinkedHashMap<>();
    for (String text :
        List.of("", "\"", "\\", "\n\r\t\0\u001f\u007f", "\u2028", "ä€", "😀", "{}", "\ufeff")) {
      tensors.put(text, random(DType.U8, new Random(4), 2));
      metadata.put(text, text);
    }
    SafetensorsFile back = written(tensors, metadata);
    assertEquals(tensors.keySet(), back.tensors().keySet());
    assertEquals(metadata, back.metadata());
  }

  @Test
  void stridedTensorsLoseTheirGaps() throws IOException {
    float[] values = new float[4 * 5 * 6];
    for (int i = 0; i < values.length; i++) {
      values[i] = i;
    }
    Tensor whole = Tensor.ofFloats(arena, values, 4, 5, 6);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("planes", whole.slice(0, 1, 3));
    tensors.put("rows", whole.slice(1, 2, 4));
    tensors.put("columns", whole.slice(2, 1, 2));
    tensors.put("corner", whole.slice(0, 1, 4).slice(1, 1, 3).slice(2, 2, 6));
    tensors.put("line", whole.get(3).slice(1, 0, 1));
    tensors.put("one", whole.get(3).get(2).get(1));
    tensors.put("none", whole.slice(1, 2, 2));
    SafetensorsFile back = written(tensors);
    tensors.forEach((name, tensor) -> {
      Tensor found = back.tensors().get(name);
      assertTrue(found.isContiguous());
      assertArrayEquals(tensor.shape(), found.shape(), name);
      assertArrayEquals(tensor.toFloatArray(), found.toFloatArray(), name);
    });
  }

  @Test
  void tensorsLargerThanTheBufferRoundTrip() throws IOException {
    Random random = new Random(5);
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("large", random(DType.U8, random, 2_500_001));
    tensors.put("wide", random(DType.U8, random, 3, 1_000_003).slice(1, 1, 1_000_000));
    SafetensorsFile back = written(tensors);
    assertEquals(
        -1, tensors.get("large").segment().mismatch(back.tensors().get("large").segment()));
    for (int row = 0; row < 3; row++) {
      assertEquals(
          -1,
          tensors
              .get("wide")
              .get(row)
              .segment()
              .mismatch(back.tensors().get("wide").get(row).segment()));
    }
  }

  @Test
  void tensorsInArraysAreWritten() throws IOException {
    Tensor onHeap = Tensor.of(MemorySegment.ofArray(new float[] {1, 2, 3}), DType.F32, 3);
    assertArrayEquals(
        new float[] {1, 2, 3}, written(Map.of("w", onHeap)).tensors().get("w").toFloatArray());
  }

  @Test
  void aFileMayBeWrittenOverTheOneItsTensorsAreMappedFrom() throws IOException {
    Tensor old = written(Map.of("w", random(DType.U8, new Random(6), 100))).tensors().get("w");
    byte[] before = old.segment().toArray(ValueLayout.JAVA_BYTE);
    Tensor half = old.slice(0, 50, 100);
    Tensor found = written(Map.of("w", half)).tensors().get("w");
    assertEquals(-1, half.segment().mismatch(found.segment()));
    assertArrayEquals(before, old.segment().toArray(ValueLayout.JAVA_BYTE), "the old mapping");
  }

  @Test
  void linkAtTheTargetIsReplacedNotFollowed() throws IOException {
    Path blob = Files.writeString(folder.resolve("blob"), "precious");
    Files.createSymbolicLink(file, blob);
    written(Map.of());
    assertFalse(Files.isSymbolicLink(file));
    assertEquals("precious", Files.readString(blob));
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void permissionsAreThoseOfAnyNewFile() throws IOException {
    Path plain = Files.createFile(folder.resolve("plain"));
    written(Map.of());
    assertEquals(Files.getPosixFilePermissions(plain), Files.getPosixFilePermissions(file));
  }

  @Test
  void failureInTheMiddleLeavesTheOldFileAndNoOther() throws IOException {
    Files.writeString(file, "old");
    Tensor gone;
    try (Arena closed = Arena.ofConfined()) {
      gone = Tensor.allocate(closed, DType.U8, 4);
    }
    Map<String, Tensor> tensors = new LinkedHashMap<>();
    tensors.put("fine", random(DType.U8, new Random(7), 3_000_000));
    tensors.put("gone", gone);
    assertThrows(
        IllegalStateException.class, () -> SafetensorsWriter.write(file, tensors, Map.of()));
    assertEquals("old", Files.readString(file));
    assertEquals(List.of("out.safetensors"), filesInFolder());
  }

  @Test
  void interruptLeavesTheOldFileAndNoOther() throws IOException {
    Files.writeString(file, "old");
    Map<String, Tensor> tensors = Map.of("w", random(DType.U8, new Random(8), 10));
    Thread.currentThread().interrupt();
    try {
      assertThrows(
          ClosedByInterruptException.class, () -> SafetensorsWriter.write(file, tensors, Map.of()));
    } finally {
      assertTrue(Thread.interrupted());
    }
    assertEquals("old", Files.readString(file));
    assertEquals(List.of("out.safetensors"), filesInFolder());
  }

  @Test
  void folderAtTheTargetIsRefused() throws IOException {
    Files.createDirectory(file);
    assertThrows(
        FileAlreadyExistsException.class, () -> SafetensorsWriter.write(file, Map.of(), Map.of()));
    assertEquals(List.of("out.safetensors"), filesInFolder());
  }

  @Test
  void missingFolderIsAnIoException() {
    Path nowhere = folder.resolve("none").resolve("out.safetensors");
    assertThrows(
        NoSuchFileException.class, () -> SafetensorsWriter.write(nowhere, Map.of(), Map.of()));
  }

  @Test
  void whatOurReaderWouldRefuseIsNotWritten() throws IOException {
    Tensor w = Tensor.allocate(arena, DType.U8, 1);
    long[] rank33 = new long[33];
    assertRefused("__metadata__", Map.of("__metadata__", w), Map.of());
    assertRefused("surrogate", Map.of("a\ud800", w), Map.of());
    assertRefused("65537", Map.of("x".repeat(65_537), w), Map.of());
    assertRefused("33", Map.of("w", Tensor.allocate(arena, DType.U8, rank33)), Map.of());
    assertRefused("metadata", Map.of(), Map.of("\udc00", ""));
    assertRefused("metadata", Map.of(), Map.of("a", "\udc00\ud800"));
    assertEquals(List.of(), filesInFolder());
  }

  private void assertRefused(
      String said, Map<String, Tensor> tensors, Map<String, String> metadata) {
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class, () -> SafetensorsWriter.write(file, tensors, metadata));
    assertTrue(e.getMessage().contains(said), e::getMessage);
  }
}
