package org.graniteffm.runtime.chat.jinja;

import java.time.Clock;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.chat.jinja.Expression.Arguments;
import org.graniteffm.runtime.chat.jinja.Statement.Target;

/** One rendering. */
final class Interpreter {
  /** How a statement ends. */
  private enum Flow {
    NEXT,
    BREAK,
    CONTINUE
  }

  private final Budget budget = new Budget();
  private final Printer printer = new Printer(budget);
  private final Operators operators = new Operators(budget);
  private final Tests tests = new Tests(operators);
  private final Methods methods = new Methods(budget);
  private final Filters filters = new Filters(budget, printer, operators, tests, methods);
  private final Functions functions;
  private Builder out = new Builder(budget);
  private int line = 1;

  Interpreter(Clock clock) {
    functions = new Functions(budget, clock);
  }

  String render(List<Statement> template, Map<String, Value> variables) {
    Scope outside = new Scope(null);
    variables.forEach(outside::set);
    execute(template, new Scope(outside));
    return out.toString();
  }

  /** The line of what is being rendered. */
  int line() {
    return line;
  }

  // Statements

  private Flow execute(List<Statement> statements, Scope scope) {
    for (Statement statement : statements) {
      line = statement.line();
      budget.enter();
      budget.step();
      Flow flow = execute(statement, scope);
      budget.leave();
      if (flow != Flow.NEXT) {
        return flow;
      }
    }
    return Flow.NEXT;
  }

  private Flow execute(Statement statement, Scope scope) {
    switch (statement) {
      case Statement.Data data -> out.append(data.text());
      case Statement.Output output -> out.append(printer.string(evaluate(output.value(), scope)));
      case Statement.If branches -> {
        return branch(branches, scope);
      }
      case Statement.For loop -> {
        return loop(loop, scope);
      }
      case Statement.Set set -> assign(set.target(), evaluate(set.value(), scope), scope);
      case Statement.SetBlock block -> {
        Scope inside = new Scope(scope);
        Value text = new Value.Str(capture(block.body(), inside));
        inside.set(Statement.SetBlock.TEXT, text);
        line = block.line();
        assign(block.target(), evaluate(block.filtered(), inside), scope);
      }
      case Statement.Macro macro -> scope.set(macro.name(), new Value.Macro(macro, scope));
      case Statement.Generation generation -> execute(generation.body(), new Scope(scope));
      case Statement.Break _ -> {
        return Flow.BREAK;
      }
      case Statement.Continue _ -> {
        return Flow.CONTINUE;
      }
    }
    return Flow.NEXT;
  }

  private Flow branch(Statement.If branches, Scope scope) {
    for (Statement.Branch branch : branches.branches()) {
      line = branch.line();
      if (Operators.isTrue(evaluate(branch.condition(), scope))) {
        return execute(branch.body(), scope);
      }
    }
    return execute(branches.otherwise(), scope);
  }

  private Flow loop(Statement.For loop, Scope scope) {
    List<Value> items = elements(evaluate(loop.items(), scope), budget);
    if (loop.filter() != null) {
      List<Value> kept = new ArrayList<>();
      for (Value item : items) {
        Scope inside = new Scope(scope);
        assign(loop.target(), item, inside);
        if (Operators.isTrue(evaluate(loop.filter(), inside))) {
          kept.add(item);
        }
      }
      items = kept;
    }
    Value.Loop state = new Value.Loop(items);
    for (int i = 0; i < items.size(); i++) {
      budget.step();
      state.moveTo(i);
      Scope inside = new Scope(scope);
      inside.set("loop", state);
      assign(loop.target(), items.get(i), inside);
      if (execute(loop.body(), inside) == Flow.BREAK) {
        return Flow.NEXT;
      }
    }
    // what stands there belongs to a loop further out, if it breaks one
    return items.isEmpty() ? execute(loop.otherwise(), new Scope(scope)) : Flow.NEXT;
  }

  private String capture(List<Statement> body, Scope scope) {
    Builder outside = out;
    out = new Builder(budget);
    try {
      execute(body, scope);
      return out.toString();
    } finally {
      out = outside;
    }
  }

  private void assign(Target target, Value value, Scope scope) {
    switch (target) {
      case Target.Variable(String name) -> scope.set(name, value);
      case Target.NamespaceAttribute(String namespace, String attribute) -> {
        if (!(scope.get(namespace) instanceof Value.Namespace(Map<String, Value> attributes))) {
          throw new TemplateException(
              "cannot set an attribute of %s, which is no namespace"
                  .formatted(Names.quote(namespace)));
        }
        attributes.put(attribute, value);
      }
      case Target.Targets(List<Target> targets) -> {
        List<Value> values = elements(value, budget);
        if (values.size() != targets.size()) {
          throw new TemplateException(
              "%d values for %d names".formatted(values.size(), targets.size()));
        }
        for (int i = 0; i < targets.size(); i++) {
          assign(targets.get(i), values.get(i), scope);
        }
      }
    }
  }

  // Expressions

  private Value evaluate(Expression expression, Scope scope) {
    budget.enter();
    budget.step();
    Value value =
        switch (expression) {
          case Expression.Literal(Value constant) -> constant;
          case Expression.Name(String name) -> variable(name, scope);
          case Expression.Sequence sequence ->
              new Value.Seq(evaluate(sequence.items(), scope), sequence.tuple());
          case Expression.Mapping mapping -> mapping(mapping, scope);
          case Expression.Attribute(Expression target, String name) ->
              attribute(evaluate(target, scope), name);
          case Expression.Item(Expression target, Expression key) ->
              item(evaluate(target, scope), evaluate(key, scope));
          case Expression.Slice slice -> slice(slice, scope);
          case Expression.Call(String name, Arguments arguments) -> call(name, arguments, scope);
          case Expression.MethodCall(Expression target, String method, Arguments arguments) -> {
            Value object = evaluate(target, scope);
            yield methods.call(object, method, evaluate(method, arguments, scope));
          }
          case Expression.Filtered(Expression target, String filter, Arguments arguments) -> {
            Value input = evaluate(target, scope);
            yield filters.apply(filter, input, evaluate(filter, arguments, scope));
          }
          case Expression.Tested(Expression target, String test, Arguments arguments) -> {
            Value tested = evaluate(target, scope);
            yield Value.of(tests.test(test, tested, evaluate(test, arguments, scope)));
          }
          case Expression.Not(Expression operand) ->
              Value.of(!Operators.isTrue(evaluate(operand, scope)));
          case Expression.Negative(Expression operand) ->
              Operators.negative(evaluate(operand, scope));
          case Expression.And(Expression left, Expression right) -> {
            Value first = evaluate(left, scope);
            yield Operators.isTrue(first) ? evaluate(right, scope) : first;
          }
          case Expression.Or(Expression left, Expression right) -> {
            Value first = evaluate(left, scope);
            yield Operators.isTrue(first) ? first : evaluate(right, scope);
          }
          case Expression.Arithmetic(String operator, Expression left, Expression right) ->
              operators.arithmetic(operator, evaluate(left, scope), evaluate(right, scope));
          case Expression.Concatenation(List<Expression> parts) -> concatenation(parts, scope);
          case Expression.Comparison comparison -> comparison(comparison, scope);
          case Expression.Conditional conditional -> conditional(conditional, scope);
        };
    budget.leave();
    return value;
  }

  private List<Value> evaluate(List<Expression> expressions, Scope scope) {
    List<Value> values = new ArrayList<>();
    for (Expression expression : expressions) {
      values.add(evaluate(expression, scope));
    }
    return Collections.unmodifiableList(values);
  }

  private Args evaluate(String callee, Arguments arguments, Scope scope) {
    Map<String, Value> named = new LinkedHashMap<>();
    List<Value> positional = evaluate(arguments.positional(), scope);
    arguments.named().forEach((name, value) -> named.put(name, evaluate(value, scope)));
    return new Args(callee, positional, named);
  }

  private static Value variable(String name, Scope scope) {
    Value value = scope.get(name);
    if (value != null) {
      return value;
    }
    return Functions.NAMES.contains(name)
        ? new Value.Function(name)
        : new Value.Undefined(Names.quote(name) + " is undefined");
  }

  private Value mapping(Expression.Mapping mapping, Scope scope) {
    Map<String, Value> entries = new LinkedHashMap<>();
    for (int i = 0; i < mapping.keys().size(); i++) {
      if (!(evaluate(mapping.keys().get(i), scope) instanceof Value.Str(String key))) {
        throw TemplateException.unsupported("a dict with a key that is no string");
      }
      entries.put(key, evaluate(mapping.values().get(i), scope));
    }
    return new Value.Dict(Collections.unmodifiableMap(entries));
  }

  private static Value attribute(Value target, String name) {
    return switch (target) {
      case Value.Undefined(String text) -> throw new TemplateException(text);
      case Value.Namespace(Map<String, Value> attributes) ->
          orUndefined(attributes.get(name), "namespace", name);
      case Value.Loop loop -> loop.attribute(name);
      // as in Python a method hides the entry of a dict
      case Value value when Methods.has(value, name) -> new Value.Function(name);
      case Value.Dict dict -> orUndefined(dict.entries().get(name), "dict", name);
      default -> orUndefined(null, Operators.kind(target), name);
    };
  }

  /** The entry of a dict, or the element of a list or string. */
  static Value item(Value target, Value key) {
    if (target instanceof Value.Dict dict && key instanceof Value.Str(String name)) {
      Value entry = dict.entries().get(name);
      return entry != null ? entry : attribute(target, name);
    }
    int length =
        switch (target) {
          case Value.Undefined(String text) -> throw new TemplateException(text);
          case Value.Seq seq -> seq.items().size();
          case Value.Str(String text) -> Text.length(text);
          default -> -1;
        };
    if (length < 0 || !(key instanceof Value.Int(long index))) {
      return key instanceof Value.Str(String name) && !name.startsWith("_")
          ? attribute(target, name)
          : new Value.Undefined(Operators.kind(target) + " has no such item");
    }
    long at = index < 0 ? index + length : index;
    if (at < 0 || at >= length) {
      return new Value.Undefined("there is no item " + index);
    }
    return target instanceof Value.Seq seq
        ? seq.items().get((int) at)
        : new Value.Str(Text.slice(((Value.Str) target).text(), (int) at, (int) at + 1));
  }

  private static Value orUndefined(Value value, String what, String name) {
    return value != null
        ? value
        : new Value.Undefined(what + " has no attribute " + Names.quote(name));
  }

  private Value slice(Expression.Slice slice, Scope scope) {
    Value target = evaluate(slice.target(), scope);
    Args bounds =
        new Args(
            "a slice", evaluate(List.of(slice.from(), slice.to(), slice.step()), scope), Map.of());
    Value from = bounds.positional().get(0);
    Value to = bounds.positional().get(1);
    long step = bounds.integer(bounds.positional().get(2), 1);
    if (step == 0) {
      throw new TemplateException("a slice's step is 0");
    }
    if (target instanceof Value.Str(String text) && step == 1) {
      budget.text(text.length());
      int length = Text.length(text);
      int start = bound(bounds.integer(from, 0), length, 0);
      int end = bound(bounds.integer(to, length), length, 0);
      return new Value.Str(Text.slice(text, start, Math.max(start, end)));
    }
    if (!(target instanceof Value.Str || target instanceof Value.Seq)) {
      throw new TemplateException("a slice of " + Operators.kind(target));
    }
    List<Value> taken = take(elements(target, budget), bounds, step);
    return target instanceof Value.Seq seq
        ? new Value.Seq(taken, seq.tuple())
        : concatenation(taken);
  }

  private static List<Value> take(List<Value> items, Args bounds, long step) {
    Value from = bounds.positional().get(0);
    Value to = bounds.positional().get(1);
    int length = items.size();
    List<Value> taken = new ArrayList<>();
    if (step > 0) {
      int end = bound(bounds.integer(to, length), length, 0);
      for (long i = bound(bounds.integer(from, 0), length, 0); i < end; i += step) {
        taken.add(items.get((int) i));
      }
    } else {
      int end = to instanceof Value.None ? -1 : bound(bounds.integer(to, 0), length, -1);
      long start = bound(bounds.integer(from, length), length, -1);
      for (long i = Math.min(start, length - 1); i > end; i += step) {
        taken.add(items.get((int) i));
      }
    }
    return Collections.unmodifiableList(taken);
  }

  /** A slice's bound, from the end if it is negative, within the items. */
  private static int bound(long index, int length, int least) {
    return Math.clamp(index < 0 ? index + length : index, least, length);
  }

  private Value call(String name, Arguments arguments, Scope scope) {
    Value function = variable(name, scope);
    Args args = evaluate(name, arguments, scope);
    return switch (function) {
      case Value.Function(String known) -> functions.call(known, args);
      case Value.Macro macro -> call(macro, args);
      case Value.Undefined(String text) -> throw new TemplateException(text);
      default -> throw new TemplateException("cannot call " + Operators.kind(function));
    };
  }

  private Value call(Value.Macro macro, Args args) {
    Statement.Macro definition = macro.definition();
    Scope inside = new Scope(macro.scope());
    Value[] given = args.bind(0, definition.parameters().toArray(String[]::new));
    int caller = line;
    for (int i = 0; i < given.length; i++) {
      String name = definition.parameters().get(i);
      Expression otherwise = definition.defaults().get(i);
      if (given[i] == null) {
        given[i] =
            otherwise == null
                ? new Value.Undefined("the argument " + Names.quote(name) + " was not given")
                : evaluate(otherwise, inside);
      }
      inside.set(name, given[i]);
    }
    String text = capture(definition.body(), inside);
    line = caller;
    return new Value.Str(text);
  }

  private Value concatenation(List<Expression> parts, Scope scope) {
    return concatenation(evaluate(parts, scope));
  }

  private Value concatenation(List<Value> parts) {
    Builder text = new Builder(budget);
    for (Value part : parts) {
      text.append(printer.string(part));
    }
    return new Value.Str(text.toString());
  }

  private Value comparison(Expression.Comparison comparison, Scope scope) {
    Value left = evaluate(comparison.first(), scope);
    for (int i = 0; i < comparison.operators().size(); i++) {
      Value right = evaluate(comparison.others().get(i), scope);
      if (!operators.test(comparison.operators().get(i), left, right)) {
        return Value.FALSE;
      }
      left = right;
    }
    return Value.TRUE;
  }

  private Value conditional(Expression.Conditional conditional, Scope scope) {
    if (Operators.isTrue(evaluate(conditional.condition(), scope))) {
      return evaluate(conditional.then(), scope);
    }
    return conditional.otherwise() == null
        ? new Value.Undefined("the condition does not hold, and there is no else")
        : evaluate(conditional.otherwise(), scope);
  }

  /** What a loop goes through. */
  static List<Value> elements(Value value, Budget budget) {
    return switch (value) {
      case Value.Seq seq -> {
        budget.steps(seq.items().size());
        yield seq.items();
      }
      case Value.Dict dict -> {
        budget.steps(dict.entries().size());
        yield dict.entries().keySet().stream().<Value>map(Value.Str::new).toList();
      }
      case Value.Str(String text) -> {
        budget.steps(text.length());
        yield text.codePoints().mapToObj(Character::toString).<Value>map(Value.Str::new).toList();
      }
      case Value.Undefined _ -> List.of();
      default -> throw new TemplateException("cannot loop over " + Operators.kind(value));
    };
  }
}
