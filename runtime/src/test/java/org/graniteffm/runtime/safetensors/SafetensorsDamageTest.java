package org.graniteffm.runtime.safetensors;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.RepeatedTest;
import org.junit.jupiter.api.RepetitionInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Random valid files open; with one random field damaged they are refused by that field's name. */
final class SafetensorsDamageTest {
  private static final int SEEDS = 40;
  private static final List<DType> TYPES = List.of(DType.values());

  @TempDir Path folder;

  /** A tensor's description as JSON fragments, so that each can be damaged on its own. */
  private static final class Entry {
    String name;
    DType type;
    long[] dims;
    long begin;
    long end;
    final List<String> fields = new ArrayList<>();

    void render() {
      fields.clear();
      fields.add("\"dtype\":\"" + type + "\"");
      fields.add("\"shape\":" + Arrays.toString(dims));
      fields.add("\"data_offsets\":[" + begin + "," + end + "]");
    }
  }

  enum Damage {
    DROP_DTYPE("dtype"),
    DROP_SHAPE("shape"),
    DROP_OFFSETS("data_offsets"),
    RETYPE_DTYPE("dtype"),
    RETYPE_SHAPE("shape"),
    RETYPE_OFFSETS("data_offsets"),
    REPEAT_FIELD("duplicate key"),
    ADD_FIELD("\"zero_point\""),
    REPEAT_TENSOR("duplicate key"),
    UNKNOWN_DTYPE("dtype"),
    WIDER_DTYPE("data_offsets"),
    LONGER_DIMENSION("data_offsets"),
    NEGATIVE_DIMENSION("shape"),
    FRACTION_DIMENSION("shape"),
    HUGE_DIMENSION("data_offsets"),
    MORE_DIMENSIONS("shape"),
    LATER_BEGIN("data_offsets"),
    LATER_END("data_offsets"),
    MOVED_RANGE("data_offsets"),
    SWAPPED_RANGE("data_offsets"),
    LONGER_DATA("data_offsets"),
    SHORTER_DATA("data_offsets");

    final String said;

    Damage(String said) {
      this.said = said;
    }
  }

  private static List<Entry> randomFile(Random random) {
    List<Entry> entries = new ArrayList<>();
    int count = 1 + random.nextInt(6);
    long offset = 0;
    for (int i = 0; i < count; i++) {
      Entry entry = new Entry();
      entry.name = "layers." + i + ".w";
      entry.type = TYPES.get(random.nextInt(TYPES.size()));
      // The first one has elements and a dimension, so every damage has something to hit.
      entry.dims =
          random
              .longs(i == 0 ? 1 + random.nextInt(3) : random.nextInt(4), i == 0 ? 1 : 0, 6)
              .toArray();
      entry.begin = offset;
      offset += Tensor.byteSize(entry.type, entry.dims);
      entry.end = offset;
      entry.render();
      entries.add(entry);
    }
    return entries;
  }

  private static String header(List<Entry> entries, Random random) {
    List<String> parts = new ArrayList<>();
    for (Entry entry : entries) {
      List<String> fields = new ArrayList<>(entry.fields);
      Collections.shuffle(fields, random);
      parts.add("\"" + entry.name + "\":{" + String.join(",", fields) + "}");
    }
    if (random.nextBoolean()) {
      parts.add("\"__metadata__\":{\"format\":\"pt\"}");
    }
    Collections.shuffle(parts, random);
    return "{" + String.join(",", parts) + "}" + " ".repeat(random.nextInt(9));
  }

  private Path write(List<Entry> entries, int dataSize, Random random) throws IOException {
    return TestFiles.write(folder.resolve("f"), header(entries, random), dataSize);
  }

  private static int dataSize(List<Entry> entries) {
    return (int) entries.getLast().end;
  }

  @RepeatedTest(SEEDS)
  void undamagedFilesOpen(RepetitionInfo repetition) throws IOException {
    Random random = new Random(repetition.getCurrentRepetition());
    List<Entry> entries = randomFile(random);
    try (Arena arena = Arena.ofConfined()) {
      SafetensorsFile file = SafetensorsFile.open(write(entries, dataSize(entries), random), arena);
      assertEquals(entries.size(), file.tensors().size());
      for (Entry entry : entries) {
        Tensor tensor = file.tensors().get(entry.name);
        assertEquals(entry.type, tensor.dtype());
        assertArrayEquals(entry.dims, tensor.shape());
        assertEquals(entry.end - entry.begin, tensor.segment().byteSize());
        for (long i = 0; i < tensor.segment().byteSize(); i++) {
          assertEquals((byte) (entry.begin + i), tensor.segment().get(ValueLayout.JAVA_BYTE, i));
        }
      }
    }
  }

  @ParameterizedTest
  @EnumSource(Damage.class)
  void damagedFilesAreRefusedByName(Damage damage) throws IOException {
    for (int seed = 0; seed < SEEDS; seed++) {
      Random random = new Random(seed);
      List<Entry> entries = randomFile(random);
      int size = dataSize(entries) + damage(entries, damage, random);
      Path path = write(entries, size, random);
      String context = "seed " + seed + ": " + Files.readString(path, StandardCharsets.ISO_8859_1);
      try (Arena arena = Arena.ofConfined()) {
        ModelFormatException e =
            assertThrows(
                ModelFormatException.class, () -> SafetensorsFile.open(path, arena), context);
        assertTrue(e.getMessage().contains(damage.said), () -> e.getMessage() + "; " + context);
        assertEquals(
            damage == Damage.UNKNOWN_DTYPE, e instanceof UnsupportedModelException, context);
      }
    }
  }

  /** Damages the first tensor; returns by how many bytes the data shall be longer. */
  private static int damage(List<Entry> entries, Damage damage, Random random) {
    Entry entry = entries.getFirst();
    int dimension = random.nextInt(entry.dims.length);
    String offsets = "\"data_offsets\":[%d,%d]";
    switch (damage) {
      case DROP_DTYPE -> entry.fields.remove(0);
      case DROP_SHAPE -> entry.fields.remove(1);
      case DROP_OFFSETS -> entry.fields.remove(2);
      case RETYPE_DTYPE -> entry.fields.set(0, "\"dtype\":" + random.nextInt());
      case RETYPE_SHAPE -> entry.fields.set(1, "\"shape\":\"" + random.nextInt() + "\"");
      case RETYPE_OFFSETS -> entry.fields.set(2, "\"data_offsets\":{\"a\":[0,1]}");
      case REPEAT_FIELD -> entry.fields.add(entry.fields.get(random.nextInt(3)));
      case ADD_FIELD -> entry.fields.add("\"zero_point\":[[1.5e3,{}]]");
      case REPEAT_TENSOR -> entries.add(entry);
      case UNKNOWN_DTYPE -> entry.fields.set(0, "\"dtype\":\"F" + random.nextInt(100) + "X\"");
      case WIDER_DTYPE ->
          entry.fields.set(
              0, "\"dtype\":\"" + (entry.type.byteSize() == 8 ? DType.U8 : DType.I64) + "\"");
      case LONGER_DIMENSION -> setDimension(entry, dimension, entry.dims[dimension] + 1);
      case NEGATIVE_DIMENSION -> setDimension(entry, dimension, -entry.dims[dimension]);
      case FRACTION_DIMENSION ->
          entry.fields.set(
              1, entry.fields.get(1).replace(String.valueOf(entry.dims[dimension]), "1.5"));
      case HUGE_DIMENSION -> setDimension(entry, dimension, Long.MAX_VALUE - random.nextInt(8));
      case MORE_DIMENSIONS ->
          entry.fields.set(1, "\"shape\":[" + "1,".repeat(32 + random.nextInt(1000)) + "1]");
      case LATER_BEGIN -> entry.fields.set(2, offsets.formatted(entry.begin + 1, entry.end));
      case LATER_END -> entry.fields.set(2, offsets.formatted(entry.begin, entry.end + 1));
      case MOVED_RANGE -> entry.fields.set(2, offsets.formatted(entry.begin + 1, entry.end + 1));
      case SWAPPED_RANGE -> entry.fields.set(2, offsets.formatted(entry.end, entry.begin));
      case LONGER_DATA -> {
        return 1 + random.nextInt(9);
      }
      case SHORTER_DATA -> {
        return -1;
      }
    }
    return 0;
  }

  private static void setDimension(Entry entry, int dimension, long value) {
    long[] dims = entry.dims.clone();
    dims[dimension] = value;
    entry.fields.set(1, "\"shape\":" + Arrays.toString(dims));
  }

  @Test
  void anyByteOfAHeaderMayChangeAndOnlyDocumentedExceptionsComeOut() throws IOException {
    int opened = 0;
    int refused = 0;
    for (int seed = 0; seed < 1000; seed++) {
      Random random = new Random(seed);
      List<Entry> entries = randomFile(random);
      byte[] bytes = TestFiles.bytes(header(entries, random), dataSize(entries));
      int at = random.nextInt(bytes.length - dataSize(entries));
      bytes[at] = (byte) random.nextInt();
      Path path = Files.write(folder.resolve("f"), bytes);
      try (Arena arena = Arena.ofConfined()) {
        SafetensorsFile.open(path, arena);
        opened++;
      } catch (ModelFormatException e) {
        refused++;
        assertEquals(1, e.getMessage().lines().count(), "seed " + seed);
      }
    }
    assertTrue(opened > 0 && refused > 300, opened + " opened, " + refused + " refused");
  }
}
