package org.graniteffm.runtime.chat.jinja;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;
import java.util.function.UnaryOperator;
import java.util.stream.Collectors;
import org.graniteffm.runtime.Names;

/** What may stand behind {@code |}. */
final class Filters {
  static final Set<String> NAMES =
      Set.of(
          "abs",
          "capitalize",
          "count",
          "d",
          "default",
          "dictsort",
          "first",
          "float",
          "indent",
          "int",
          "items",
          "join",
          "last",
          "length",
          "list",
          "lower",
          "map",
          "max",
          "min",
          "reject",
          "rejectattr",
          "replace",
          "reverse",
          "safe",
          "select",
          "selectattr",
          "sort",
          "string",
          "sum",
          "title",
          "tojson",
          "trim",
          "unique",
          "upper");

  private static final int LARGEST_INDENT = 100;

  private final Budget budget;
  private final Printer printer;
  private final Operators operators;
  private final Tests tests;
  private final Methods methods;

  Filters(Budget budget, Printer printer, Operators operators, Tests tests, Methods methods) {
    this.budget = budget;
    this.printer = printer;
    this.operators = operators;
    this.tests = tests;
    this.methods = methods;
  }

  Value apply(String name, Value value, Args args) {
    return switch (name) {
      case "d", "default" -> {
        Value[] given = args.bind(0, "default_value", "boolean");
        boolean absent =
            value instanceof Value.Undefined
                || (given[1] != null && Operators.isTrue(given[1]) && !Operators.isTrue(value));
        yield !absent ? value : given[0] == null ? Value.EMPTY : given[0];
      }
      case "tojson" -> new Value.Str(printer.json(value, jsonStyle(args)));
      case "indent" -> new Value.Str(indent(printer.string(value), args));
      case "trim" -> {
        String characters = args.string(args.bind(0, "chars")[0]);
        String text = printer.string(value);
        budget.search(text.length());
        yield new Value.Str(Text.strip(text, characters, true, true));
      }
      case "replace" -> {
        Value[] given = args.bind(2, "old", "new", "count");
        yield new Value.Str(
            methods.replace(
                printer.string(value),
                printer.string(given[0]),
                printer.string(given[1]),
                args.integer(given[2], -1)));
      }
      case "join" -> {
        Value[] given = args.bind(0, "d", "attribute");
        String separator = given[0] == null ? "" : printer.string(given[0]);
        List<String> parts = new ArrayList<>();
        for (Value item : elements(value)) {
          parts.add(printer.string(given[1] == null ? item : path(item, given[1])));
        }
        yield new Value.Str(methods.join(separator, parts));
      }
      case "int" -> toInt(value, args);
      case "float" -> toFloat(value, args);
      case "map" -> map(value, args);
      case "select", "reject", "selectattr", "rejectattr" -> select(name, value, args);
      case "sort", "dictsort", "unique", "max", "min" -> ordered(name, value, args);
      case "sum" -> {
        Value[] given = args.bind(0, "attribute", "start");
        Value sum = given[1] == null ? new Value.Int(0) : given[1];
        for (Value item : elements(value)) {
          Value term = given[0] == null ? item : path(item, given[0]);
          sum = operators.arithmetic("+", sum, term);
        }
        yield sum;
      }
      default -> {
        args.bind(0);
        yield simple(name, value);
      }
    };
  }

  private Value simple(String name, Value value) {
    return switch (name) {
      case "string", "safe" -> new Value.Str(printer.string(value));
      case "upper", "lower", "capitalize", "title" -> changeCase(name, printer.string(value));
      case "count", "length" -> new Value.Int(length(value));
      case "first" -> {
        List<Value> items = elements(value);
        yield items.isEmpty() ? new Value.Undefined("first of nothing") : items.getFirst();
      }
      case "last" -> {
        List<Value> items = elements(value);
        yield items.isEmpty() ? new Value.Undefined("last of nothing") : items.getLast();
      }
      case "list" -> Value.Seq.list(elements(value));
      case "reverse" -> {
        if (value instanceof Value.Str(String text)) {
          budget.text(text.length());
          yield new Value.Str(new StringBuilder(text).reverse().toString());
        }
        yield Value.Seq.list(elements(value).reversed());
      }
      case "items" ->
          switch (value) {
            case Value.Dict dict -> {
              budget.steps(dict.entries().size());
              yield Value.Seq.list(Methods.items(dict.entries()));
            }
            case Value.Undefined _ -> Value.Seq.list(List.of());
            default ->
                throw new TemplateException(
                    "items: expected a dict, found " + Operators.kind(value));
          };
      default -> // "abs"
          operators.test("<", value, new Value.Int(0))
              ? Operators.negative(value)
              : operators.arithmetic("+", value, new Value.Int(0));
    };
  }

  private Value changeCase(String name, String text) {
    budget.text(text.length());
    return new Value.Str(
        switch (name) {
          case "upper" -> text.toUpperCase(Locale.ROOT);
          case "lower" -> text.toLowerCase(Locale.ROOT);
          case "capitalize" -> Methods.capitalize(text);
          default -> title(text);
        });
  }

  /** Words begin behind white space, hyphens and opening brackets; unlike the method's. */
  private static String title(String text) {
    StringBuilder out = new StringBuilder(text.length());
    boolean begins = true;
    for (int i = 0; i < text.length(); ) {
      String c = Character.toString(text.codePointAt(i));
      out.append(begins ? c.toUpperCase(Locale.ROOT) : c.toLowerCase(Locale.ROOT));
      begins = "-({[<".contains(c) || Text.isWhitespace(c.codePointAt(0));
      i += c.length();
    }
    return out.toString();
  }

  private long length(Value value) {
    return switch (value) {
      case Value.Str(String text) -> {
        budget.search(text.length());
        yield Text.length(text);
      }
      case Value.Seq seq -> seq.items().size();
      case Value.Dict dict -> dict.entries().size();
      case Value.Undefined _ -> 0;
      default -> throw new TemplateException(Operators.kind(value) + " has no length");
    };
  }

  private Printer.JsonStyle jsonStyle(Args args) {
    Value[] given = args.bind(0, "ensure_ascii", "indent", "separators", "sort_keys");
    String indent =
        switch (given[1]) {
          case null -> null;
          case Value.Str(String text) -> text;
          case Value value -> {
            long width = args.integer(value, -1);
            yield width < 0 && value instanceof Value.None ? null : spaces(width);
          }
        };
    String comma = indent == null ? ", " : ",";
    String colon = ": ";
    if (given[2] != null && !(given[2] instanceof Value.None)) {
      List<Value> separators = elements(given[2]);
      if (separators.size() != 2) {
        throw new TemplateException("tojson: separators are no pair");
      }
      comma = printer.string(separators.get(0));
      colon = printer.string(separators.get(1));
    }
    boolean ensureAscii = given[0] != null && Operators.isTrue(given[0]);
    boolean sortKeys = given[3] != null && Operators.isTrue(given[3]);
    return new Printer.JsonStyle(ensureAscii, indent, comma, colon, sortKeys);
  }

  private static String spaces(long width) {
    if (width > LARGEST_INDENT) {
      throw new TemplateException("an indent of " + width + ", the limit is " + LARGEST_INDENT);
    }
    return " ".repeat((int) Math.max(0, width));
  }

  private String indent(String text, Args args) {
    Value[] given = args.bind(0, "width", "first", "blank");
    String indent =
        given[0] instanceof Value.Str(String prefix) ? prefix : spaces(args.integer(given[0], 4));
    boolean first = given[1] != null && Operators.isTrue(given[1]);
    boolean blank = given[2] != null && Operators.isTrue(given[2]);
    budget.search(text.length());
    Builder out = new Builder(budget);
    boolean atFirst = true;
    for (String line : Text.lines(text + "\n")) {
      boolean indented = atFirst ? first : blank || !line.isEmpty();
      out.append(atFirst ? "" : "\n").append(indented ? indent : "").append(line);
      atFirst = false;
    }
    return out.toString();
  }

  private static Value toInt(Value value, Args args) {
    Value[] given = args.bind(0, "default");
    Value otherwise = given[0] == null ? new Value.Int(0) : given[0];
    return switch (value) {
      case Value.Int _ -> value;
      case Value.Bool(boolean b) -> new Value.Int(b ? 1 : 0);
      case Value.Real(double n) -> truncate(n, otherwise);
      case Value.Str(String text) -> {
        String digits = Text.strip(text);
        yield digits.matches("[+-]?[0-9]{1,18}")
            ? new Value.Int(Long.parseLong(digits))
            : truncate(parse(digits), otherwise);
      }
      case Value.Undefined(String text) -> throw new TemplateException("int: " + text);
      default -> otherwise;
    };
  }

  private static Value truncate(double number, Value otherwise) {
    if (Math.abs(number) >= 0x1p63) {
      throw new TemplateException("an integer beyond 64 bits");
    }
    return Double.isNaN(number) ? otherwise : new Value.Int((long) number);
  }

  private static Value toFloat(Value value, Args args) {
    Value[] given = args.bind(0, "default");
    return switch (value) {
      case Value.Real _ -> value;
      case Value.Int(long n) -> new Value.Real(n);
      case Value.Bool(boolean b) -> new Value.Real(b ? 1 : 0);
      case Value.Str(String text) when !Double.isNaN(parse(Text.strip(text))) ->
          new Value.Real(parse(Text.strip(text)));
      case Value.Undefined(String text) -> throw new TemplateException("float: " + text);
      default -> given[0] == null ? new Value.Real(0) : given[0];
    };
  }

  /** NaN if it is no plain number. */
  private static double parse(String text) {
    boolean plain =
        text.length() <= 100 && text.matches("[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?");
    return plain ? Double.parseDouble(text) : Double.NaN;
  }

  private Value map(Value value, Args args) {
    UnaryOperator<Value> function;
    if (args.positional().isEmpty()) {
      Value[] given = args.bind(0, "attribute", "default");
      if (given[0] == null) {
        throw new TemplateException("map needs a filter or an attribute");
      }
      function = item -> path(item, given[0], given[1]);
    } else {
      String filter = known("filter", args, args.positional().getFirst(), NAMES);
      Args rest = new Args(filter, rest(args, 1), args.named());
      function = item -> apply(filter, item, rest);
    }
    List<Value> items = new ArrayList<>();
    for (Value item : elements(value)) {
      items.add(function.apply(item));
    }
    return Value.Seq.list(Collections.unmodifiableList(items));
  }

  private Value select(String name, Value value, Args args) {
    boolean byAttribute = name.endsWith("attr");
    int attributes = byAttribute ? 1 : 0;
    if (args.positional().size() < attributes) {
      throw new TemplateException(name + " needs an attribute");
    }
    Predicate<Value> predicate;
    if (args.positional().size() > attributes) {
      String test = known("test", args, args.positional().get(attributes), Tests.NAMES);
      Args rest = new Args(test, rest(args, attributes + 1), args.named());
      predicate = item -> tests.test(test, item, rest);
    } else {
      predicate = Operators::isTrue;
    }
    boolean wanted = name.startsWith("select");
    List<Value> items = new ArrayList<>();
    for (Value item : elements(value)) {
      Value tested = byAttribute ? path(item, args.positional().getFirst()) : item;
      if (predicate.test(tested) == wanted) {
        items.add(item);
      }
    }
    return Value.Seq.list(Collections.unmodifiableList(items));
  }

  private static String known(String what, Args args, Value value, Set<String> names) {
    String name = args.string(value);
    if (name == null || !names.contains(name)) {
      throw TemplateException.unsupported(
          "%s: the %s %s is not supported, only %s"
              .formatted(
                  args.callee(),
                  what,
                  Names.quote(name),
                  names.stream().sorted().collect(Collectors.joining(", "))));
    }
    return name;
  }

  private static List<Value> rest(Args args, int from) {
    return args.positional().subList(from, args.positional().size());
  }

  private Value ordered(String name, Value value, Args args) {
    if (name.equals("dictsort")) {
      return dictsort(value, args);
    }
    Value[] given =
        name.equals("sort")
            ? args.bind(0, "reverse", "case_sensitive", "attribute")
            : args.bind(0, "case_sensitive", "attribute");
    Value attribute = given[given.length - 1];
    Value caseSensitive = given[given.length - 2];
    UnaryOperator<Value> key =
        item -> {
          Value found =
              attribute == null || attribute instanceof Value.None ? item : path(item, attribute);
          return caseSensitive != null && Operators.isTrue(caseSensitive) ? found : folded(found);
        };
    List<Value> items = elements(value);
    return switch (name) {
      case "unique" -> unique(items, key);
      case "max", "min" -> extreme(name, items, key);
      default -> sorted(items, key, given[0] != null && Operators.isTrue(given[0]));
    };
  }

  private Value unique(List<Value> items, UnaryOperator<Value> key) {
    List<Value> seen = new ArrayList<>();
    List<Value> kept = new ArrayList<>();
    for (Value item : items) {
      Value itemKey = key.apply(item);
      if (seen.stream().noneMatch(other -> operators.equal(other, itemKey))) {
        seen.add(itemKey);
        kept.add(item);
      }
    }
    return Value.Seq.list(Collections.unmodifiableList(kept));
  }

  private Value extreme(String name, List<Value> items, UnaryOperator<Value> key) {
    if (items.isEmpty()) {
      return new Value.Undefined(name + " of nothing");
    }
    String operator = name.equals("max") ? ">" : "<";
    Value best = items.getFirst();
    for (Value item : items) {
      if (operators.test(operator, key.apply(item), key.apply(best))) {
        best = item;
      }
    }
    return best;
  }

  private Value sorted(List<Value> items, UnaryOperator<Value> key, boolean reverse) {
    Comparator<Value> order = (a, b) -> operators.compare("<", key.apply(a), key.apply(b));
    List<Value> sorted = new ArrayList<>(items);
    sorted.sort(reverse ? order.reversed() : order);
    return Value.Seq.list(Collections.unmodifiableList(sorted));
  }

  private Value dictsort(Value value, Args args) {
    Value[] given = args.bind(0, "case_sensitive", "by", "reverse");
    if (!(value instanceof Value.Dict(Map<String, Value> entries))) {
      throw new TemplateException("dictsort: expected a dict, found " + Operators.kind(value));
    }
    String by = given[1] == null ? "key" : args.string(given[1]);
    if (!"key".equals(by) && !"value".equals(by)) {
      throw new TemplateException("dictsort: by is neither 'key' nor 'value'");
    }
    budget.steps(entries.size());
    boolean caseSensitive = given[0] != null && Operators.isTrue(given[0]);
    UnaryOperator<Value> key =
        pair -> {
          Value part = ((Value.Seq) pair).items().get(by.equals("key") ? 0 : 1);
          return caseSensitive ? part : folded(part);
        };
    boolean reverse = given[2] != null && Operators.isTrue(given[2]);
    return sorted(Methods.items(entries), key, reverse);
  }

  private Value folded(Value value) {
    if (!(value instanceof Value.Str(String text))) {
      return value;
    }
    budget.text(text.length());
    return new Value.Str(text.toLowerCase(Locale.ROOT));
  }

  private static Value path(Value value, Value path) {
    return path(value, path, null);
  }

  /**
   * What a name such as {@code function.name} leads to, or a number as an index.
   *
   * @param otherwise stands in for what is undefined on the way; null for nothing
   */
  private static Value path(Value value, Value path, Value otherwise) {
    List<Value> keys =
        path instanceof Value.Str(String names)
            ? Arrays.stream(names.split("\\.", -1)).map(Filters::key).toList()
            : List.of(path);
    Value found = value;
    for (Value key : keys) {
      found = Interpreter.item(found, key);
      if (found instanceof Value.Undefined && otherwise != null) {
        found = otherwise;
      }
    }
    return found;
  }

  private static Value key(String name) {
    return name.matches("[0-9]{1,9}") ? new Value.Int(Integer.parseInt(name)) : new Value.Str(name);
  }

  private List<Value> elements(Value value) {
    return Interpreter.elements(value, budget);
  }
}
