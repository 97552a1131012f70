package org.graniteffm.runtime.chat.jinja;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import org.graniteffm.runtime.Names;

/** The values of a call's arguments. */
record Args(String callee, List<Value> positional, Map<String, Value> named) {
  /**
   * Puts the arguments in the order of their names.
   *
   * @param required how many of the first ones must be given
   * @param names all that there are
   * @return as many values; null for those that were not given
   */
  Value[] bind(int required, String... names) {
    if (positional.size() > names.length) {
      throw new TemplateException(
          "%s takes %d arguments, not %d".formatted(callee, names.length, positional.size()));
    }
    Value[] values = positional.toArray(new Value[names.length]);
    Arrays.fill(values, positional.size(), names.length, null);
    named.forEach((name, value) -> {
      int index = Arrays.asList(names).indexOf(name);
      if (index < 0 || values[index] != null) {
        throw new TemplateException(
            "%s: the argument %s is %s"
                .formatted(callee, Names.quote(name), index < 0 ? "unknown" : "given twice"));
      }
      values[index] = value;
    });
    for (int i = 0; i < required; i++) {
      if (values[i] == null) {
        throw new TemplateException("%s needs the argument '%s'".formatted(callee, names[i]));
      }
    }
    return values;
  }

  /** The only argument without a name, or null, where any names are allowed. */
  Value bindFirst(String name) {
    return new Args(callee, positional, Map.of()).bind(0, name)[0];
  }

  /** A string, or if it is absent or None null. */
  String string(Value value) {
    return switch (value) {
      case null -> null;
      case Value.None _ -> null;
      case Value.Str(String text) -> text;
      default -> throw wrong("a string", value);
    };
  }

  /** An integer, or if it is absent or None another one. */
  long integer(Value value, long otherwise) {
    return switch (value) {
      case null -> otherwise;
      case Value.None _ -> otherwise;
      case Value.Int(long number) -> number;
      case Value.Bool(boolean one) -> one ? 1 : 0;
      default -> throw wrong("an integer", value);
    };
  }

  private TemplateException wrong(String expected, Value found) {
    return new TemplateException(
        "%s: expected %s, found %s".formatted(callee, expected, Operators.kind(found)));
  }
}
