package org.graniteffm.runtime.verify;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.stream.Stream;
import org.graniteffm.runtime.FileErrors;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.json.JsonFields;
import org.graniteffm.runtime.json.JsonReader;

/**
 * A reference case: what {@code case.json} says.
 *
 * @param directory the folder, which is a checkpoint too
 * @param name the folder's name
 * @param rtol single precision: tolerance relative to the wanted value
 * @param atol single precision: absolute tolerance
 * @param relativeRms bfloat16 activations: limit of the relative root mean square, if the case has
 *     one
 * @param runs to be worked through in order; unmodifiable
 */
public record GoldenCase(
    Path directory,
    String name,
    double rtol,
    double atol,
    OptionalDouble relativeRms,
    List<Run> runs) {
  /** The file that makes a folder a case. */
  public static final String FILE = "case.json";

  private static final int FORMAT = 1;

  /**
   * One run of a case. Inputs and outputs map a role, such as {@code logits}, to the name of a
   * tensor in {@code expected.safetensors}.
   *
   * @param name its name, unique in the case
   * @param kind {@code forward}, {@code generate}, or what a later version of the format has
   * @param continues the earlier run whose cache this one appends to a copy of
   * @param inputs tensors to start from
   * @param outputs tensors to compare with
   * @param compareRows name of the tensor that masks the rows to compare
   * @param arguments options of a forward pass, or arguments of a generation
   * @param bfloat16Noise what transformers itself misses by when it computes in bfloat16, as a
   *     relative root mean square
   */
  public record Run(
      String name,
      String kind,
      Optional<String> continues,
      Map<String, String> inputs,
      Map<String, String> outputs,
      Optional<String> compareRows,
      JsonFields arguments,
      OptionalDouble bfloat16Noise) {}

  /**
   * Reads a case.
   *
   * @param directory the folder
   * @return the case
   * @throws ModelFormatException if {@code case.json} is malformed; names the field
   * @throws IOException if it cannot be read
   */
  public static GoldenCase read(Path directory) throws IOException {
    Path file = directory.resolve(FILE);
    JsonFields fields =
        new JsonFields(JsonReader.readObject(file, JsonReader.INDEX_LIMIT), file.toString());
    int format = fields.integer("format", FORMAT);
    if (format != FORMAT) {
      throw new ModelFormatException(
          "%s: expected %d, found %d".formatted(fields.where("format"), FORMAT, format));
    }
    JsonFields tolerance = required(fields, "tolerance", fields.object("tolerance"));
    JsonFields single = required(tolerance, "float32", tolerance.object("float32"));
    Optional<JsonFields> half = tolerance.object("bfloat16_activations");
    return new GoldenCase(
        directory,
        directory.toAbsolutePath().normalize().getFileName().toString(),
        tolerance(single, "rtol"),
        tolerance(single, "atol"),
        half.isEmpty() ? OptionalDouble.empty() : half.get().number("relative_rms"),
        runs(fields, file.toString()));
  }

  /**
   * Finds cases.
   *
   * @param directory a case, or a folder of cases
   * @return the folder itself, or those in it that are cases, sorted by name
   * @throws ModelFormatException if there are none
   * @throws IOException if the folder cannot be read
   */
  public static List<Path> find(Path directory) throws IOException {
    if (Files.exists(directory.resolve(FILE))) {
      return List.of(directory);
    }
    try (Stream<Path> entries = Files.list(directory)) {
      List<Path> cases =
          entries.filter(entry -> Files.exists(entry.resolve(FILE))).sorted().toList();
      if (cases.isEmpty()) {
        throw new ModelFormatException(
            "%s: no reference case: neither it nor a folder in it holds %s"
                .formatted(directory, FILE));
      }
      return cases;
    } catch (UncheckedIOException e) {
      throw FileErrors.at(directory, e.getCause());
    }
  }

  private static double tolerance(JsonFields fields, String name) throws ModelFormatException {
    OptionalDouble value = fields.number(name);
    if (value.isEmpty() || value.getAsDouble() < 0) {
      throw new ModelFormatException(fields.where(name) + ": expected a number of at least 0");
    }
    return value.getAsDouble();
  }

  private static List<Run> runs(JsonFields fields, String source) throws ModelFormatException {
    JsonNode node = fields.get("runs");
    if (node == null || !node.isArray() || node.isEmpty()) {
      throw new ModelFormatException(fields.where("runs") + ": expected a list of runs");
    }
    List<Run> runs = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (JsonNode element : node) {
      String where = "%s: runs[%d]".formatted(source, runs.size());
      if (!element.isObject()) {
        throw new ModelFormatException(where + ": expected an object");
      }
      Run run = run(new JsonFields(element, where));
      if (run.continues().isPresent() && !names.contains(run.continues().get())) {
        throw new ModelFormatException(
            "%s: continues: no earlier run %s"
                .formatted(where, Names.quote(run.continues().get())));
      }
      if (!names.add(run.name())) {
        throw new ModelFormatException(
            "%s: name: %s is there twice".formatted(where, Names.quote(run.name())));
      }
      runs.add(run);
    }
    return List.copyOf(runs);
  }

  private static Run run(JsonFields fields) throws ModelFormatException {
    String kind = required(fields, "kind", fields.string("kind"));
    String arguments = kind.equals("forward") ? "options" : "generation";
    return new Run(
        required(fields, "name", fields.string("name")),
        kind,
        fields.string("continues"),
        names(fields, "inputs"),
        names(fields, "outputs"),
        fields.string("compare_rows"),
        fields
            .object(arguments)
            .orElseGet(() ->
                new JsonFields(JsonNodeFactory.instance.objectNode(), fields.where(arguments))),
        fields.number("bfloat16_noise"));
  }

  private static Map<String, String> names(JsonFields run, String field)
      throws ModelFormatException {
    JsonFields fields = required(run, field, run.object(field));
    Map<String, String> names = new LinkedHashMap<>();
    for (String role : fields.names()) {
      names.put(role, required(fields, role, fields.string(role)));
    }
    return Collections.unmodifiableMap(names);
  }

  private static <T> T required(JsonFields fields, String name, Optional<T> value)
      throws ModelFormatException {
    if (value.isEmpty()) {
      throw new ModelFormatException(fields.where(name) + ": is missing");
    }
    return value.get();
  }
}
