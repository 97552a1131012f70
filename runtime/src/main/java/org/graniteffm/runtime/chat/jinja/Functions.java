package org.graniteffm.runtime.chat.jinja;

import java.time.Clock;
import java.time.ZonedDateTime;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.graniteffm.runtime.Names;

/** The functions that a template can call by name, besides its own macros. */
final class Functions {
  static final Set<String> NAMES =
      Set.of("dict", "namespace", "raise_exception", "range", "strftime_now");

  private final Budget budget;
  private final Clock clock;

  Functions(Budget budget, Clock clock) {
    this.budget = budget;
    this.clock = clock;
  }

  Value call(String name, Args args) {
    return switch (name) {
      case "dict" -> new Value.Dict(entries(args));
      case "namespace" -> new Value.Namespace(new LinkedHashMap<>(entries(args)));
      case "range" -> range(args);
      case "raise_exception" ->
          throw new TemplateException(
              TemplateException.Kind.REFUSED, Names.quote(args.string(args.bind(1, "message")[0])));
      case "strftime_now" -> {
        String format = args.string(args.bind(1, "format")[0]);
        if (format == null) {
          throw new TemplateException("strftime_now: the format is None");
        }
        yield new Value.Str(Strftime.format(format, ZonedDateTime.now(clock), budget));
      }
      default -> throw new TemplateException("cannot call " + Names.quote(name));
    };
  }

  private static Map<String, Value> entries(Args args) {
    Map<String, Value> entries = new LinkedHashMap<>();
    switch (args.bindFirst("mapping")) {
      case null -> {}
      case Value.Dict dict -> entries.putAll(dict.entries());
      case Value other ->
          throw TemplateException.unsupported(args.callee() + " of " + Operators.kind(other));
    }
    entries.putAll(args.named());
    return Collections.unmodifiableMap(entries);
  }

  private Value range(Args args) {
    if (!args.named().isEmpty()) {
      throw new TemplateException("range takes no arguments by name");
    }
    Value[] given = args.bind(1, "start", "stop", "step");
    long first = args.integer(given[0], 0);
    long start = given[1] == null ? 0 : first;
    long stop = given[1] == null ? first : args.integer(given[1], 0);
    long step = args.integer(given[2], 1);
    if (step == 0) {
      throw new TemplateException("range: the step is 0");
    }
    double count = Math.ceil(((double) stop - start) / step);
    if (count > Budget.RANGE) {
      throw new TemplateException("range: more than " + Budget.RANGE + " elements");
    }
    budget.steps((long) Math.max(0, count));
    List<Value> items = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      items.add(new Value.Int(start + i * step));
    }
    return Value.Seq.list(Collections.unmodifiableList(items));
  }
}
