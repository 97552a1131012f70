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

  /** One value on one line. */
  static String line(Object value) {
    return write(value, false);
  }

  /** One value over many lines. */
  static String pretty(Object value) {
    return write(value, true);
  }

  private static String write(Object value, boolean pretty) {
    StringWriter text = new StringWriter();
    try (JsonGenerator generator = FACTORY.createGenerator(text)) {
      if (pretty) {
        generator.useDefaultPrettyPrinter();
      }
      write(generator, value);
    } catch (IOException e) {
      throw new UncheckedIOException(e); // from a string writer there is none
    }
    return text.toString();
  }

  private static void write(JsonGenerator generator, Object value) throws IOException {
    switch (value) {
      case null -> generator.writeNull();
      case Map<?, ?> map -> {
        generator.writeStartObject();
        for (Map.Entry<?, ?> entry : map.entrySet()) {
          generator.writeFieldName(String.valueOf(entry.getKey()));
          write(generator, entry.getValue());
        }
        generator.writeEndObject();
      }
      case Collection<?> values -> {
        generator.writeStartArray();
        for (Object element : values) {
          write(generator, element);
        }
        generator.writeEndArray();
      }
      case long[] values -> generator.writeArray(values, 0, values.length);
      case Boolean b -> generator.writeBoolean(b);
      case Integer i -> generator.writeNumber(i);
      case Long l -> generator.writeNumber(l);
      case Double d -> writeNumber(generator, d);
      default -> generator.writeString(value.toString());
    }
  }

  /** Rounded: what is measured has no more than a few digits. JSON has no NaN. */
  private static void writeNumber(JsonGenerator generator, double value) throws IOException {
    if (!Double.isFinite(value)) {
      generator.writeNull();
    } else if (Math.abs(value) >= 1000) {
      generator.writeNumber(Math.round(value * 10) / 10.0);
    } else {
      generator.writeRawValue(Double.toString(Math.round(value * 1e5) / 1e5));
    }
  }
}
