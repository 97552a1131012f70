package org.graniteffm.runtime.chat.jinja;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.graniteffm.runtime.json.JsonReader;

/** What Python's jinja2 made of templates: see README.md beside cases.json. */
public final class RenderingCases {
  /** The time at which they were rendered. */
  public static final Clock CLOCK =
      Clock.fixed(Instant.parse("2024-07-04T13:05:09.000042Z"), ZoneOffset.UTC);

  private static final String FOLDER = "/org/graniteffm/runtime/chat/";

  /** One rendering; expected is null where Python raised an error. */
  public record Case(String name, String template, Map<String, Object> variables, String expected) {
    @Override
    public String toString() {
      return name;
    }
  }

  private RenderingCases() {}

  /** All cases, in the order of the file. */
  public static List<Case> all() {
    JsonNode file = json(text("cases.json"));
    Map<String, Object> data = object(file.get("data"));
    List<Case> cases = new ArrayList<>();
    for (JsonNode node : file.get("cases")) {
      String template =
          node.has("file")
              ? text("templates/" + node.get("file").textValue())
              : node.get("template").textValue();
      cases.add(
          new Case(
              node.get("name").textValue(),
              template,
              node.has("variables") ? object(node.get("variables")) : data,
              node.has("expected") ? node.get("expected").textValue() : null));
    }
    return cases;
  }

  /** A file beside cases.json. */
  public static String text(String name) {
    try (InputStream in = RenderingCases.class.getResourceAsStream(FOLDER + name)) {
      return new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static JsonNode json(String text) {
    try {
      return JsonReader.parseObject(
          ByteBuffer.wrap(text.getBytes(StandardCharsets.UTF_8)), "cases.json");
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static Map<String, Object> object(JsonNode node) {
    Map<String, Object> object = new LinkedHashMap<>();
    node.properties().forEach(entry -> object.put(entry.getKey(), plain(entry.getValue())));
    return object;
  }

  private static Object plain(JsonNode node) {
    if (node.isObject()) {
      return object(node);
    }
    if (node.isArray()) {
      List<Object> list = new ArrayList<>();
      node.forEach(element -> list.add(plain(element)));
      return list;
    }
    return switch (node.getNodeType()) {
      case STRING -> node.textValue();
      case BOOLEAN -> node.booleanValue();
      case NUMBER -> node.isIntegralNumber() ? (Object) node.longValue() : node.doubleValue();
      default -> null;
    };
  }
}
