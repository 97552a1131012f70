package org.graniteffm.runtime.chat.jinja;

import java.time.Clock;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;

/** A template that was read and can be rendered any number of times. Immutable. */
public final class Template {
  /** Characters a template may have. */
  public static final int LONGEST = 1 << 20;

  private final String source;
  private final List<Statement> statements;

  private Template(String source, List<Statement> statements) {
    this.source = source;
    this.statements = statements;
  }

  /**
   * Reads a template.
   *
   * @param text the template
   * @param source what messages call it
   * @return the template
   * @throws UnsupportedModelException if it uses what is not in the subset; names what and where
   * @throws ModelFormatException if it is malformed or too long
   */
  public static Template parse(String text, String source) throws ModelFormatException {
    if (text.length() > LONGEST) {
      throw new ModelFormatException(
          "%s: %d characters, the limit for a template is %d"
              .formatted(source, text.length(), LONGEST));
    }
    try {
      return new Template(source, Parser.parse(Lexer.tokens(text)));
    } catch (TemplateException e) {
      throw failure(source + ": " + e.getMessage(), e);
    }
  }

  /**
   * Renders the template.
   *
   * @param variables plain data by name: null, Boolean, numbers, String, and List and Map of them
   * @param clock tells {@code strftime_now} time and zone
   * @return the text
   * @throws IllegalArgumentException if a variable is no plain data, or the template calls {@code
   *     raise_exception}: the variables do not suit it
   * @throws UnsupportedModelException if it uses what is not in the subset
   * @throws ModelFormatException if it does what has no meaning, or goes over its budget
   */
  public String render(Map<String, ?> variables, Clock clock) throws ModelFormatException {
    Map<String, Value> values = new LinkedHashMap<>();
    variables.forEach((name, value) -> values.put(name, Value.of(value, name)));
    Interpreter interpreter = new Interpreter(clock);
    try {
      return interpreter.render(statements, values);
    } catch (TemplateException e) {
      throw failure("%s: line %d: %s".formatted(source, interpreter.line(), e.getMessage()), e);
    }
  }

  private static ModelFormatException failure(String message, TemplateException e) {
    return switch (e.kind()) {
      case MALFORMED -> new ModelFormatException(message, e);
      case UNSUPPORTED -> new UnsupportedModelException(message);
      case REFUSED -> throw new IllegalArgumentException(message, e);
    };
  }
}
