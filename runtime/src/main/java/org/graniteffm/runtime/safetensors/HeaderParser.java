package org.graniteffm.runtime.safetensors;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonFactoryBuilder;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.JsonToken;
import com.fasterxml.jackson.core.StreamReadConstraints;
import com.fasterxml.jackson.core.StreamReadFeature;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.tensor.DType;

/**
 * Reads a header's JSON token by token, so that memory stays in proportion to the number of
 * tensors.
 *
 * <p>Every key is either known or a new name, so duplicates at each level are found here, without
 * the parser's own bookkeeping. Whether the ranges cover the data is {@link Header}'s question.
 */
final class HeaderParser {
  // Names are not cached across files: a stranger's would stay, or be made to collide.
  private static final JsonFactory FACTORY =
      new JsonFactoryBuilder()
          .disable(JsonFactory.Feature.INTERN_FIELD_NAMES)
          .disable(JsonFactory.Feature.CANONICALIZE_FIELD_NAMES)
          .disable(StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION)
          .disable(StreamReadFeature.AUTO_CLOSE_SOURCE)
          .streamReadConstraints(
              StreamReadConstraints.builder()
                  .maxNestingDepth(8)
                  .maxNumberLength(100)
                  .maxNameLength(Header.MAX_NAME)
                  .maxStringLength((int) Header.LIMIT)
                  .build())
          .build();

  private final String source;
  private final Map<String, TensorInfo> tensors = new LinkedHashMap<>();
  private final Map<String, String> metadata = new LinkedHashMap<>();
  private final long[] dimensions = new long[Header.MAX_RANK];
  private boolean hasMetadata;

  HeaderParser(String source) {
    this.source = source;
  }

  Map<String, TensorInfo> tensors() {
    return tensors;
  }

  Map<String, String> metadata() {
    return metadata;
  }

  /**
   * Reads the whole stream.
   *
   * @param in the header's bytes, padding included; stays open
   * @throws ModelFormatException if it is not strict UTF-8, not JSON, or not a header
   * @throws IOException if it cannot be read
   */
  void parse(HeaderStream in) throws IOException {
    var utf8 =
        StandardCharsets.UTF_8
            .newDecoder()
            .onMalformedInput(CodingErrorAction.REPORT)
            .onUnmappableCharacter(CodingErrorAction.REPORT);
    try (JsonParser json = FACTORY.createParser(new InputStreamReader(in, utf8))) {
      if (json.nextToken() != JsonToken.START_OBJECT || in.first() != '{') {
        throw malformed("header: expected one JSON object from the first byte");
      }
      while (json.nextToken() != JsonToken.END_OBJECT) {
        String name = json.currentName();
        json.nextToken();
        if (name.equals(Header.METADATA)) {
          parseMetadata(json);
        } else {
          parseTensor(json, name);
        }
      }
      if (json.nextToken() != null || in.lastBeforePadding() != '}') {
        throw malformed("header: expected only spaces behind the JSON object");
      }
    } catch (JsonProcessingException e) {
      String where =
          e.getLocation() == null
              ? ""
              : " (character %d)".formatted(e.getLocation().getCharOffset());
      throw new ModelFormatException(
          source + ": header: malformed JSON" + where + ": " + Names.quote(e.getOriginalMessage()),
          e);
    } catch (CharacterCodingException e) {
      throw new ModelFormatException(source + ": header: not valid UTF-8", e);
    }
  }

  private void parseMetadata(JsonParser json) throws IOException {
    if (hasMetadata) {
      throw malformed(Header.METADATA + ": duplicate key");
    }
    hasMetadata = true;
    if (json.currentToken() != JsonToken.START_OBJECT) {
      throw malformed(
          "%s: expected an object of strings, found %s".formatted(Header.METADATA, found(json)));
    }
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String key = json.currentName();
      if (json.nextToken() != JsonToken.VALUE_STRING) {
        throw malformed(
            "%s: %s: expected a string, found %s"
                .formatted(Header.METADATA, Names.quote(key), found(json)));
      }
      String value = json.getText();
      if (Text.hasLoneSurrogate(key) || Text.hasLoneSurrogate(value)) {
        throw malformed(
            "%s: %s: half of a surrogate pair".formatted(Header.METADATA, Names.quote(key)));
      }
      if (metadata.put(key, value) != null) {
        throw malformed("%s: duplicate key %s".formatted(Header.METADATA, Names.quote(key)));
      }
    }
  }

  private void parseTensor(JsonParser json, String name) throws IOException {
    if (Text.hasLoneSurrogate(name)) {
      throw malformed(name, "name", "half of a surrogate pair");
    }
    if (json.currentToken() != JsonToken.START_OBJECT) {
      throw malformed(name, "description", "expected an object, found " + found(json));
    }
    DType dtype = null;
    long[] shape = null;
    long[] offsets = null;
    while (json.nextToken() != JsonToken.END_OBJECT) {
      String field = json.currentName();
      json.nextToken();
      switch (field) {
        case "dtype" -> {
          checkFirst(name, field, dtype);
          dtype = parseType(json, name);
        }
        case "shape" -> {
          checkFirst(name, field, shape);
          shape = parseIntegers(json, name, field);
        }
        case "data_offsets" -> {
          checkFirst(name, field, offsets);
          offsets = parseIntegers(json, name, field);
        }
        // It may change what the bytes mean, so it is not skipped.
        default ->
            throw malformed(
                name, Names.quote(field), "unknown field, expected dtype, shape, data_offsets");
      }
    }
    checkPresent(name, "dtype", dtype);
    checkPresent(name, "shape", shape);
    checkPresent(name, "data_offsets", offsets);
    if (tensors.put(name, checked(name, dtype, shape, offsets)) != null) {
      throw malformed("tensor " + Names.quote(name) + ": duplicate key");
    }
  }

  private DType parseType(JsonParser json, String name) throws IOException {
    if (json.currentToken() != JsonToken.VALUE_STRING) {
      throw malformed(name, "dtype", "expected a string, found " + found(json));
    }
    DType dtype = DType.byName(json.getText());
    if (dtype == null) {
      throw new UnsupportedModelException(
          "%s: tensor %s: dtype: %s is not supported, supported are %s"
              .formatted(
                  source,
                  Names.quote(name),
                  Names.quote(json.getText()),
                  Arrays.toString(DType.values())));
    }
    return dtype;
  }

  private long[] parseIntegers(JsonParser json, String name, String field) throws IOException {
    if (json.currentToken() != JsonToken.START_ARRAY) {
      throw malformed(name, field, "expected an array of integers, found " + found(json));
    }
    int count = 0;
    while (json.nextToken() != JsonToken.END_ARRAY) {
      if (count == dimensions.length) {
        throw malformed(name, field, "expected at most %d integers".formatted(dimensions.length));
      }
      dimensions[count++] = parseInteger(json, name, field);
    }
    return Arrays.copyOf(dimensions, count);
  }

  private long parseInteger(JsonParser json, String name, String field) throws IOException {
    if (json.currentToken() != JsonToken.VALUE_NUMBER_INT) {
      throw malformed(name, field, "expected a non-negative integer, found " + found(json));
    }
    if (json.getTextCharacters()[json.getTextOffset()] == '-') {
      throw malformed(name, field, "expected a non-negative integer, found " + json.getText());
    }
    if (json.getNumberType() == JsonParser.NumberType.BIG_INTEGER) {
      throw malformed(name, field, "expected less than 2^63, found " + json.getText());
    }
    return json.getLongValue();
  }

  private TensorInfo checked(String name, DType dtype, long[] shape, long[] offsets)
      throws ModelFormatException {
    if (offsets.length != 2) {
      throw malformed(
          name, "data_offsets", "expected 2 integers, found " + Arrays.toString(offsets));
    }
    if (offsets[0] > offsets[1]) {
      throw malformed(
          name, "data_offsets", "expected [begin, end], found " + Arrays.toString(offsets));
    }
    if (sizeIn(dtype, shape) != offsets[1] - offsets[0]) {
      throw malformed(
          name,
          "data_offsets",
          "expected %s bytes for %s %s, found %d"
              .formatted(
                  sizeIn(dtype, shape) < 0 ? "more than 2^63" : sizeIn(dtype, shape),
                  dtype,
                  Arrays.toString(shape),
                  offsets[1] - offsets[0]));
    }
    return new TensorInfo(name, dtype, shape, offsets[0], offsets[1]);
  }

  /** Bytes of a tensor, or -1 if they exceed a long. */
  private static long sizeIn(DType dtype, long[] shape) {
    long bytes = dtype.byteSize();
    for (long dimension : shape) {
      if (dimension == 0) {
        return 0;
      }
    }
    for (long dimension : shape) {
      if (dimension > Long.MAX_VALUE / bytes) {
        return -1;
      }
      bytes *= dimension;
    }
    return bytes;
  }

  private void checkFirst(String name, String field, Object before) throws ModelFormatException {
    if (before != null) {
      throw malformed(name, field, "duplicate key");
    }
  }

  private void checkPresent(String name, String field, Object value) throws ModelFormatException {
    if (value == null) {
      throw malformed(name, field, "missing");
    }
  }

  /** What stands where something else was expected; never the text itself, which has no bound. */
  private static String found(JsonParser json) {
    JsonToken token = json.currentToken();
    if (token == null) {
      return "the end of the header";
    }
    return switch (token) {
      case START_OBJECT -> "an object";
      case START_ARRAY -> "an array";
      case VALUE_STRING -> "a string";
      case VALUE_NUMBER_INT -> "an integer";
      case VALUE_NUMBER_FLOAT -> "a number with fraction or exponent";
      case VALUE_TRUE, VALUE_FALSE -> "a boolean";
      case VALUE_NULL -> "null";
      default -> "the end of the object or array";
    };
  }

  private ModelFormatException malformed(String tensor, String field, String problem) {
    return malformed("tensor %s: %s: %s".formatted(Names.quote(tensor), field, problem));
  }

  private ModelFormatException malformed(String problem) {
    return new ModelFormatException(source + ": " + problem);
  }
}
