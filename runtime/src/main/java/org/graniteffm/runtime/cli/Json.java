package org.graniteffm.runtime.cli;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.IOException;
import java.io.StringWriter;
import java.io.UncheckedIOException;
import java.util.Collection;
import java.util.Map;

/** Writes JSON: maps, collections, strings, numbers, booleans and null. */
final class Json {
  private static final JsonFactory FACTORY = new JsonFactory();

  private Json() {}

  /** One value on one line, numbers rounded: what is measured has no more than a few digits. */
  static String line(Object value) {
    return write(value, false, true);
  }

  /** One value on one line, numbers as they are. */
  static String exactLine(Object value) {
    return write(value, false, false);
  }

  /** One value over many lines, numbers rounded. */
  static String pretty(Object value) {
    return write(value, true, true);
  }

  private static String write(Object value, boolean pretty, boolean rounded) {
    StringWriter text = new StringWriter();
    try (JsonGenerator generator = FACTORY.createGenerator(text)) {
      if (pretty) {
        generator.useDefaultPrettyPrinter();
      }
      write(generator, value, rounded);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // from a string writer there is none
    }
    return text.toString();
  }

  private static void write(JsonGenerator generator, Object value, boolean rounded)
      throws IOException {
    switch (value) {
      case null -> generator.writeNull();
      case Map<?, ?> map -> {
        generator.writeStartObject();
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          generator.writeFieldName(String.valueOf(entry.getKey()));
          write(generator, entry.getValue(), rounded);
        }
        generator.writeEndObject();
      }
      case Collection<?> values -> {
        generator.writeStartArray();
        for (Object element : values) {
          write(generator, element, rounded);
        }
        generator.writeEndArray();
      }
      case long[] values -> generator.writeArray(values, 0, values.length);
      case float[] values -> {
        generator.writeStartArray();
        for (float element : values) {
          generator.writeNumber(element);
        }
        generator.writeEndArray();
      }
      case Boolean b -> generator.writeBoolean(b);
      case Integer i -> generator.writeNumber(i);
      case Long l -> generator.writeNumber(l);
      case Double d -> writeNumber(generator, d, rounded);
      default -> generator.writeString(value.toString());
    }
  }

  /** JSON has no NaN. */
  private static void writeNumber(JsonGenerator generator, double value, boolean rounded)
      throws IOException {
    if (!Double.isFinite(value)) {
      generator.writeNull();
    } else if (!rounded) {
      generator.writeNumber(value);
    } else if (Math.abs(value) >= 1000) {
      generator.writeNumber(Math.round(value * 10) / 10.0);
    } else {
      generator.writeRawValue(Double.toString(Math.round(value * 1e5) / 1e5));
    }
  }
}
