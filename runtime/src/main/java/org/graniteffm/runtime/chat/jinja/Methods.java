package org.graniteffm.runtime.chat.jinja;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;

/** The methods of strings and dicts, none of which changes anything. */
final class Methods {
  private static final Set<String> OF_DICTS = Set.of("get", "items", "keys", "values");

  private static final Set<String> OF_STRINGS =
      Set.of(
          "capitalize",
          "count",
          "endswith",
          "find",
          "isdigit",
          "isspace",
          "join",
          "lower",
          "lstrip",
          "removeprefix",
          "removesuffix",
          "replace",
          "rfind",
          "rsplit",
          "rstrip",
          "split",
          "splitlines",
          "startswith",
          "strip",
          "title",
          "upper");

  // what Python has besides
  private static final Set<String> OTHERS_OF_DICTS =
      Set.of("clear", "copy", "fromkeys", "pop", "popitem", "setdefault", "update");
  private static final Set<String> OTHERS_OF_STRINGS =
      Set.of(
          "casefold",
          "center",
          "encode",
          "expandtabs",
          "format",
          "format_map",
          "index",
          "isalnum",
          "isalpha",
          "isascii",
          "isdecimal",
          "isidentifier",
          "islower",
          "isnumeric",
          "isprintable",
          "istitle",
          "isupper",
          "ljust",
          "maketrans",
          "partition",
          "rindex",
          "rjust",
          "rpartition",
          "swapcase",
          "translate",
          "zfill");

  private final Budget budget;

  Methods(Budget budget) {
    this.budget = budget;
  }

  static boolean isMethod(String name) {
    return OF_DICTS.contains(name) || OF_STRINGS.contains(name) || name.equals("cycle");
  }

  static Set<String> names() {
    Set<String> names = new TreeSet<>(OF_DICTS);
    names.addAll(OF_STRINGS);
    return names;
  }

  /** Whether a value has a method of that name, whether or not it is supported here. */
  static boolean has(Value value, String name) {
    return switch (value) {
      case Value.Dict _ -> OF_DICTS.contains(name) || OTHERS_OF_DICTS.contains(name);
      case Value.Str _ -> OF_STRINGS.contains(name) || OTHERS_OF_STRINGS.contains(name);
      default -> false;
    };
  }

  Value call(Value target, String method, Args args) {
    return switch (target) {
      case Value.Str(String text) when OF_STRINGS.contains(method) -> ofString(text, method, args);
      case Value.Dict(Map<String, Value> entries) when OF_DICTS.contains(method) ->
          ofDict(entries, method, args);
      case Value.Loop loop when method.equals("cycle") -> loop.cycle(args.positional());
      default ->
          throw new TemplateException(
              "%s has no method '%s'".formatted(Operators.kind(target), method));
    };
  }

  private Value ofDict(Map<String, Value> entries, String method, Args args) {
    budget.steps(entries.size());
    if (method.equals("get")) {
      Value[] given = args.bind(1, "key", "default");
      Value found = given[0] instanceof Value.Str(String key) ? entries.get(key) : null;
      return found != null ? found : given[1] != null ? given[1] : Value.NONE;
    }
    args.bind(0);
    List<Value> items =
        switch (method) {
          case "keys" -> entries.keySet().stream().<Value>map(Value.Str::new).toList();
          case "values" -> List.copyOf(entries.values());
          default -> items(entries);
        };
    return Value.Seq.list(items);
  }

  static List<Value> items(Map<String, Value> entries) {
    return entries.entrySet().stream()
        .<Value>map(entry -> Value.Seq.tuple(new Value.Str(entry.getKey()), entry.getValue()))
        .toList();
  }

  private Value ofString(String text, String method, Args args) {
    budget.search(text.length());
    return switch (method) {
      case "strip", "lstrip", "rstrip" -> {
        String characters = args.string(args.bind(0, "chars")[0]);
        boolean left = !method.equals("rstrip");
        boolean right = !method.equals("lstrip");
        yield new Value.Str(Text.strip(text, characters, left, right));
      }
      case "split", "rsplit" -> split(text, method, args);
      case "splitlines" -> {
        args.bind(0);
        yield list(Text.lines(text).stream());
      }
      case "startswith" -> Value.of(affixes(args).anyMatch(text::startsWith));
      case "endswith" -> Value.of(affixes(args).anyMatch(text::endsWith));
      case "removeprefix" -> {
        String prefix = needed(args, "prefix");
        yield new Value.Str(text.startsWith(prefix) ? text.substring(prefix.length()) : text);
      }
      case "removesuffix" -> {
        String suffix = needed(args, "suffix");
        boolean has = !suffix.isEmpty() && text.endsWith(suffix);
        yield new Value.Str(has ? text.substring(0, text.length() - suffix.length()) : text);
      }
      case "replace" -> {
        Value[] given = args.bind(2, "old", "new", "count");
        yield new Value.Str(
            replace(
                text, string(args, given[0]), string(args, given[1]), args.integer(given[2], -1)));
      }
      case "join" -> join(text, args);
      case "find", "rfind" -> {
        String part = needed(args, "sub");
        int index = method.equals("find") ? text.indexOf(part) : text.lastIndexOf(part);
        yield new Value.Int(index < 0 ? -1 : text.codePointCount(0, index));
      }
      case "count" -> new Value.Int(count(text, needed(args, "sub")));
      default -> {
        args.bind(0);
        yield simple(text, method);
      }
    };
  }

  private static Value simple(String text, String method) {
    return switch (method) {
      case "upper" -> new Value.Str(text.toUpperCase(Locale.ROOT));
      case "lower" -> new Value.Str(text.toLowerCase(Locale.ROOT));
      case "capitalize" -> new Value.Str(capitalize(text));
      case "title" -> new Value.Str(title(text));
      case "isdigit" -> Value.of(!text.isEmpty() && text.codePoints().allMatch(Character::isDigit));
      default -> Value.of(!text.isEmpty() && text.codePoints().allMatch(Text::isWhitespace));
    };
  }

  static String capitalize(String text) {
    int first = text.offsetByCodePoints(0, text.isEmpty() ? 0 : 1);
    return titleCase(text.substring(0, first)) + text.substring(first).toLowerCase(Locale.ROOT);
  }

  private static String titleCase(String character) {
    return character.isEmpty()
        ? ""
        : Character.toString(Character.toTitleCase(character.codePointAt(0)));
  }

  /** Each letter behind a letter is small, each other one great. */
  private static String title(String text) {
    StringBuilder out = new StringBuilder(text.length());
    boolean inWord = false;
    for (int i = 0; i < text.length(); ) {
      int c = text.codePointAt(i);
      out.appendCodePoint(inWord ? Character.toLowerCase(c) : Character.toTitleCase(c));
      inWord = Character.isUpperCase(c) || Character.isLowerCase(c) || Character.isTitleCase(c);
      i += Character.charCount(c);
    }
    return out.toString();
  }

  private Value split(String text, String method, Args args) {
    Value[] given = args.bind(0, "sep", "maxsplit");
    String separator = args.string(given[0]);
    long most = args.integer(given[1], -1);
    if (separator == null) {
      if (method.equals("rsplit") && most >= 0) {
        throw TemplateException.unsupported("rsplit at white space with a limit");
      }
      return list(Text.split(text, most).stream());
    }
    if (separator.isEmpty()) {
      throw new TemplateException(method + ": the separator is empty");
    }
    return list(
        method.equals("split")
            ? Text.split(text, separator, most).stream()
            : Text.splitRight(text, separator, most).stream());
  }

  private Value list(Stream<String> parts) {
    List<Value> items = parts.<Value>map(Value.Str::new).toList();
    budget.steps(items.size());
    return Value.Seq.list(items);
  }

  /** The argument of startswith and endswith: a string, or a tuple of them. */
  private static Stream<String> affixes(Args args) {
    Value affix = args.bind(1, "affix")[0];
    return affix instanceof Value.Seq seq && seq.tuple()
        ? seq.items().stream().map(item -> string(args, item))
        : Stream.of(string(args, affix));
  }

  private static String needed(Args args, String name) {
    return string(args, args.bind(1, name)[0]);
  }

  private static String string(Args args, Value value) {
    String text = args.string(value);
    if (text == null) {
      throw new TemplateException(args.callee() + ": expected a string, found None");
    }
    return text;
  }

  private static long count(String text, String part) {
    if (part.isEmpty()) {
      return Text.length(text) + 1L;
    }
    long count = 0;
    for (int i = text.indexOf(part); i >= 0; i = text.indexOf(part, i + part.length())) {
      count++;
    }
    return count;
  }

  /** Replaces the first most times that a part comes; -1 for all. */
  String replace(String text, String part, String by, long most) {
    if (part.isEmpty()) {
      throw TemplateException.unsupported("replace of an empty string");
    }
    long all = count(text, part);
    long times = most < 0 ? all : Math.min(most, all);
    budget.text(text.length() + times * ((long) by.length() - part.length()));
    StringBuilder out = new StringBuilder();
    int start = 0;
    for (long i = 0; i < times; i++) {
      int found = text.indexOf(part, start);
      out.append(text, start, found).append(by);
      start = found + part.length();
    }
    return out.append(text, start, text.length()).toString();
  }

  private Value join(String separator, Args args) {
    List<String> parts = new ArrayList<>();
    for (Value item : Interpreter.elements(args.bind(1, "iterable")[0], budget)) {
      if (!(item instanceof Value.Str(String text))) {
        throw new TemplateException("join: expected a string, found " + Operators.kind(item));
      }
      parts.add(text);
    }
    return new Value.Str(join(separator, parts));
  }

  String join(String separator, List<String> parts) {
    Builder out = new Builder(budget);
    for (int i = 0; i < parts.size(); i++) {
      out.append(i == 0 ? "" : separator).append(parts.get(i));
    }
    return out.toString();
  }
}
