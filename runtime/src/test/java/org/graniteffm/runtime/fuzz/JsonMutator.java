package org.graniteffm.runtime.fuzz;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Damages JSON where it hurts: members lost, doubled, renamed or swapped, values of another type,
 * numbers at the limits, names that lead out of a folder. What comes out is mostly well-formed.
 */
final class JsonMutator {
  private static final int MOST_REPEATED = 300;

  private static final List<String> VALUES =
      List.of(
          "null",
          "true",
          "false",
          "0",
          "-0",
          "1",
          "-1",
          "2",
          "3",
          "7",
          "1.5",
          "-0.5",
          "1e3",
          "1e400",
          "-1e400",
          "1e-400",
          "NaN",
          "Infinity",
          "-Infinity",
          "0.1",
          "1e38",
          "4e38",
          "2147483647",
          "2147483648",
          "-2147483648",
          "4294967296",
          "9223372036854775807",
          "9223372036854775808",
          "-9223372036854775808",
          "18446744073709551615",
          "9".repeat(99),
          "9".repeat(101),
          "1." + "0".repeat(200),
          "01",
          "+1",
          "1.",
          ".5",
          "0x10",
          "{}",
          "[]",
          "[[]]",
          "[{}]",
          "[0]",
          "[1,2]",
          "[0,0]",
          "[-1]",
          "[\"\"]",
          "{\"\":0}",
          "{\"a\":{\"a\":{}}}",
          "[".repeat(40) + "]".repeat(40),
          "[".repeat(2000) + "]".repeat(2000),
          "\"\"",
          "\" \"",
          "\"..\"",
          "\"/\"",
          "\"../x\"",
          "\"a/b\"",
          "\"\\u0000\"",
          "\"\\n\"",
          "\"\\ud800\"",
          "\"\\u202e\"",
          "\"é\"",
          "\"" + "x".repeat(300) + "\"",
          "\"" + "y".repeat(70_000) + "\"",
          "\"F32\"",
          "\"BF16\"",
          "\"F4\"",
          "\"I64\"",
          "\"default\"",
          "\"yarn\"",
          "\"longrope\"",
          "\"dynamic\"",
          "\"granitemoe\"",
          "\"BPE\"",
          "\"Sequence\"",
          "\"ByteLevel\"",
          "\"model.safetensors\"");

  private static final List<String> NAMES =
      List.of(
          "",
          "a",
          "__metadata__",
          "dtype",
          "shape",
          "data_offsets",
          "weight_map",
          "rope_scaling",
          "rope_parameters",
          "rope_type",
          "type",
          "factor",
          "head_dim",
          "num_local_experts",
          "quantization_config",
          "eos_token_id",
          "max_length",
          "num_beams",
          "ids",
          "prompt",
          "vocab",
          "merges",
          "added_tokens",
          "normalizer",
          "content",
          "id",
          "special",
          "runs",
          "\\u0000",
          "\\ud800",
          "\\n",
          "..",
          "x".repeat(70_000));

  private record Member(String name, Object value) {}

  private static final class JsonObject extends ArrayList<Object> {
    private static final long serialVersionUID = 1L;
  }

  private static final class JsonArray extends ArrayList<Object> {
    private static final long serialVersionUID = 1L;
  }

  private final Choices choices;

  JsonMutator(Choices choices) {
    this.choices = choices;
  }

  /**
   * Changes a text a few times.
   *
   * @param json one value
   * @return UTF-8, mostly still JSON
   */
  byte[] mutate(String json) throws IOException {
    Object root;
    try (JsonParser parser = new JsonFactory().createParser(json)) {
      parser.nextToken();
      root = read(parser);
    }
    for (int count = choices.next(4) + 1; count > 0; count--) {
      root = change(root);
    }
    StringBuilder out = new StringBuilder();
    write(root, out);
    return damage(out.toString().getBytes(StandardCharsets.UTF_8));
  }

  private static Object read(JsonParser parser) throws IOException {
    return switch (parser.currentToken()) {
      case START_OBJECT -> {
        JsonObject object = new JsonObject();
        while (parser.nextToken() == JsonToken.FIELD_NAME) {
          String name = quoted(parser.currentName());
          parser.nextToken();
          object.add(new Member(name, read(parser)));
        }
        yield object;
      }
      case START_ARRAY -> {
        JsonArray array = new JsonArray();
        while (parser.nextToken() != JsonToken.END_ARRAY) {
          array.add(read(parser));
        }
        yield array;
      }
      case VALUE_STRING -> quoted(parser.getText());
      default -> parser.getText();
    };
  }

  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + '"';
  }

  /** What is changed twice can hold itself twice: past this length, the rest is left out. */
  private static final int LONGEST = 1 << 20;

  private static void write(Object node, StringBuilder out) {
    if (out.length() > LONGEST) {
      return;
    }
    switch (node) {
      case JsonObject object -> {
        String separator = "{";
        for (Object member : object) {
          out.append(separator).append(((Member) member).name).append(':');
          write(((Member) member).value, out);
          separator = ",";
        }
        out.append(object.isEmpty() ? "{}" : "}");
      }
      case JsonArray array -> {
        String separator = "[";
        for (Object element : array) {
          out.append(separator);
          write(element, out);
          separator = ",";
        }
        out.append(array.isEmpty() ? "[]" : "]");
      }
      default -> out.append(node);
    }
  }

  private static void collect(Object node, List<List<Object>> containers) {
    if (node instanceof JsonObject || node instanceof JsonArray) {
      @SuppressWarnings("unchecked")
      List<Object> container = (List<Object>) node;
      if (!container.isEmpty()) {
        containers.add(container);
      }
      for (Object element : container) {
        collect(element instanceof Member member ? member.value : element, containers);
      }
    }
  }

  private Object change(Object root) {
    List<List<Object>> containers = new ArrayList<>();
    collect(root, containers);
    if (containers.isEmpty()) {
      return pick(VALUES);
    }
    List<Object> container = pick(containers);
    int at = choices.next(container.size());
    Object entry = container.get(at);
    switch (choices.next(10)) {
      case 0 -> container.remove(at);
      case 1 -> container.add(choices.next(container.size() + 1), entry);
      case 2 -> {
        int count = choices.next(MOST_REPEATED);
        for (int i = 0; i < count; i++) {
          container.add(entry);
        }
      }
      case 3 -> {
        List<Object> other = pick(containers);
        put(container, at, value(other.get(choices.next(other.size()))));
      }
      case 4 -> {
        if (entry instanceof Member member) {
          container.set(at, new Member('"' + pick(NAMES) + '"', member.value));
        } else {
          container.add(at, pick(VALUES));
        }
      }
      case 5 -> {
        if (container instanceof JsonObject) {
          container.add(at, new Member('"' + pick(NAMES) + '"', pick(VALUES)));
        } else {
          container.clear();
        }
      }
      case 6, 7 -> put(container, at, tweaked(value(entry)));
      default -> put(container, at, pick(VALUES));
    }
    return choices.next(200) == 199 ? pick(VALUES) : root;
  }

  private static Object value(Object entry) {
    return entry instanceof Member member ? member.value : entry;
  }

  private static void put(List<Object> container, int at, Object value) {
    // a container in itself would have no end
    Object copy = copy(value);
    container.set(
        at, container.get(at) instanceof Member member ? new Member(member.name, copy) : copy);
  }

  private static Object copy(Object node) {
    return switch (node) {
      case JsonObject object -> {
        JsonObject copy = new JsonObject();
        for (Object entry : object) {
          Member member = (Member) entry;
          copy.add(new Member(member.name, copy(member.value)));
        }
        yield copy;
      }
      case JsonArray array -> {
        JsonArray copy = new JsonArray();
        array.forEach(element -> copy.add(copy(element)));
        yield copy;
      }
      default -> node;
    };
  }

  /** A number next to it, or a text with something in it. */
  private Object tweaked(Object value) {
    if (!(value instanceof String text)) {
      return pick(VALUES);
    }
    if (text.startsWith("\"")) {
      int at = 1 + choices.next(Math.max(1, text.length() - 1));
      String part =
          pick(List.of("/", "..", "\\u0000", "\\n", " ", "é", "\\ud83d", "x", ":", "\\\\"));
      return text.substring(0, at) + part + text.substring(at);
    }
    try {
      long number = Long.parseLong(text);
      return switch (choices.next(6)) {
        case 0 -> Long.toString(number + 1);
        case 1 -> Long.toString(number - 1);
        case 2 -> Long.toString(-number);
        case 3 -> Long.toString(number * 2);
        case 4 -> Long.toString(number * 1_000_003);
        default -> number + ".0";
      };
    } catch (NumberFormatException e) {
      return pick(VALUES);
    }
  }

  /** Now and then something that a structure does not have: a byte changed, lost or too much. */
  private byte[] damage(byte[] bytes) {
    if (bytes.length == 0 || choices.next(8) != 7) {
      return bytes;
    }
    int at = choices.next(bytes.length);
    byte[] copy = bytes.clone();
    switch (choices.next(3)) {
      case 0 -> copy[at] = (byte) choices.next(256);
      case 1 -> copy = Arrays.copyOf(bytes, at);
      default -> {
        copy = Arrays.copyOf(bytes, bytes.length + 1);
        copy[bytes.length] = (byte) choices.next(256);
      }
    }
    return copy;
  }

  private <T> T pick(List<T> list) {
    return list.get(choices.next(list.size()));
  }
}
