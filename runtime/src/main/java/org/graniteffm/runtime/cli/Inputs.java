package org.graniteffm.runtime.cli;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.BufferedInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.graniteffm.runtime.FileErrors;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.json.JsonFields;
import org.graniteffm.runtime.json.JsonReader;

/** Reads prompts, or other texts, from a file of JSON objects, one a line. */
final class Inputs {
  private static final int LONGEST_LINE = 64 << 20;

  private Inputs() {}

  /**
   * A prompt.
   *
   * @param source what messages call it
   * @param text of the prompt, or null
   * @param ids of the prompt, or null; one of the two is there
   */
  record Prompt(String source, String text, List<Integer> ids) {}

  /**
   * Reads all lines, so that a bad one is found before the first has been answered.
   *
   * @param file UTF-8, each line {@code {textField: "…"}} or {@code {"ids": […]}}
   * @param textField what a text is called, such as {@code prompt}
   * @return at least one prompt
   * @throws ModelFormatException if there is no line, or one is anything else; has its number
   * @throws IOException if the file cannot be read
   */
  static List<Prompt> read(Path file, String textField) throws IOException {
    if (!Files.isRegularFile(file) && Files.notExists(file)) {
      throw new NoSuchFileException(file.toString(), null, "no such file");
    }
    if (Files.isDirectory(file)) {
      throw new FileSystemException(file.toString(), null, "is a folder, expected a file of lines");
    }
    List<Prompt> prompts = new ArrayList<>();
    try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
      ByteArrayOutputStream line = new ByteArrayOutputStream();
      boolean more = true;
      while (more) {
        String source = file + ": line " + (prompts.size() + 1);
        line.reset();
        more = readLine(in, line, source);
        if (more || line.size() > 0) {
          prompts.add(parse(line.toByteArray(), source, textField));
        }
      }
    } catch (IOException e) {
      throw FileErrors.at(file, e);
    }
    if (prompts.isEmpty()) {
      throw new ModelFormatException(file + ": is empty, expected a JSON object on each line");
    }
    return prompts;
  }

  /** Whether a line feed ended the line. */
  private static boolean readLine(InputStream in, ByteArrayOutputStream line, String source)
      throws IOException {
    for (int b = in.read(); b != '\n'; b = in.read()) {
      if (b < 0) {
        return false;
      }
      line.write(b);
      if (line.size() > LONGEST_LINE) {
        throw new ModelFormatException(source + ": longer than " + LONGEST_LINE + " bytes");
      }
    }
    return true;
  }

  private static Prompt parse(byte[] line, String source, String textField)
      throws ModelFormatException {
    JsonNode object;
    try {
      object = JsonReader.parseObject(ByteBuffer.wrap(line), source);
    } catch (ModelFormatException e) {
      // the parser's own count of lines starts anew in each of ours
      throw new ModelFormatException(e.getMessage().replace("(line 1, column", "(column"), e);
    }
    JsonFields fields = new JsonFields(object, source);
    for (String name : fields.names()) {
      if (!name.equals(textField) && !name.equals("ids")) {
        throw new ModelFormatException(
            "%s: %s is unknown, expected \"%s\" or \"ids\""
                .formatted(source, Names.quote(name), textField));
      }
    }
    if (fields.has(textField) == fields.has("ids")) {
      throw new ModelFormatException(
          "%s: expected either \"%s\" or \"ids\"".formatted(source, textField));
    }
    if (fields.has(textField)) {
      return new Prompt(source, fields.string(textField).orElseThrow(), null);
    }
    if (!fields.get("ids").isArray()) {
      throw new ModelFormatException(
          source + ": ids: expected an array, found " + JsonFields.describe(fields.get("ids")));
    }
    return new Prompt(source, null, fields.integers("ids").orElseThrow());
  }
}
