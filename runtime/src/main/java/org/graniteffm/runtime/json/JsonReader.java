package org.graniteffm.runtime.json;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParseException;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.json.JsonReadFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import org.graniteffm.runtime.FileErrors;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.RegularFile;

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

  /** Values and names in one file: a tree takes many times its text. An index has two a tensor. */
  private static final int MOST_NODES = 1 << 21;

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
   * @throws InsufficientMemoryException if the heap has no room for it
   */
  public static JsonNode readObject(Path file, long limit) throws IOException {
    return checkObject(read(file, limit), Names.path(file));
  }

  /**
   * Reads a file that holds one JSON list of objects.
   *
   * @param file a regular file
   * @param limit its largest legal size in bytes
   * @return the list
   * @throws NoSuchFileException if there is no such file
   * @throws ModelFormatException if it is not a regular file, larger than the limit, or not one
   *     JSON list of objects
   * @throws IOException if it cannot be read
   * @throws InsufficientMemoryException if the heap has no room for it
   */
  public static JsonNode readObjects(Path file, long limit) throws IOException {
    JsonNode list = read(file, limit);
    if (!list.isArray()) {
      throw new ModelFormatException(Names.path(file) + ": expected one JSON list");
    }
    for (int i = 0; i < list.size(); i++) {
      if (!list.get(i).isObject()) {
        throw new ModelFormatException(
            "%s: [%d]: expected an object, found %s"
                .formatted(Names.path(file), i, JsonFields.describe(list.get(i))));
      }
    }
    return list;
  }

  private static JsonNode read(Path file, long limit) throws IOException {
    long size = RegularFile.look(file).size();
    try {
      return parse(ByteBuffer.wrap(readBytes(file, limit)), Names.path(file));
    } catch (OutOfMemoryError e) {
      throw new InsufficientMemoryException(Names.path(file) + ": its content", size, e);
    }
  }

  /**
   * Reads a file of bounded size.
   *
   * @param file a regular file
   * @param limit its largest legal size in bytes
   * @return its content
   * @throws NoSuchFileException if there is no such file
   * @throws ModelFormatException if it is not a regular file, or larger than the limit
   * @throws IOException if it cannot be read
   */
  public static byte[] readBytes(Path file, long limit) throws IOException {
    long size = RegularFile.look(file).size();
    if (size > limit) {
      throw new ModelFormatException(
          "%s: %d bytes, the limit for this kind of file is %d"
              .formatted(Names.path(file), size, limit));
    }
    try (var in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(Math.toIntExact(limit) + 1);
      if (bytes.length > limit) {
        throw new ModelFormatException(
            Names.path(file) + ": grew past the limit of " + limit + " bytes");
      }
      return bytes;
    } catch (IOException e) {
      throw FileErrors.at(file, e);
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
    return checkObject(parse(utf8, source), source);
  }

  private static JsonNode checkObject(JsonNode node, String source) throws ModelFormatException {
    if (!node.isObject()) {
      throw new ModelFormatException(source + ": expected one JSON object");
    }
    return node;
  }

  private static JsonNode parse(ByteBuffer utf8, String source) throws ModelFormatException {
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
    try (JsonParser parser = FACTORY.createParser(text)) {
      if (parser.nextToken() == null) {
        throw new ModelFormatException(source + ": is empty, expected JSON");
      }
      node = tree(parser, MOST_NODES);
      if (node == null) {
        throw new ModelFormatException(source + ": more than " + MOST_NODES + " values");
      }
      if (parser.nextToken() != null) {
        throw new JsonParseException(parser, "something follows the value");
      }
    } catch (JsonProcessingException e) {
      String where =
          e.getLocation() == null
              ? ""
              : " (line %d, column %d)"
                  .formatted(e.getLocation().getLineNr(), e.getLocation().getColumnNr());
      throw new ModelFormatException(
          source + ": malformed JSON" + where + ": " + Names.quote(what(e)), e);
    } catch (ModelFormatException e) {
      throw e;
    } catch (IOException e) {
      throw new AssertionError(e); // the text is in memory
    }
    return node;
  }

  /** What is wrong, without Jackson's remarks on where an object that is not closed has begun. */
  private static String what(JsonProcessingException e) {
    return e.getOriginalMessage().replaceFirst(" \\(start marker at .*", "");
  }

  /**
   * Reads the value at a parser's present token. Written out because an ObjectMapper takes a
   * quarter of a second to start, which is more than all the rest of opening a checkpoint.
   *
   * @param parser at the value's first token, afterwards at its last; refuses double names itself
   * @param most values, members and elements in all
   * @return the value, or null if there are more
   * @throws IOException if the parser throws it
   */
  public static JsonNode tree(JsonParser parser, int most) throws IOException {
    return new Tree(parser, most).value();
  }

  /** One tree as it grows. */
  private static final class Tree {
    private final JsonParser parser;
    private int left;

    Tree(JsonParser parser, int most) {
      this.parser = parser;
      left = most;
    }

    JsonNode value() throws IOException {
      if (--left < 0) {
        return null;
      }
      JsonNodeFactory nodes = JsonNodeFactory.instance;
      JsonToken token = parser.currentToken();
      return switch (token) {
        case START_OBJECT -> object(nodes.objectNode());
        case START_ARRAY -> array(nodes.arrayNode());
        case VALUE_STRING -> nodes.textNode(parser.getText());
        case VALUE_NUMBER_INT ->
            switch (parser.getNumberType()) {
              case INT -> nodes.numberNode(parser.getIntValue());
              case LONG -> nodes.numberNode(parser.getLongValue());
              default -> nodes.numberNode(parser.getBigIntegerValue());
            };
        case VALUE_NUMBER_FLOAT -> nodes.numberNode(parser.getDoubleValue());
        case VALUE_TRUE -> nodes.booleanNode(true);
        case VALUE_FALSE -> nodes.booleanNode(false);
        case VALUE_NULL -> nodes.nullNode();
        default -> throw new JsonParseException(parser, "unexpected " + token);
      };
    }

    private ObjectNode object(ObjectNode object) throws IOException {
      while (parser.nextToken() == JsonToken.FIELD_NAME) {
        String name = parser.currentName();
        parser.nextToken();
        JsonNode value = value();
        if (value == null) {
          return null;
        }
        object.set(name, value); // the parser refuses a name that it has seen
      }
      return object;
    }

    private ArrayNode array(ArrayNode array) throws IOException {
      while (parser.nextToken() != JsonToken.END_ARRAY) {
        JsonNode value = value();
        if (value == null) {
          return null;
        }
        array.add(value);
      }
      return array;
    }
  }
}
