package org.graniteffm.runtime.json;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HexFormat;
import org.graniteffm.runtime.ModelFormatException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class JsonReaderTest {
  @TempDir Path folder;

  private static JsonNode parse(String json) throws ModelFormatException {
    return JsonReader.parseObject(ByteBuffer.wrap(json.getBytes(StandardCharsets.UTF_8)), "x.json");
  }

  private static void assertRefused(String json, String... said) {
    ModelFormatException e = assertThrows(ModelFormatException.class, () -> parse(json));
    assertTrue(e.getMessage().startsWith("x.json: "), e::getMessage);
    assertEquals(1, e.getMessage().lines().count(), e::getMessage);
    assertTrue(e.getMessage().length() < 400, e::getMessage);
    for (String part : said) {
      assertTrue(e.getMessage().contains(part), () -> part + " is not in: " + e.getMessage());
    }
  }

  @Test
  void objectIsReadAsATree() throws IOException {
    JsonNode node = parse(" {\"a\": [1, true, null], \"b\": {\"c\": \"\\u00e4\"}} \n");
    assertEquals(1, node.get("a").get(0).intValue());
    assertEquals("ä", node.get("b").get("c").textValue());
    assertFalse(node.has("c"));
  }

  @Test
  void valuesInOneFileAreBounded() {
    String many = "{\"a\":[" + "0,".repeat(1 << 21) + "0]}";
    ModelFormatException e = assertThrows(ModelFormatException.class, () -> parse(many));
    assertTrue(e.getMessage().contains("more than 2097152 values"), e::getMessage);
  }

  @Test
  void pythonsNumbersAreTokens() throws IOException {
    JsonNode node = parse("{\"a\":NaN,\"b\":Infinity,\"c\":-Infinity,\"d\":1e400}");
    assertTrue(Double.isNaN(node.get("a").doubleValue()));
    assertEquals(Double.POSITIVE_INFINITY, node.get("b").doubleValue());
    assertEquals(Double.NEGATIVE_INFINITY, node.get("c").doubleValue());
    assertTrue(node.get("d").isNumber());
  }

  @Test
  void integersStayIntegers() throws IOException {
    JsonNode node = parse("{\"a\":9007199254740993,\"b\":9223372036854775808,\"c\":1.0}");
    assertEquals(9007199254740993L, node.get("a").longValue());
    assertFalse(node.get("b").canConvertToLong());
    assertTrue(node.get("b").isIntegralNumber());
    assertFalse(node.get("c").isIntegralNumber());
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ",
        "[]",
        "1",
        "\"a\"",
        "null",
        "{",
        "{\"a\"",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{'a':1}",
        "{\"a\":1}}",
        "{} {}",
        "{}x",
        "{\"a\":01}",
        "{\"a\":+1}",
        "{\"a\":.5}",
        "{\"a\":0x1}",
        "{\"a\":\"\n\"}",
        "{/* */}",
        "{#\n}",
        "\ufeff{}",
        "{\"a\":nan}",
        "{\"a\":[1,,2]}",
        "{\"a\":\"\\x\"}",
        "{\"a\":\"",
        "{}\0"
      })
  void whatIsNotOneObjectIsRefused(String json) {
    assertRefused(json);
  }

  @Test
  void duplicateKeysAreRefusedAtAnyLevel() {
    assertRefused("{\"a\":1,\"a\":1}", "malformed JSON");
    assertRefused("{\"x\":[{\"b\":1,\"c\":2,\"b\":1}]}", "malformed JSON");
    assertRefused("{\"a\":1,\"\\u0061\":1}", "malformed JSON");
  }

  @Test
  void malformationIsLocated() {
    assertRefused("{\"a\":1,\n  \"b\":?}", "line 2, column");
  }

  @Test
  void depthIsBounded() throws IOException {
    parse("{\"a\":" + "[".repeat(63) + "]".repeat(63) + "}");
    assertRefused("{\"a\":" + "[".repeat(64) + "]".repeat(64) + "}");
    assertRefused("{\"a\":".repeat(1_000_000));
    assertRefused("[".repeat(1_000_000));
  }

  @Test
  void numberLengthIsBounded() throws IOException {
    parse("{\"a\":" + "1".repeat(100) + "}");
    assertRefused("{\"a\":" + "1".repeat(101) + "}");
    assertRefused("{\"a\":1." + "1".repeat(100_000) + "}");
  }

  @Test
  void hugeExponentCostsNothing() {
    assertTimeoutPreemptively(
        Duration.ofSeconds(10),
        () -> assertTrue(parse("{\"a\":1e999999999,\"b\":1e-999999999}").get("a").isNumber()));
  }

  /** All 2^14 words over two blocks with one hash code: of factor 31 as in String, or of 33. */
  @ParameterizedTest
  @CsvSource({"Aa, BB", "Ab, BA"})
  void collidingKeysAreJustKeys(String zero, String one) throws IOException {
    StringBuilder json = new StringBuilder("{");
    for (int word = 0; word < 1 << 14; word++) {
      json.append(word == 0 ? "\"" : ",\"");
      for (int bit = 0; bit < 14; bit++) {
        json.append((word >> bit & 1) == 0 ? zero : one);
      }
      json.append("\":0");
    }
    JsonNode node =
        assertTimeoutPreemptively(Duration.ofSeconds(20), () -> parse(json.append("}").toString()));
    assertEquals(1 << 14, node.size());
  }

  @ParameterizedTest
  @ValueSource(strings = {"ff", "c3", "c080", "eda080", "f4908080"})
  void malformedUtf8IsRefused(String hex) {
    byte[] bytes = HexFormat.of().parseHex("7b2261223a22" + hex + "227d");
    ModelFormatException e =
        assertThrows(
            ModelFormatException.class,
            () -> JsonReader.parseObject(ByteBuffer.wrap(bytes), "x.json"));
    assertEquals("x.json: not valid UTF-8", e.getMessage());
  }

  @Test
  void hostileTextStaysOnOneLine() {
    assertRefused("{\"a\\n\\u2028\":1,\"a\\n\\u2028\":2}");
    assertRefused("{\"a\": " + "x\u2028".repeat(100_000) + "}");
  }

  @Test
  void sizeLimitIsExact() throws IOException {
    Path file = Files.writeString(folder.resolve("c.json"), "{}" + " ".repeat(98));
    assertTrue(JsonReader.readObject(file, 100).isEmpty());
    ModelFormatException e =
        assertThrows(ModelFormatException.class, () -> JsonReader.readObject(file, 99));
    assertEquals(file + ": 100 bytes, the limit for this kind of file is 99", e.getMessage());
  }

  @Test
  void sizeIsCheckedBeforeReading() throws IOException {
    Path file = folder.resolve("sparse");
    try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
      sparse.setLength(1L << 40);
    }
    assertThrows(
        ModelFormatException.class, () -> JsonReader.readObject(file, JsonReader.TOKENIZER_LIMIT));
  }

  @Test
  void missingFileIsNamed() {
    Path file = folder.resolve("none");
    NoSuchFileException e =
        assertThrows(
            NoSuchFileException.class, () -> JsonReader.readObject(file, JsonReader.CONFIG_LIMIT));
    assertTrue(e.getMessage().contains(file.toString()), e::getMessage);
  }

  @Test
  void folderIsRefused() {
    assertThrows(
        ModelFormatException.class, () -> JsonReader.readObject(folder, JsonReader.CONFIG_LIMIT));
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void pipeIsRefusedWithoutWaitingForAWriter() throws Exception {
    Path pipe = folder.resolve("pipe");
    assertEquals(0, new ProcessBuilder("mkfifo", pipe.toString()).inheritIO().start().waitFor());
    assertTimeoutPreemptively(
        Duration.ofSeconds(10),
        () ->
            assertThrows(
                ModelFormatException.class,
                () -> JsonReader.readObject(pipe, JsonReader.CONFIG_LIMIT)));
  }
}
