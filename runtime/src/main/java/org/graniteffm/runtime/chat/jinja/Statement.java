package org.graniteffm.runtime.chat.jinja;

import java.util.List;

/** What has an effect; each knows its line. */
sealed interface Statement {
  int line();

  /** Text that stands for itself. */
  record Data(int line, String text) implements Statement {}

  /** <code>{{ value }}</code>. */
  record Output(int line, Expression value) implements Statement {}

  /** {@code if}, with an {@code elif} for each further branch. */
  record If(int line, List<Branch> branches, List<Statement> otherwise) implements Statement {}

  /** One condition of an {@link If}, and what to do if it is the first that holds. */
  record Branch(int line, Expression condition, List<Statement> body) {}

  /** {@code for target in items if filter}, where filter may be null. */
  record For(
      int line,
      Target target,
      Expression items,
      Expression filter,
      List<Statement> body,
      List<Statement> otherwise)
      implements Statement {}

  /** {@code set target = value}. */
  record Set(int line, Target target, Expression value) implements Statement {}

  /**
   * {@code set target} to {@code endset}.
   *
   * @param filtered the text of the body, by its name {@link #TEXT}, or filters upon it
   */
  record SetBlock(int line, Target target, Expression filtered, List<Statement> body)
      implements Statement {
    /** No template can use this as a name. */
    static final String TEXT = "the text";
  }

  /** {@code macro name(parameters)}; a default may be null. */
  record Macro(
      int line,
      String name,
      List<String> parameters,
      List<Expression> defaults,
      List<Statement> body)
      implements Statement {}

  /** {@code generation}: marks what the assistant said; rendered as it is. */
  record Generation(int line, List<Statement> body) implements Statement {}

  /** {@code break}. */
  record Break(int line) implements Statement {}

  /** {@code continue}. */
  record Continue(int line) implements Statement {}

  /** What can be assigned to. */
  sealed interface Target {
    /** A variable. */
    record Variable(String name) implements Target {}

    /** {@code namespace.attribute}. */
    record NamespaceAttribute(String namespace, String attribute) implements Target {}

    /** {@code a, b}. */
    record Targets(List<Target> targets) implements Target {}
  }
}
