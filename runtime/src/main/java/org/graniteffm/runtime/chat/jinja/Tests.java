package org.graniteffm.runtime.chat.jinja;

import java.util.Set;

/** What may stand behind {@code is}. */
final class Tests {
  static final Set<String> NAMES =
      Set.of(
          "boolean",
          "callable",
          "defined",
          "divisibleby",
          "eq",
          "equalto",
          "even",
          "false",
          "float",
          "ge",
          "greaterthan",
          "gt",
          "in",
          "integer",
          "iterable",
          "le",
          "lessthan",
          "lt",
          "mapping",
          "ne",
          "none",
          "number",
          "odd",
          "sameas",
          "sequence",
          "string",
          "true",
          "undefined");

  private final Operators operators;

  Tests(Operators operators) {
    this.operators = operators;
  }

  boolean test(String name, Value value, Args args) {
    return switch (name) {
      case "eq", "equalto" -> operators.test("==", value, other(args));
      case "ne" -> operators.test("!=", value, other(args));
      case "lt", "lessthan" -> operators.test("<", value, other(args));
      case "le" -> operators.test("<=", value, other(args));
      case "gt", "greaterthan" -> operators.test(">", value, other(args));
      case "ge" -> operators.test(">=", value, other(args));
      case "in" -> operators.test("in", value, other(args));
      case "sameas" -> same(value, other(args));
      case "divisibleby" -> remainder(value, other(args)) == 0;
      default -> {
        args.bind(0);
        yield is(name, value);
      }
    };
  }

  private boolean is(String name, Value value) {
    return switch (name) {
      case "defined" -> !(value instanceof Value.Undefined);
      case "undefined" -> value instanceof Value.Undefined;
      case "none" -> value instanceof Value.None;
      case "boolean" -> value instanceof Value.Bool;
      case "true" -> value instanceof Value.Bool(boolean b) && b;
      case "false" -> value instanceof Value.Bool(boolean b) && !b;
      case "integer" -> value instanceof Value.Int;
      case "float" -> value instanceof Value.Real;
      case "number" ->
          value instanceof Value.Int || value instanceof Value.Real || value instanceof Value.Bool;
      case "string" -> value instanceof Value.Str;
      case "mapping" -> value instanceof Value.Dict;
      case "odd" -> remainder(value, new Value.Int(2)) == 1;
      case "even" -> remainder(value, new Value.Int(2)) == 0;
      case "callable" -> value instanceof Value.Function || value instanceof Value.Macro;
      // "iterable" and "sequence": something undefined is an empty one
      default ->
          switch (value) {
            case Value.Str _, Value.Seq _, Value.Dict _, Value.Undefined _ -> true;
            case Value.Loop _ -> name.equals("iterable");
            default -> false;
          };
    };
  }

  private static Value other(Args args) {
    return args.bind(1, "other")[0];
  }

  private double remainder(Value value, Value divisor) {
    return switch (operators.arithmetic("%", value, divisor)) {
      case Value.Int(long n) -> n;
      case Value.Real(double n) -> n;
      default -> Double.NaN;
    };
  }

  /** Identity, of which a template can only know for the values that there is one of. */
  private boolean same(Value a, Value b) {
    return switch (a) {
      case Value.None _, Value.Bool _ -> a.equals(b);
      default -> throw TemplateException.unsupported("sameas with " + Operators.kind(a));
    };
  }
}
