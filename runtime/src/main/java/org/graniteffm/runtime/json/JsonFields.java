package org.graniteffm.runtime.json;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;

/**
 * Typed access to the fields of one JSON object. A field that is there but of the wrong type is a
 * {@link ModelFormatException} that names file, field, what was expected and what was found; an
 * absent field is the caller's default. Integers must be written as integers ({@code 1.0} and
 * {@code 1e3} are not), real numbers must be finite.
 */
public final class JsonFields {
  private static final Pattern PLAIN = Pattern.compile("[\\w.-]{1,64}");

  private final JsonNode object;
  private final String source;
  private final String prefix;

  /**
   * Wraps an object.
   *
   * @param object a JSON object
   * @param source what messages call the file
   */
  public JsonFields(JsonNode object, String source) {
    this(object, source, "");
  }

  private JsonFields(JsonNode object, String source, String prefix) {
    if (!object.isObject()) {
      throw new IllegalArgumentException(source + ": not a JSON object");
    }
    this.object = object;
    this.source = source;
    this.prefix = prefix;
  }

  /**
   * Says whether a field is there and not null.
   *
   * @param name the field
   * @return false if it is absent or null
   */
  public boolean has(String name) {
    return object.hasNonNull(name);
  }

  /**
   * Returns the names of the fields.
   *
   * @return all names, those of null fields included, in the file's order
   */
  public List<String> names() {
    List<String> names = new ArrayList<>();
    object.fieldNames().forEachRemaining(names::add);
    return names;
  }

  /**
   * Reads the object in a field.
   *
   * @param name the field
   * @return its object, or nothing if it is absent or null
   * @throws ModelFormatException if it is something else
   */
  public Optional<JsonFields> object(String name) throws ModelFormatException {
    if (!has(name)) {
      return Optional.empty();
    }
    JsonNode node = object.get(name);
    if (!node.isObject()) {
      throw wrongType(name, "an object", node);
    }
    return Optional.of(new JsonFields(node, source, prefix + plain(name) + "."));
  }

  /**
   * Reads an integer that must not be null.
   *
   * @param name the field
   * @param absent the value if it is absent
   * @return the value
   * @throws ModelFormatException if it is not an integer of 32 bits
   */
  public int integer(String name, int absent) throws ModelFormatException {
    JsonNode node = object.get(name);
    return node == null ? absent : integer(name, node);
  }

  /**
   * Reads an integer.
   *
   * @param name the field
   * @return the value, or nothing if it is absent or null
   * @throws ModelFormatException if it is not an integer of 32 bits
   */
  public OptionalInt integer(String name) throws ModelFormatException {
    return has(name) ? OptionalInt.of(integer(name, object.get(name))) : OptionalInt.empty();
  }

  /**
   * Reads a finite number that must not be null.
   *
   * @param name the field
   * @param absent the value if it is absent
   * @return the value
   * @throws ModelFormatException if it is not a finite number
   */
  public double number(String name, double absent) throws ModelFormatException {
    JsonNode node = object.get(name);
    return node == null ? absent : number(name, node);
  }

  /**
   * Reads a finite number.
   *
   * @param name the field
   * @return the value, or nothing if it is absent or null
   * @throws ModelFormatException if it is not a finite number
   */
  public OptionalDouble number(String name) throws ModelFormatException {
    return has(name) ? OptionalDouble.of(number(name, object.get(name))) : OptionalDouble.empty();
  }

  /**
   * Reads a truth value that must not be null.
   *
   * @param name the field
   * @param absent the value if it is absent
   * @return the value
   * @throws ModelFormatException if it is neither true nor false
   */
  public boolean bool(String name, boolean absent) throws ModelFormatException {
    JsonNode node = object.get(name);
    if (node == null) {
      return absent;
    }
    if (!node.isBoolean()) {
      throw wrongType(name, "true or false", node);
    }
    return node.booleanValue();
  }

  /**
   * Reads a text.
   *
   * @param name the field
   * @return the value, or nothing if it is absent or null
   * @throws ModelFormatException if it is not a string
   */
  public Optional<String> string(String name) throws ModelFormatException {
    if (!has(name)) {
      return Optional.empty();
    }
    JsonNode node = object.get(name);
    if (!node.isTextual()) {
      throw wrongType(name, "a string", node);
    }
    return Optional.of(node.textValue());
  }

  /**
   * Reads one integer or a list of integers.
   *
   * @param name the field
   * @return the values, or nothing if it is absent or null
   * @throws ModelFormatException if it is neither
   */
  public Optional<List<Integer>> integers(String name) throws ModelFormatException {
    if (!has(name)) {
      return Optional.empty();
    }
    JsonNode node = object.get(name);
    List<Integer> values = new ArrayList<>();
    if (node.isArray()) {
      for (JsonNode element : node) {
        values.add(integer(name, element));
      }
    } else {
      values.add(integer(name, node));
    }
    return Optional.of(List.copyOf(values));
  }

  /**
   * Reads a list of finite numbers.
   *
   * @param name the field
   * @return the values, or nothing if it is absent or null
   * @throws ModelFormatException if it is not a list of finite numbers
   */
  public Optional<List<Double>> numbers(String name) throws ModelFormatException {
    if (!has(name)) {
      return Optional.empty();
    }
    JsonNode node = object.get(name);
    if (!node.isArray()) {
      throw wrongType(name, "a list of numbers", node);
    }
    List<Double> values = new ArrayList<>();
    for (JsonNode element : node) {
      values.add(number(name, element));
    }
    return Optional.of(List.copyOf(values));
  }

  /**
   * Reads one text or a list of texts.
   *
   * @param name the field
   * @return the values, or nothing if it is absent or null
   * @throws ModelFormatException if it is neither
   */
  public Optional<List<String>> strings(String name) throws ModelFormatException {
    if (!has(name)) {
      return Optional.empty();
    }
    JsonNode node = object.get(name);
    if (node.isTextual()) {
      return Optional.of(List.of(node.textValue()));
    }
    if (!node.isArray()) {
      throw wrongType(name, "a string or a list of strings", node);
    }
    List<String> values = new ArrayList<>();
    for (JsonNode element : node) {
      if (!element.isTextual()) {
        throw wrongType(name, "a list of strings", element);
      }
      values.add(element.textValue());
    }
    return Optional.of(List.copyOf(values));
  }

  /**
   * Returns a field as it is.
   *
   * @param name the field
   * @return its value; null if it is absent
   */
  public JsonNode get(String name) {
    return object.get(name);
  }

  /**
   * Returns the object itself.
   *
   * @return the object that was wrapped
   */
  public JsonNode object() {
    return object;
  }

  /**
   * Begins a message about the object.
   *
   * @return what messages call it
   */
  public String source() {
    return prefix.isEmpty() ? source : source + ": " + prefix.substring(0, prefix.length() - 1);
  }

  /**
   * Begins a message about a field.
   *
   * @param name the field
   * @return file and field
   */
  public String where(String name) {
    return source + ": " + prefix + plain(name);
  }

  /** Names of fields stand in messages as they are, but a stranger may have chosen them. */
  private static String plain(String name) {
    return PLAIN.matcher(name).matches() ? name : Names.quote(name);
  }

  /**
   * Describes a value for a message, on one line.
   *
   * @param node any value
   * @return the value, or for a list or an object its kind
   */
  public static String describe(JsonNode node) {
    if (node.isObject()) {
      return "an object";
    }
    if (node.isArray()) {
      return "a list";
    }
    return node.isTextual() ? Names.quote(node.textValue()) : node.asText();
  }

  private int integer(String name, JsonNode node) throws ModelFormatException {
    if (!node.isIntegralNumber()) {
      throw wrongType(name, "an integer", node);
    }
    if (!node.canConvertToInt()) {
      throw wrongType(
          name, "an integer from " + Integer.MIN_VALUE + " to " + Integer.MAX_VALUE, node);
    }
    return node.intValue();
  }

  private double number(String name, JsonNode node) throws ModelFormatException {
    if (!node.isNumber() || !Double.isFinite(node.doubleValue())) {
      throw wrongType(name, "a finite number", node);
    }
    return node.doubleValue();
  }

  private ModelFormatException wrongType(String name, String expected, JsonNode node) {
    return new ModelFormatException(
        where(name) + ": expected " + expected + ", found " + describe(node));
  }
}
