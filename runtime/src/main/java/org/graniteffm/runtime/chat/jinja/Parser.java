package org.graniteffm.runtime.chat.jinja;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.chat.jinja.Expression.Arguments;
import org.graniteffm.runtime.chat.jinja.Statement.Target;
import org.graniteffm.runtime.chat.jinja.Token.Kind;

/**
 * Makes statements of tokens, by Jinja's grammar: a conditional binds weakest, then {@code or},
 * {@code and}, {@code not}, comparisons, sums, {@code ~}, products, a sign; filters and tests bind
 * strongest. Refuses what the interpreter does not know.
 */
final class Parser {
  /** Expressions, and blocks, within each other. */
  private static final int DEPTH = 200;

  private final List<Token> tokens;
  private final Set<String> bound = new HashSet<>();
  private final Map<String, Integer> called =
      new LinkedHashMap<>(); // by name the first token of a call
  private int at;
  private int depth;
  private int loops; // around what is being read, within the present macro

  private Parser(List<Token> tokens) {
    this.tokens = tokens;
  }

  static List<Statement> parse(List<Token> tokens) {
    Parser parser = new Parser(tokens);
    try {
      List<Statement> statements = parser.statements(Set.of());
      parser.checkCalls();
      return statements;
    } catch (TemplateException e) {
      throw new TemplateException(
          e.kind(), "line " + parser.token().line() + ": " + e.getMessage());
    }
  }

  /** A name that nothing in the template gives a value can only be a function. */
  private void checkCalls() {
    called.forEach((name, token) -> {
      if (!bound.contains(name) && !Functions.NAMES.contains(name)) {
        at = token;
        throw unsupported("function", name, Functions.NAMES);
      }
    });
  }

  // Statements

  /** Up to a block that begins with one of some words; that word is the next token then. */
  private List<Statement> statements(Set<String> ends) {
    enter();
    List<Statement> statements = new ArrayList<>();
    while (true) {
      Token token = next();
      switch (token.kind()) {
        case DATA -> statements.add(new Statement.Data(token.line(), token.text()));
        case OUTPUT_BEGIN -> {
          statements.add(new Statement.Output(token.line(), tuple(true)));
          expect(Kind.OUTPUT_END, "}}");
        }
        case BLOCK_BEGIN -> {
          if (token().kind() == Kind.NAME && ends.contains(token().text())) {
            leave();
            return statements;
          }
          statements.add(statement(token.line()));
          expect(Kind.BLOCK_END, "%}");
        }
        default -> {
          at--;
          if (!ends.isEmpty()) {
            throw new TemplateException("expected " + String.join(" or ", sorted(ends)));
          }
          leave();
          return statements;
        }
      }
    }
  }

  /** What stands between a block's end and that of the block that closes it. */
  private List<Statement> body(String... ends) {
    skip(Kind.OPERATOR, ":");
    expect(Kind.BLOCK_END, "%}");
    return statements(Set.of(ends));
  }

  private Statement statement(int line) {
    String name = name();
    return switch (name) {
      case "if" -> ifStatement(line);
      case "for" -> forStatement(line);
      case "set" -> set(line);
      case "macro" -> macro(line);
      case "generation" -> {
        List<Statement> body = body("endgeneration");
        next();
        yield new Statement.Generation(line, body);
      }
      case "break", "continue" -> {
        if (loops == 0) {
          throw new TemplateException("'" + name + "' outside of a loop");
        }
        yield name.equals("break") ? new Statement.Break(line) : new Statement.Continue(line);
      }
      default -> {
        at--;
        throw unsupported(
            "tag",
            name,
            Set.of("if", "for", "set", "macro", "generation", "break", "continue", "raw"));
      }
    };
  }

  private Statement ifStatement(int line) {
    List<Statement.Branch> branches = new ArrayList<>();
    List<Statement> otherwise = List.of();
    int branchLine = line;
    while (true) {
      Expression condition = tuple(false);
      branches.add(new Statement.Branch(branchLine, condition, body("elif", "else", "endif")));
      branchLine = token().line();
      String end = name();
      if (end.equals("elif")) {
        continue;
      }
      if (end.equals("else")) {
        otherwise = body("endif");
        next();
      }
      return new Statement.If(line, branches, otherwise);
    }
  }

  private Statement forStatement(int line) {
    Target target = targets(false);
    expectName("in");
    Expression items = tuple(false);
    Expression filter = skip(Kind.NAME, "if") ? expression() : null;
    if (token().is(Kind.NAME, "recursive")) {
      throw TemplateException.unsupported("a recursive loop is not supported");
    }
    loops++;
    List<Statement> body = body("else", "endfor");
    loops--;
    List<Statement> otherwise = List.of();
    if (name().equals("else")) {
      otherwise = body("endfor");
      next();
    }
    return new Statement.For(line, target, items, filter, body, otherwise);
  }

  private Statement set(int line) {
    Target target = targets(true);
    if (skip(Kind.OPERATOR, "=")) {
      return new Statement.Set(line, target, tuple(true));
    }
    Expression filtered = new Expression.Name(Statement.SetBlock.TEXT);
    while (skip(Kind.OPERATOR, "|")) {
      filtered = filter(filtered);
    }
    List<Statement> body = body("endset");
    next();
    return new Statement.SetBlock(line, target, filtered, body);
  }

  private Statement macro(int line) {
    String name = name();
    bound.add(name);
    List<String> parameters = new ArrayList<>();
    List<Expression> defaults = new ArrayList<>();
    expect(Kind.OPERATOR, "(");
    while (!token().is(Kind.OPERATOR, ")")) {
      if (!parameters.isEmpty()) {
        expect(Kind.OPERATOR, ",");
      }
      parameters.add(name());
      bound.add(parameters.getLast());
      boolean hasDefault = skip(Kind.OPERATOR, "=");
      if (!hasDefault && !defaults.isEmpty() && defaults.getLast() != null) {
        throw new TemplateException("a parameter without a default follows one with it");
      }
      defaults.add(hasDefault ? expression() : null);
    }
    next();
    int outside = loops;
    loops = 0;
    List<Statement> body = body("endmacro");
    loops = outside;
    next();
    return new Statement.Macro(line, name, parameters, defaults, body);
  }

  private Target targets(boolean withNamespace) {
    List<Target> targets = new ArrayList<>();
    boolean tuple = false;
    do {
      if (token().is(Kind.NAME, "in") || token().is(Kind.OPERATOR, "=")) {
        break; // behind a last comma
      }
      targets.add(target(withNamespace));
      tuple |= token().is(Kind.OPERATOR, ",");
    } while (skip(Kind.OPERATOR, ","));
    if (targets.isEmpty()) {
      throw new TemplateException("expected a name, found " + found());
    }
    return tuple ? new Target.Targets(targets) : targets.getFirst();
  }

  private Target target(boolean withNamespace) {
    if (skip(Kind.OPERATOR, "(")) {
      enter();
      Target inner = targets(withNamespace);
      expect(Kind.OPERATOR, ")");
      leave();
      return inner;
    }
    String name = name();
    if (withNamespace && skip(Kind.OPERATOR, ".")) {
      return new Target.NamespaceAttribute(name, name());
    }
    if (Set.of("true", "false", "none", "True", "False", "None").contains(name)) {
      throw new TemplateException("cannot assign to '" + name + "'");
    }
    bound.add(name);
    return new Target.Variable(name);
  }

  // Expressions, from the weakest binding to the strongest

  /** One expression, or several with commas between them. */
  private Expression tuple(boolean withConditional) {
    List<Expression> items = new ArrayList<>();
    boolean tuple = false;
    while (!isTupleEnd()) {
      items.add(withConditional ? expression() : or());
      if (!skip(Kind.OPERATOR, ",")) {
        break;
      }
      tuple = true;
    }
    if (items.isEmpty()) {
      throw new TemplateException("expected an expression, found " + found());
    }
    return tuple ? new Expression.Sequence(items, true) : items.getFirst();
  }

  private boolean isTupleEnd() {
    return switch (token().kind()) {
      case OUTPUT_END, BLOCK_END -> true;
      case OPERATOR -> token().text().equals(")");
      default -> false;
    };
  }

  private Expression expression() {
    enter();
    Expression result = or();
    while (skip(Kind.NAME, "if")) {
      Expression condition = or();
      Expression otherwise = skip(Kind.NAME, "else") ? expression() : null;
      result = new Expression.Conditional(condition, result, otherwise);
    }
    leave();
    return result;
  }

  private Expression or() {
    Expression left = and();
    while (skip(Kind.NAME, "or")) {
      left = new Expression.Or(left, and());
    }
    return left;
  }

  private Expression and() {
    Expression left = not();
    while (skip(Kind.NAME, "and")) {
      left = new Expression.And(left, not());
    }
    return left;
  }

  private Expression not() {
    if (!skip(Kind.NAME, "not")) {
      return comparison();
    }
    enter();
    Expression operand = not();
    leave();
    return new Expression.Not(operand);
  }

  private Expression comparison() {
    Expression first = sum();
    List<String> operators = new ArrayList<>();
    List<Expression> others = new ArrayList<>();
    for (String operator = comparisonOperator();
        operator != null;
        operator = comparisonOperator()) {
      operators.add(operator);
      others.add(sum());
    }
    return operators.isEmpty() ? first : new Expression.Comparison(first, operators, others);
  }

  private String comparisonOperator() {
    if (token().kind() == Kind.OPERATOR) {
      return switch (token().text()) {
        case "==", "!=", "<", "<=", ">", ">=" -> next().text();
        default -> null;
      };
    }
    if (skip(Kind.NAME, "in")) {
      return "in";
    }
    if (token().is(Kind.NAME, "not") && tokens.get(at + 1).is(Kind.NAME, "in")) {
      at += 2;
      return "not in";
    }
    return null;
  }

  private Expression sum() {
    Expression left = concatenation();
    while (token().is(Kind.OPERATOR, "+") || token().is(Kind.OPERATOR, "-")) {
      String operator = next().text();
      left = new Expression.Arithmetic(operator, left, concatenation());
    }
    return left;
  }

  private Expression concatenation() {
    Expression first = product();
    if (!token().is(Kind.OPERATOR, "~")) {
      return first;
    }
    List<Expression> parts = new ArrayList<>(List.of(first));
    while (skip(Kind.OPERATOR, "~")) {
      parts.add(product());
    }
    return new Expression.Concatenation(parts);
  }

  private Expression product() {
    Expression left = unary(true);
    while (token().kind() == Kind.OPERATOR) {
      switch (token().text()) {
        case "*", "/", "//", "%" -> {
          String operator = next().text();
          left = new Expression.Arithmetic(operator, left, unary(true));
        }
        case "**" -> throw TemplateException.unsupported("the operator ** is not supported");
        default -> {
          return left;
        }
      }
    }
    return left;
  }

  private Expression unary(boolean withFilter) {
    enter();
    Expression operand;
    if (skip(Kind.OPERATOR, "-")) {
      operand = new Expression.Negative(unary(false));
    } else if (skip(Kind.OPERATOR, "+")) {
      operand = unary(false);
    } else {
      operand = primary();
    }
    operand = postfix(operand);
    if (withFilter) {
      operand = filtersAndTests(operand);
    }
    leave();
    return operand;
  }

  private Expression primary() {
    Token token = next();
    return switch (token.kind()) {
      case NAME ->
          switch (token.text()) {
            case "true", "True" -> new Expression.Literal(Value.TRUE);
            case "false", "False" -> new Expression.Literal(Value.FALSE);
            case "none", "None" -> new Expression.Literal(Value.NONE);
            default -> new Expression.Name(token.text());
          };
      case STRING -> {
        StringBuilder text = new StringBuilder(token.text());
        while (token().kind() == Kind.STRING) {
          text.append(next().text());
        }
        yield new Expression.Literal(new Value.Str(text.toString()));
      }
      case INTEGER -> new Expression.Literal(new Value.Int(integer(token.text())));
      case FLOAT -> new Expression.Literal(new Value.Real(Double.parseDouble(token.text())));
      case OPERATOR ->
          switch (token.text()) {
            case "(" -> {
              Expression inner =
                  token().is(Kind.OPERATOR, ")")
                      ? new Expression.Sequence(List.of(), true)
                      : tuple(true);
              expect(Kind.OPERATOR, ")");
              yield inner;
            }
            case "[" -> new Expression.Sequence(list("]"), false);
            case "{" -> mapping();
            default -> throw unexpected();
          };
      default -> throw unexpected();
    };
  }

  private static long integer(String digits) {
    try {
      return Long.parseLong(digits);
    } catch (NumberFormatException e) {
      throw new TemplateException("an integer beyond 64 bits");
    }
  }

  private TemplateException unexpected() {
    at--;
    return new TemplateException("expected an expression, found " + found());
  }

  private List<Expression> list(String end) {
    List<Expression> items = new ArrayList<>();
    while (!skip(Kind.OPERATOR, end)) {
      items.add(expression());
      if (!token().is(Kind.OPERATOR, end)) {
        expect(Kind.OPERATOR, ",");
      }
    }
    return items;
  }

  private Expression mapping() {
    List<Expression> keys = new ArrayList<>();
    List<Expression> values = new ArrayList<>();
    while (!skip(Kind.OPERATOR, "}")) {
      keys.add(expression());
      expect(Kind.OPERATOR, ":");
      values.add(expression());
      if (!token().is(Kind.OPERATOR, "}")) {
        expect(Kind.OPERATOR, ",");
      }
    }
    return new Expression.Mapping(keys, values);
  }

  private Expression postfix(Expression start) {
    Expression target = start;
    while (true) {
      if (skip(Kind.OPERATOR, ".")) {
        target = attribute(target);
      } else if (skip(Kind.OPERATOR, "[")) {
        target = item(target);
      } else if (token().is(Kind.OPERATOR, "(")) {
        target = call(target);
      } else {
        return target;
      }
    }
  }

  private Expression attribute(Expression target) {
    if (token().kind() == Kind.INTEGER) {
      Value index = new Value.Int(integer(next().text()));
      return new Expression.Item(target, new Expression.Literal(index));
    }
    String name = name();
    if (name.startsWith("_")) {
      at--;
      throw TemplateException.unsupported("an attribute with an underscore in front: " + found());
    }
    if (!token().is(Kind.OPERATOR, "(")) {
      return new Expression.Attribute(target, name);
    }
    if (!Methods.isMethod(name)) {
      at--;
      throw unsupported("method", name, Methods.names());
    }
    return new Expression.MethodCall(target, name, arguments());
  }

  private Expression item(Expression target) {
    Expression nothing = new Expression.Literal(Value.NONE);
    Expression from = token().is(Kind.OPERATOR, ":") ? nothing : expression();
    if (skip(Kind.OPERATOR, "]")) {
      return new Expression.Item(target, from);
    }
    expect(Kind.OPERATOR, ":");
    Expression to = isSliceEnd() ? nothing : expression();
    Expression step = nothing;
    if (skip(Kind.OPERATOR, ":")) {
      step = isSliceEnd() ? nothing : expression();
    }
    expect(Kind.OPERATOR, "]");
    return new Expression.Slice(target, from, to, step);
  }

  private boolean isSliceEnd() {
    return token().is(Kind.OPERATOR, ":") || token().is(Kind.OPERATOR, "]");
  }

  private Expression call(Expression function) {
    if (!(function instanceof Expression.Name name)) {
      throw TemplateException.unsupported("a call of something that is no name");
    }
    called.putIfAbsent(name.name(), at);
    return new Expression.Call(name.name(), arguments());
  }

  private Arguments arguments() {
    expect(Kind.OPERATOR, "(");
    List<Expression> positional = new ArrayList<>();
    Map<String, Expression> named = new LinkedHashMap<>();
    while (!skip(Kind.OPERATOR, ")")) {
      if (token().is(Kind.OPERATOR, "*") || token().is(Kind.OPERATOR, "**")) {
        throw TemplateException.unsupported("arguments with * or ** in a call");
      }
      if (token().kind() == Kind.NAME && tokens.get(at + 1).is(Kind.OPERATOR, "=")) {
        String name = name();
        next();
        if (named.put(name, expression()) != null) {
          throw new TemplateException("an argument is given twice: " + Names.quote(name));
        }
      } else if (named.isEmpty()) {
        positional.add(expression());
      } else {
        throw new TemplateException("an argument without a name behind one with a name");
      }
      if (!token().is(Kind.OPERATOR, ")")) {
        expect(Kind.OPERATOR, ",");
      }
    }
    return new Arguments(positional, named);
  }

  private Expression filtersAndTests(Expression start) {
    Expression target = start;
    while (true) {
      if (skip(Kind.OPERATOR, "|")) {
        target = filter(target);
      } else if (skip(Kind.NAME, "is")) {
        target = test(target);
      } else if (token().is(Kind.OPERATOR, "(")) {
        throw TemplateException.unsupported("a call of what a filter or test gives");
      } else {
        return target;
      }
    }
  }

  private Expression filter(Expression target) {
    String name = name();
    if (!Filters.NAMES.contains(name)) {
      at--;
      throw unsupported("filter", name, Filters.NAMES);
    }
    Arguments arguments = token().is(Kind.OPERATOR, "(") ? arguments() : Arguments.NONE;
    return new Expression.Filtered(target, name, arguments);
  }

  private Expression test(Expression target) {
    boolean negated = skip(Kind.NAME, "not");
    String name = name();
    if (!Tests.NAMES.contains(name)) {
      at--;
      throw unsupported("test", name, Tests.NAMES);
    }
    Arguments arguments = Arguments.NONE;
    if (token().is(Kind.OPERATOR, "(")) {
      arguments = arguments();
    } else if (beginsTestArgument()) {
      arguments = new Arguments(List.of(postfix(primary())), Map.of());
    }
    Expression tested = new Expression.Tested(target, name, arguments);
    return negated ? new Expression.Not(tested) : tested;
  }

  /** A test's only argument may do without parentheses. */
  private boolean beginsTestArgument() {
    return switch (token().kind()) {
      case STRING, INTEGER, FLOAT -> true;
      case OPERATOR -> token().text().equals("[") || token().text().equals("{");
      case NAME ->
          switch (token().text()) {
            case "else", "or", "and" -> false;
            case "is" -> throw new TemplateException("a test follows a test");
            default -> true;
          };
      default -> false;
    };
  }

  // Tokens

  private Token token() {
    return tokens.get(Math.min(at, tokens.size() - 1));
  }

  private Token next() {
    Token token = token();
    at++;
    return token;
  }

  private boolean skip(Kind kind, String text) {
    if (!token().is(kind, text)) {
      return false;
    }
    at++;
    return true;
  }

  private void expect(Kind kind, String text) {
    if (token().kind() != kind || !token().text().equals(text)) {
      throw new TemplateException("expected " + text + ", found " + found());
    }
    at++;
  }

  private void expectName(String name) {
    expect(Kind.NAME, name);
  }

  private String name() {
    if (token().kind() != Kind.NAME) {
      throw new TemplateException("expected a name, found " + found());
    }
    return next().text();
  }

  private String found() {
    return Names.quote(token().describe());
  }

  private void enter() {
    if (++depth > DEPTH) {
      throw new TemplateException("nested more than " + DEPTH + " deep");
    }
  }

  private void leave() {
    depth--;
  }

  private static List<String> sorted(Set<String> names) {
    return names.stream().sorted().toList();
  }

  private static TemplateException unsupported(String what, String name, Set<String> supported) {
    return TemplateException.unsupported(
        "the %s %s is not supported, only %s"
            .formatted(what, Names.quote(name), String.join(", ", sorted(supported))));
  }
}
