package org.graniteffm.runtime.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeout;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class SafetensorsFileTest {
  private static final String ONE = "{" + TestFiles.entry("w", "F32", "[2]", 0, 8) + "}";

  @TempDir Path folder;
  private final Arena arena = Arena.ofConfined();

  @AfterEach
  void close() {
    arena.close();
  }

  private Path write(String header, int dataSize) throws IOException {
    return TestFiles.write(folder.resolve("f.safetensors"), header, dataSize);
  }

  private Path write(byte[] bytes) throws IOException {
    return Files.write(folder.resolve("f.safetensors"), bytes);
  }

  private SafetensorsFile open(Path file) throws IOException {
    return SafetensorsFile.open(file, arena);
  }

  private ModelFormatException refused(Path file) {
    return assertThrows(ModelFormatException.class, () -> open(file));
  }

  private static void assertSays(Exception e, String... parts) {
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), () -> part + " is not in: " + e.getMessage());
    }
    assertEquals(1, e.getMessage().lines().count(), e::getMessage);
  }

  @Test
  void tensorsShowTheirOwnBytesInHeaderOrder() throws IOException {
    // b stands first in the header, a first in the data
    String header =
        "{%s, %s}"
            .formatted(
                TestFiles.entry("b", "U8", "[2,2]", 2, 6), TestFiles.entry("a", "I8", "[2]", 0, 2));
    SafetensorsFile file = open(write(header, 6));
    assertEquals(List.of("b", "a"), List.copyOf(file.tensors().keySet()));
    assertArrayEquals(new long[] {2, 3, 4, 5}, file.tensors().get("b").toLongArray());
    assertArrayEquals(new long[] {2, 2}, file.tensors().get("b").shape());
    assertArrayEquals(new long[] {0, 1}, file.tensors().get("a").toLongArray());
    assertEquals(DType.I8, file.tensors().get("a").dtype());
    assertEquals(6, file.byteSize());
    assertEquals(folder.resolve("f.safetensors"), file.path());
    assertEquals(Map.of(), file.metadata());
  }

  @Test
  void metadataIsReadAndIsNoTensor() throws IOException {
    SafetensorsFile file =
        open(write("{\"__metadata__\":{\"format\":\"pt\",\"\":\"\\u00e4\\n\"}}   ", 0));
    assertEquals(Map.of("format", "pt", "", "ä\n"), file.metadata());
    assertTrue(file.tensors().isEmpty());
  }

  @Test
  void fileWithoutTensorsIsLegal() throws IOException {
    assertEquals(0, open(write("{}", 0)).byteSize());
  }

  @Test
  void mapsCannotBeModified() throws IOException {
    SafetensorsFile file = open(write(ONE, 8));
    assertThrows(UnsupportedOperationException.class, () -> file.tensors().clear());
    assertThrows(UnsupportedOperationException.class, () -> file.metadata().put("a", "b"));
  }

  @Test
  void mappingIsReadOnlyAndShowsTheFile() throws IOException {
    Path path = write(ONE, 8);
    Tensor w = open(path).tensors().get("w");
    assertTrue(w.segment().isReadOnly());
    assertTrue(w.segment().isNative());
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      channel.write(ByteBuffer.wrap(new byte[] {77}), channel.size() - 8);
    }
    assertEquals(77, w.segment().get(ValueLayout.JAVA_BYTE, 0), "a copy, not a mapping");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 2, 3, 4, 5, 6, 7})
  void dataMayStartAtAnyByte(int shift) throws IOException {
    String header =
        "{%s,%s}%s"
            .formatted(
                TestFiles.entry("pad", "U8", "[3]", 0, 3),
                TestFiles.entry("w", "F32", "[2]", 3, 11),
                " ".repeat(shift));
    byte[] data =
        ByteBuffer.allocate(11)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putFloat(3, 1.5f)
            .putFloat(7, -2)
            .array();
    byte[] bytes = TestFiles.bytes(header.getBytes(StandardCharsets.UTF_8), data);
    assertArrayEquals(new float[] {1.5f, -2}, open(write(bytes)).tensors().get("w").toFloatArray());
  }

  @Test
  void emptyTensorsAndScalarsAreLegal() throws IOException {
    String header =
        "{%s,%s,%s,%s}"
            .formatted(
                TestFiles.entry("before", "F32", "[0]", 0, 0),
                TestFiles.entry("scalar", "U8", "[]", 0, 1),
                TestFiles.entry("between", "F64", "[4,0,3]", 1, 1),
                TestFiles.entry("last", "U8", "[2]", 1, 3));
    SafetensorsFile file = open(write(header, 3));
    assertEquals(0, file.tensors().get("between").elementCount());
    assertEquals(0, file.tensors().get("scalar").rank());
    assertEquals(0, file.tensors().get("scalar").getLong());
    assertArrayEquals(new long[] {1, 2}, file.tensors().get("last").toLongArray());
  }

  @Test
  void emptyTensorsMayHaveHugeOtherDimensions() throws IOException {
    String shape = "[%1$d,%1$d,0,%1$d]".formatted(Long.MAX_VALUE);
    SafetensorsFile file = open(write("{" + TestFiles.entry("w", "F64", shape, 0, 0) + "}", 0));
    assertEquals(0, file.tensors().get("w").elementCount());
  }

  @Test
  void everyDtypeIsReadByItsName() throws IOException {
    for (DType dtype : DType.values()) {
      int size = 3 * dtype.byteSize();
      String header = "{" + TestFiles.entry("w", dtype.name(), "[3]", 0, size) + "}";
      assertEquals(dtype, open(write(header, size)).tensors().get("w").dtype());
    }
  }

  @Test
  void hundredThousandTensorsOpenQuickly() throws IOException {
    int count = 100_000;
    StringBuilder header = new StringBuilder("{");
    for (int i = 0; i < count; i++) {
      // backwards, so that sorting has something to do
      header
          .append(TestFiles.entry("layers." + i, "U8", "[1]", count - 1 - i, count - i))
          .append(i + 1 < count ? "," : "}");
    }
    Path path = write(header.toString(), count);
    // A search through all tensors for each of them would take 10^10 steps.
    SafetensorsFile file = assertTimeout(Duration.ofSeconds(10), () -> open(path));
    assertEquals(count, file.tensors().size());
    assertEquals(
        (byte) (count - 1 - 4711),
        file.tensors().get("layers.4711").segment().get(ValueLayout.JAVA_BYTE, 0));
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 7})
  void fileShorterThanThePrefixIsRefused(int size) throws IOException {
    assertSays(refused(write(new byte[size])), "header length", "expected 8", "has " + size);
  }

  @ParameterizedTest
  @CsvSource({
    "-1, 18446744073709551615", // 2^64 - 1
    "-9223372036854775808, 9223372036854775808",
    "100000001, 100000001",
    "9, 9 bytes declared",
    "3, 3 bytes declared"
  })
  void headerLengthBeyondLimitOrFileIsRefused(long length, String said) throws IOException {
    byte[] bytes = TestFiles.bytes("{}", 0);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).putLong(0, length);
    assertSays(refused(write(bytes)), "header length", said);
  }

  @Test
  void headerOfLimitSizeIsReadAndOneByteMoreIsNot() throws IOException {
    Path path = folder.resolve("sparse");
    for (long length : new long[] {Header.LIMIT, Header.LIMIT + 1}) {
      try (FileChannel channel =
          FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        ByteBuffer prefix = ByteBuffer.allocate(8).order(ByteOrder.LITTLE_ENDIAN);
        channel.write(prefix.putLong(length).flip(), 0);
        channel.write(ByteBuffer.wrap(new byte[1]), 8 + length - 1);
      }
      assertSays(refused(path), length > Header.LIMIT ? "header length" : "malformed JSON");
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "ff", // no UTF-8 at all
        "c3", // cut short
        "c080", // overlong
        "eda080", // a surrogate
        "f4908080" // beyond U+10FFFF
      })
  void malformedUtf8IsRefused(String hex) throws IOException {
    byte[] header = ONE.replace("w", hex).getBytes(StandardCharsets.ISO_8859_1);
    int at = ONE.indexOf('w');
    byte[] bad = HexFormat.of().parseHex(hex);
    ByteBuffer spliced = ByteBuffer.allocate(header.length - hex.length() + bad.length);
    spliced.put(header, 0, at).put(bad);
    spliced.put(header, at + hex.length(), header.length - at - hex.length());
    assertSays(refused(write(TestFiles.bytes(spliced.array(), new byte[8]))), "UTF-8");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "[]",
        "null",
        "1",
        "\"a\"",
        " {}",
        "\n{}",
        "\ufeff{}",
        "{}\n",
        "{}\t ",
        "{} {}",
        "{}x",
        "{}\0",
        "{",
        "}",
        "{]",
        "{\"a\"}",
        "{\"a\":}",
        "{a:1}",
        "{'a':1}",
        "{/**/}",
        "{,}",
        "{\"\\ud800\":1}",
        "{\"a\n\":1}",
        "{\"a\":NaN}",
        "{\"a\":01}"
      })
  void anythingButOneObjectPaddedWithSpacesIsRefused(String header) throws IOException {
    assertSays(refused(write(header, 0)), "f.safetensors");
  }

  @Test
  void deepNestingIsRefusedBeforeTheStackEnds() throws IOException {
    assertSays(refused(write("{\"a\":" + "[".repeat(1_000_000), 0)), "\"a\"");
    assertSays(refused(write("{\"a\":".repeat(1_000_000), 0)), "\"a\"");
  }

  /** Each row damages one thing; the message must name it. Single quotes stand for double ones. */
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "{'w':1} | 0 | tensor \"w\" | expected an object",
        "{'w':null} | 0 | tensor \"w\" | expected an object, found null",
        "{'w':[]} | 0 | tensor \"w\" | expected an object, found an array",
        "{'w':{}} | 0 | tensor \"w\" | dtype: missing",
        "{'w':{'shape':[1],'data_offsets':[0,1]}} | 1 | tensor \"w\" | dtype: missing",
        "{'w':{'dtype':'U8','data_offsets':[0,1]}} | 1 | tensor \"w\" | shape: missing",
        "{'w':{'dtype':'U8','shape':[1]}} | 1 | tensor \"w\" | data_offsets: missing",
        "{'w':{'dtype':1,'shape':[1],'data_offsets':[0,1]}} | 1 | dtype | expected a string",
        "{'w':{'dtype':null,'shape':[1],'data_offsets':[0,1]}} | 1 | dtype | found null",
        "{'w':{'dtype':'U8','shape':1,'data_offsets':[0,1]}} | 1 | shape | expected an array",
        "{'w':{'dtype':'U8','shape':{},'data_offsets':[0,1]}} | 1 | shape | found an object",
        "{'w':{'dtype':'U8','shape':['1'],'data_offsets':[0,1]}} | 1 | shape | found a string",
        "{'w':{'dtype':'U8','shape':[1.0],'data_offsets':[0,1]}} | 1 | shape | fraction",
        "{'w':{'dtype':'U8','shape':[1e0],'data_offsets':[0,1]}} | 1 | shape | exponent",
        "{'w':{'dtype':'U8','shape':[-1],'data_offsets':[0,1]}} | 1 | shape | found -1",
        "{'w':{'dtype':'U8','shape':[-0],'data_offsets':[0,0]}} | 0 | shape | found -0",
        "{'w':{'dtype':'U8','shape':[null],'data_offsets':[0,1]}} | 1 | shape | found null",
        "{'w':{'dtype':'U8','shape':[true],'data_offsets':[0,1]}} | 1 | shape | found a boolean",
        "{'w':{'dtype':'U8','shape':[[1]],'data_offsets':[0,1]}} | 1 | shape | found an array",
        "{'w':{'dtype':'U8','shape':[9223372036854775808],'data_offsets':[0,1]}} | 1 | shape |"
            + " 2^63",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':1}} | 1 | data_offsets | expected an array",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':[]}} | 1 | data_offsets | 2 integers",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':[0]}} | 1 | data_offsets | found [0]",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':[0,1,2]}} | 1 | data_offsets | [0, 1, 2]",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':[1,0]}} | 1 | data_offsets | [begin, end]",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':[-1,0]}} | 1 | data_offsets | found -1",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':[0,1.0]}} | 1 | data_offsets | fraction",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':[0,18446744073709551617]}} | 1 |"
            + " data_offsets | 2^63",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':[0,2]}} | 2 | data_offsets | expected 1"
            + " bytes",
        "{'w':{'dtype':'F32','shape':[1],'data_offsets':[0,1]}} | 1 | data_offsets | expected 4"
            + " bytes",
        "{'w':{'dtype':'U8','shape':[],'data_offsets':[0,0]}} | 0 | data_offsets | expected 1"
            + " bytes",
        "{'w':{'dtype':'U8','shape':[0],'data_offsets':[0,1]}} | 1 | data_offsets | expected 0"
            + " bytes",
        "{'w':{'dtype':'F64','shape':[1152921504606846976],'data_offsets':[0,0]}} | 0 |"
            + " data_offsets | more than 2^63",
        "{'w':{'dtype':'U8','shape':[4294967296,4294967296],'data_offsets':[0,0]}} | 0 |"
            + " data_offsets | 2^63",
        "{'w':{'dtype':'F32','shape':[4611686018427387905],'data_offsets':[0,4]}} | 4 |"
            + " data_offsets | 2^63",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':[0,1]}} | 0 | tensor \"w\" | ends at 1",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':[0,1]}} | 2 | data_offsets | cover 1 bytes,"
            + " the data has 2",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':[1,2]}} | 2 | tensor \"w\" | hole",
        "{} | 1 | data_offsets | cover 0 bytes",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':[0,1],'scale':2}} | 1 | \"scale\" | unknown"
            + " field",
        "{'w':{'dtype':'U8','dtype':'U8','shape':[1],'data_offsets':[0,1]}} | 1 | dtype | duplicate"
            + " key",
        "{'w':{'dtype':'U8','shape':[1],'shape':[1],'data_offsets':[0,1]}} | 1 | shape | duplicate"
            + " key",
        "{'w':{'dtype':'U8','shape':[1],'data_offsets':[0,1],'data_offsets':[0,1]}} | 1 |"
            + " data_offsets | duplicate key",
        "{'w':{'dtype':'U8','shape':[0],'data_offsets':[0,0]},'w':{'dtype':'U8','shape':[0],'data_offsets':[0,0]}}"
            + " | 0 | tensor \"w\" | duplicate key",
        "{'w':{'dtype':'U8','shape':[0],'data_offsets':[0,0]},'\\u0077':{'dtype':'U8','shape':[0],'data_offsets':[0,0]}}"
            + " | 0 | tensor \"w\" | duplicate key",
        "{'__metadata__':{},'__metadata__':{}} | 0 | __metadata__ | duplicate key",
        "{'__metadata__':{'a':'','a':''}} | 0 | __metadata__ | duplicate key \"a\"",
        "{'__metadata__':null} | 0 | __metadata__ | found null",
        "{'__metadata__':[]} | 0 | __metadata__ | found an array",
        "{'__metadata__':{'a':1}} | 0 | __metadata__: \"a\" | found an integer",
        "{'__metadata__':{'a':{}}} | 0 | __metadata__: \"a\" | found an object",
        "{'__metadata__':{'a':null}} | 0 | __metadata__: \"a\" | found null",
        "{'__metadata__':{'a':'\\udc00'}} | 0 | __metadata__: \"a\" | surrogate"
      })
  void damagedHeaderIsRefusedByName(String header, int dataSize, String field, String problem)
      throws IOException {
    ModelFormatException e = refused(write(header.replace('\'', '"'), dataSize));
    assertSays(e, "f.safetensors", field, problem);
    assertEquals(ModelFormatException.class, e.getClass());
  }

  @Test
  void overlapIsRefusedWhateverTheOrder() throws IOException {
    String a = TestFiles.entry("a", "U8", "[2]", 0, 2);
    String b = TestFiles.entry("b", "U8", "[2]", 1, 3);
    assertSays(refused(write("{" + a + "," + b + "}", 3)), "\"b\"", "data_offsets", "overlap");
    assertSays(refused(write("{" + b + "," + a + "}", 3)), "\"b\"", "data_offsets", "overlap");
  }

  @Test
  void twoTensorsOnTheSameBytesAreRefused() throws IOException {
    String a = TestFiles.entry("a", "U8", "[2]", 0, 2);
    String b = TestFiles.entry("b", "U8", "[2]", 0, 2);
    assertSays(refused(write("{" + a + "," + b + "}", 2)), "data_offsets", "overlap");
  }

  @Test
  void emptyTensorInsideAnotherIsRefused() throws IOException {
    String a = TestFiles.entry("a", "U8", "[2]", 0, 2);
    String b = TestFiles.entry("b", "U8", "[0]", 1, 1);
    assertSays(refused(write("{" + a + "," + b + "}", 2)), "\"b\"", "overlap");
  }

  @Test
  void rankIsBounded() throws IOException {
    String ones = String.join(",", Collections.nCopies(32, "1"));
    assertEquals(
        32,
        open(write("{" + TestFiles.entry("w", "U8", "[" + ones + "]", 0, 1) + "}", 1))
            .tensors()
            .get("w")
            .rank());
    assertSays(
        refused(write("{" + TestFiles.entry("w", "U8", "[" + ones + ",1]", 0, 1) + "}", 1)),
        "\"w\"",
        "shape",
        "at most 32");
  }

  @Test
  void unknownDtypeIsUnsupportedAndNamed() throws IOException {
    Path path = write("{" + TestFiles.entry("w", "F4", "[2]", 0, 1) + "}", 1);
    assertSays(
        assertInstanceOf(UnsupportedModelException.class, refused(path)),
        "\"w\"",
        "\"F4\"",
        "BF16");
  }

  @Test
  void hostileNamesStayOnOneBoundedLine() throws IOException {
    String name = "a\\n\\u2028\\u202e" + "x".repeat(50_000);
    ModelFormatException e = refused(write("{\"" + name + "\":{\"dtype\":1}}", 0));
    assertSays(e, "\\u000a\\u2028\\u202exxx", "dtype");
    assertTrue(e.getMessage().length() < 600 + folder.toString().length(), e::getMessage);
  }

  @Test
  void overlongNameIsRefused() throws IOException {
    String header = "{" + TestFiles.entry("x".repeat(70_000), "U8", "[0]", 0, 0) + "}";
    assertSays(refused(write(header, 0)), "header");
  }

  @Test
  void missingFileIsNamed() {
    Path path = folder.resolve("none");
    assertSays(
        assertThrows(NoSuchFileException.class, () -> open(path)), path.toString(), "no such file");
  }

  @Test
  void folderIsRefused() {
    assertSays(refused(folder), "not a regular file");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void pipeIsRefusedWithoutWaitingForAWriter() throws Exception {
    Path pipe = TestFiles.pipe(folder.resolve("pipe"));
    assertTimeoutPreemptively(
        Duration.ofSeconds(10),
        () -> {
          try (Arena own = Arena.ofShared()) {
            assertThrows(ModelFormatException.class, () -> SafetensorsFile.open(pipe, own));
          }
        });
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void deviceIsRefused() {
    assertSays(refused(Path.of("/dev/zero")), "not a regular file");
  }

  @Test
  void symbolicLinksAreFollowed() throws IOException {
    Path link = folder.resolve("link");
    Files.createSymbolicLink(link, write(ONE, 8));
    assertEquals(1, open(link).tensors().size());
  }

  @Test
  void closedArenaIsIllegalState() throws IOException {
    Path path = write(ONE, 8);
    Arena closed = Arena.ofConfined();
    closed.close();
    assertThrows(IllegalStateException.class, () -> SafetensorsFile.open(path, closed));
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void fileIsClosedOnceMappedAndUnmappedWithItsArena() throws IOException {
    Path path = write(ONE, 8);
    try (Arena own = Arena.ofConfined()) {
      SafetensorsFile.open(path, own);
      assertEquals(1, OpenFiles.below(folder).size(), "exactly the mapping");
    }
    assertEquals(List.of(), OpenFiles.below(folder));
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void refusedFilesHoldNothing() throws IOException {
    List<byte[]> bad = new ArrayList<>();
    byte[] good = TestFiles.bytes(ONE, 8);
    for (int length = 0; length < good.length; length++) {
      bad.add(Arrays.copyOf(good, length));
    }
    bad.add(Arrays.copyOf(good, good.length + 1));
    for (byte[] bytes : bad) {
      Path path = write(bytes);
      refused(path);
      assertEquals(List.of(), OpenFiles.below(folder), () -> "cut to " + bytes.length);
    }
  }

  @Test
  void untouchedFileIsNotRewritten() throws IOException {
    assertFalse(open(write(ONE, 8)).isRewritten());
  }

  @Test
  void grownFileIsRewritten() throws IOException {
    Path path = write(ONE, 8);
    SafetensorsFile file = open(path);
    Files.write(path, new byte[1], StandardOpenOption.APPEND);
    assertTrue(file.isRewritten());
  }

  @Test
  void cutFileIsAnErrorBeforeAnyoneReadsBehindItsEnd() throws IOException {
    Path path = write(ONE, 8);
    SafetensorsFile file = open(path);
    try (FileChannel channel = FileChannel.open(path, StandardOpenOption.WRITE)) {
      channel.truncate(channel.size() - 1);
    }
    assertSays(
        assertThrows(ModelFormatException.class, file::isRewritten), "cut short", "expected");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void replacedOrDeletedFileKeepsItsBytes() throws IOException {
    Path path = write(ONE, 8);
    SafetensorsFile file = open(path);
    Path other = TestFiles.write(folder.resolve("other"), "{}", 0);
    Files.move(other, path, StandardCopyOption.REPLACE_EXISTING);
    assertFalse(file.isRewritten());
    Files.delete(path);
    assertFalse(file.isRewritten());
    assertEquals(7, file.tensors().get("w").segment().get(ValueLayout.JAVA_BYTE, 7));
  }
}
