package org.graniteffm.runtime.chat.jinja;

import java.util.List;
import java.util.Map;

/** What has a value. */
sealed interface Expression {
  /** A constant. */
  record Literal(Value value) implements Expression {}

  /** A variable or function. */
  record Name(String name) implements Expression {}

  /** {@code [a, b]} or {@code (a, b)}. */
  record Sequence(List<Expression> items, boolean tuple) implements Expression {}

  /** {@code {a: b}}. */
  record Mapping(List<Expression> keys, List<Expression> values) implements Expression {}

  /** {@code target.name}. */
  record Attribute(Expression target, String name) implements Expression {}

  /** {@code target[key]}. */
  record Item(Expression target, Expression key) implements Expression {}

  /** {@code target[from:to:step]}; what is left out is None. */
  record Slice(Expression target, Expression from, Expression to, Expression step)
      implements Expression {}

  /** {@code function(arguments)}. */
  record Call(String function, Arguments arguments) implements Expression {}

  /** {@code target.method(arguments)}. */
  record MethodCall(Expression target, String method, Arguments arguments) implements Expression {}

  /** {@code target | filter(arguments)}. */
  record Filtered(Expression target, String filter, Arguments arguments) implements Expression {}

  /** {@code target is test(arguments)}. */
  record Tested(Expression target, String test, Arguments arguments) implements Expression {}

  /** {@code not operand}. */
  record Not(Expression operand) implements Expression {}

  /** {@code -operand}. */
  record Negative(Expression operand) implements Expression {}

  /** {@code left and right}. */
  record And(Expression left, Expression right) implements Expression {}

  /** {@code left or right}. */
  record Or(Expression left, Expression right) implements Expression {}

  /** {@code left operator right}. */
  record Arithmetic(String operator, Expression left, Expression right) implements Expression {}

  /** {@code a ~ b ~ c}. */
  record Concatenation(List<Expression> parts) implements Expression {}

  /** {@code first operators[0] others[0] operators[1] …}, as {@code 1 < x <= 3}. */
  record Comparison(Expression first, List<String> operators, List<Expression> others)
      implements Expression {}

  /** {@code then if condition else otherwise}; without an else, otherwise is null. */
  record Conditional(Expression condition, Expression then, Expression otherwise)
      implements Expression {}

  /** What stands in the parentheses of a call. */
  record Arguments(List<Expression> positional, Map<String, Expression> named) {
    static final Arguments NONE = new Arguments(List.of(), Map.of());
  }
}
