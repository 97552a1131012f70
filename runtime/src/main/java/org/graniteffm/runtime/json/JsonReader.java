package org.graniteffm.runtime.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;

/**
 * Reads JSON of strangers: size checked before reading, strict UTF-8, no duplicate keys, bounded
 * depth and number length, nothing behind the value. Every way to be malformed is a {@link
 * ModelFormatException} that names the file.
 */
public final class JsonReader {
  /** Largest config.json, generation_config.json or the like, in bytes. */
  public static final long CONFIG_LIMIT = 1L << 20;

  /** Largest index of a sharded checkpoint, in bytes. */
  public static final long INDEX_LIMIT = 64L << 20;

  /** Largest tokenizer.json, in bytes. */
  public static final long TOKENIZER_LIMIT = 128L << 20;

  private static final int DEPTH = 64;

  // NaN and Infinity as bare words: Python's json module writes them.
  private static final JsonFactory FACTORY =
      new JsonFactoryBuilder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          .enable(JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS)
          // interned or cached names would outlive the file that brought them
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(DEPTH)
                  .maxNumberLength(100)
                  .maxNameLength(1 << 16)
                  .maxStringLength(1 << 24)
                  .build())
          .build();

  private static final ObjectMapper MAPPER =
      new ObjectMapper(FACTORY)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY);

  private JsonReader() {}

  /**
   * Reads a file that holds one JSON object.
   *
   * @param file a regular file
   * @param limit its largest legal size in bytes
   * @return the object
   * @throws NoSuchFileException if there is no such file
   * @throws ModelFormatException if it is not a regular file, larger than the limit, or not one
   *     JSON object
   * @throws IOException if it cannot be read
   */
  public static JsonNode readObject(Path file, long limit) throws IOException {
    if (!Files.isRegularFile(file)) {
      if (Files.notExists(file)) {
        throw new NoSuchFileException(file.toString(), null, "no such file");
      }
      throw new ModelFormatException(file + ": not a regular file");
    }
    long size = Files.size(file);
    if (size > limit) {
      throw new ModelFormatException(
          "%s: %d bytes, the limit for this kind of file is %d".formatted(file, size, limit));
    }
    try (var in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(Math.toIntExact(limit) + 1);
      if (bytes.length > limit) {
        throw new ModelFormatException(file + ": grew past the limit of " + limit + " bytes");
      }
      return parseObject(ByteBuffer.wrap(bytes), file.toString());
    }
  }

  /**
   * Parses one JSON object.
   *
   * @param utf8 the text
   * @param source what messages call it, usually a file's path
   * @return the object
   * @throws ModelFormatException if it is not strict UTF-8 or not one JSON object
   */
  public static JsonNode parseObject(ByteBuffer utf8, String source) throws ModelFormatException {
    String text;
    try {
      text =
          StandardCharsets.UTF_8
              .newDecoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .onUnmappableCharacter(CodingErrorAction.REPORT)
              .decode(utf8)
              .toString();
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(source + ": not valid UTF-8", e);
    }
    JsonNode node;
    try {
      node = MAPPER.readTree(text);
    } catch (JsonProcessingException e) {
      String where =
          e.getLocation() == null
              ? ""
              : " (line %d, column %d)"
                  .formatted(e.getLocation().getLineNr(), e.getLocation().getColumnNr());
      throw new ModelFormatException(
          source + ": malformed JSON" + where + ": " + Names.quote(e.getOriginalMessage()), e);
    }
    if (node == null || !node.isObject()) {
      throw new ModelFormatException(source + ": expected one JSON object");
    }
    return node;
  }
}
