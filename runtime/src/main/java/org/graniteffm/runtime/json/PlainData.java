package org.graniteffm.runtime.json;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON as plain data, which is what chat templates and tools are given. */
public final class PlainData {
  private PlainData() {}

  /**
   * Any value.
   *
   * @param node what was read
   * @return null, Boolean, Long, Double, String, List or Map
   */
  public static Object of(JsonNode node) {
    return switch (node.getNodeType()) {
      case OBJECT -> ofObject(node);
      case ARRAY -> {
        List<Object> list = new ArrayList<>();
        node.forEach(element -> list.add(of(element)));
        yield list;
      }
      case STRING -> node.textValue();
      case BOOLEAN -> node.booleanValue();
      case NUMBER ->
          node.isIntegralNumber() && node.canConvertToLong()
              ? (Object) node.longValue()
              : (Object) node.doubleValue();
      default -> null;
    };
  }

  /**
   * An object.
   *
   * @param node an object
   * @return its members in their order
   */
  public static Map<String, Object> ofObject(JsonNode node) {
    Map<String, Object> object = new LinkedHashMap<>();
    node.properties().forEach(entry -> object.put(entry.getKey(), of(entry.getValue())));
    return object;
  }
}
