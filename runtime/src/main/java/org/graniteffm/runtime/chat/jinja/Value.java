package org.graniteffm.runtime.chat.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** A value of a template: plain data, or one of the few things that templates make themselves. */
sealed interface Value {
  Value NONE = new None();
  Value TRUE = new Bool(true);
  Value FALSE = new Bool(false);
  Value EMPTY = new Str("");

  /** Python's None. */
  record None() implements Value {}

  /** True or False, in sums 1 or 0. */
  record Bool(boolean value) implements Value {}

  /** An integer; beyond 64 bits it is an error. */
  record Int(long value) implements Value {}

  /** A float. */
  record Real(double value) implements Value {}

  /** A string. */
  record Str(String text) implements Value {}

  /** A list or a tuple; its elements do not change. */
  record Seq(List<Value> items, boolean tuple) implements Value {
    static Seq list(List<Value> items) {
      return new Seq(items, false);
    }

    static Seq tuple(Value... items) {
      return new Seq(List.of(items), true);
    }
  }

  /** A dict with strings as keys, in the order of insertion; its entries do not change. */
  record Dict(Map<String, Value> entries) implements Value {}

  /** What a name without a value stands for; the text says what was looked for. */
  record Undefined(String text) implements Value {}

  /** What {@code namespace()} makes: its attributes can be set. */
  record Namespace(Map<String, Value> attributes) implements Value {}

  /** A function or method of the language; only its name is known of it. */
  record Function(String name) implements Value {}

  /** A macro and the variables around its definition. */
  record Macro(Statement.Macro definition, Scope scope) implements Value {}

  /** The variable {@code loop}. */
  final class Loop implements Value {
    private final List<Value> items;
    private int index;

    Loop(List<Value> items) {
      this.items = items;
    }

    void moveTo(int newIndex) {
      index = newIndex;
    }

    /** The argument whose turn it is. */
    Value cycle(List<Value> arguments) {
      if (arguments.isEmpty()) {
        throw new TemplateException("loop.cycle needs an argument");
      }
      return arguments.get(index % arguments.size());
    }

    Value attribute(String name) {
      int length = items.size();
      return switch (name) {
        case "index" -> new Int(index + 1);
        case "index0" -> new Int(index);
        case "revindex" -> new Int(length - index);
        case "revindex0" -> new Int(length - index - 1);
        case "first" -> of(index == 0);
        case "last" -> of(index == length - 1);
        case "length" -> new Int(length);
        case "depth" -> new Int(1); // counts how deep a loop calls itself, which is not supported
        case "depth0" -> new Int(0);
        case "previtem" ->
            index == 0 ? new Undefined("there is no previous item") : items.get(index - 1);
        case "nextitem" ->
            index == length - 1 ? new Undefined("there is no next item") : items.get(index + 1);
        default -> new Undefined("'loop' has no attribute '" + name + "'");
      };
    }
  }

  static Value of(boolean value) {
    return value ? TRUE : FALSE;
  }

  /**
   * Copies plain Java data.
   *
   * @param data null, booleans, numbers, character sequences, and maps and lists of them
   * @param where what messages call it
   * @throws IllegalArgumentException if it is or holds anything else, or is nested too deep
   */
  static Value of(Object data, String where) {
    return of(data, where, 0);
  }

  private static Value of(Object data, String where, int depth) {
    if (depth > 100) {
      throw new IllegalArgumentException(where + ": nested more than 100 deep");
    }
    return switch (data) {
      case null -> NONE;
      case Boolean b -> of(b.booleanValue());
      case Byte n -> new Int(n);
      case Short n -> new Int(n);
      case Integer n -> new Int(n);
      case Long n -> new Int(n);
      case Float n -> new Real(n);
      case Double n -> new Real(n);
      case CharSequence text -> new Str(text.toString());
      case List<?> list -> {
        List<Value> items = new ArrayList<>();
        for (Object item : list) {
          items.add(of(item, where + "[" + items.size() + "]", depth + 1));
        }
        yield Seq.list(Collections.unmodifiableList(items));
      }
      case Map<?, ?> map -> {
        Map<String, Value> entries = new LinkedHashMap<>();
        map.forEach((key, value) -> {
          if (!(key instanceof String name)) {
            throw new IllegalArgumentException(where + ": a key is no String, but " + key);
          }
          entries.put(name, of(value, where + "." + name, depth + 1));
        });
        yield new Dict(Collections.unmodifiableMap(entries));
      }
      default ->
          throw new IllegalArgumentException(
              where
                  + ": neither null, Boolean, a number of Java's, String, List nor Map, but "
                  + data.getClass().getName());
    };
  }
}
