package org.graniteffm.runtime.chat.jinja;

import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/** Python's operators, and its idea of truth, equality and order. */
final class Operators {
  private final Budget budget;

  Operators(Budget budget) {
    this.budget = budget;
  }

  /** What messages call a value. */
  static String kind(Value value) {
    return switch (value) {
      case Value.None _ -> "None";
      case Value.Bool _ -> "a bool";
      case Value.Int _ -> "an int";
      case Value.Real _ -> "a float";
      case Value.Str _ -> "a string";
      case Value.Seq seq -> seq.tuple() ? "a tuple" : "a list";
      case Value.Dict _ -> "a dict";
      case Value.Undefined(String text) -> "nothing: " + text;
      case Value.Namespace _ -> "a namespace";
      case Value.Function _ -> "a function";
      case Value.Macro _ -> "a macro";
      case Value.Loop _ -> "a loop";
    };
  }

  static boolean isTrue(Value value) {
    return switch (value) {
      case Value.None _, Value.Undefined _ -> false;
      case Value.Bool(boolean b) -> b;
      case Value.Int(long n) -> n != 0;
      case Value.Real(double n) -> n != 0;
      case Value.Str(String text) -> !text.isEmpty();
      case Value.Seq seq -> !seq.items().isEmpty();
      case Value.Dict dict -> !dict.entries().isEmpty();
      case Value.Namespace _, Value.Function _, Value.Macro _, Value.Loop _ -> true;
    };
  }

  /** A number's value, or null: a bool counts as 0 or 1. */
  private static Number number(Value value) {
    return switch (value) {
      case Value.Bool(boolean b) -> b ? 1L : 0L;
      case Value.Int(long n) -> n;
      case Value.Real(double n) -> n;
      default -> null;
    };
  }

  @SuppressWarnings("ReferenceEquality") // as in Python, each of these equals itself alone
  boolean equal(Value a, Value b) {
    budget.enter();
    budget.step();
    boolean equal =
        switch (a) {
          case Value.Str(String text) -> b instanceof Value.Str(String other) && equal(text, other);
          case Value.Seq left ->
              b instanceof Value.Seq right
                  && left.tuple() == right.tuple()
                  && equal(left.items(), right.items());
          case Value.Dict left ->
              b instanceof Value.Dict right && equal(left.entries(), right.entries());
          case Value.Undefined _ -> b instanceof Value.Undefined;
          case Value.None _ -> b instanceof Value.None;
          case Value.Bool _, Value.Int _, Value.Real _ -> {
            Number left = number(a);
            Number right = number(b);
            yield right != null && !isNaN(left) && !isNaN(right) && compare(left, right) == 0;
          }
          case Value.Function function -> function.equals(b);
          case Value.Namespace _, Value.Macro _, Value.Loop _ -> a == b;
        };
    budget.leave();
    return equal;
  }

  private boolean equal(String a, String b) {
    budget.search(a.length() == b.length() ? a.length() : 0);
    return a.equals(b);
  }

  private boolean equal(List<Value> a, List<Value> b) {
    if (a.size() != b.size()) {
      return false;
    }
    for (int i = 0; i < a.size(); i++) {
      if (!equal(a.get(i), b.get(i))) {
        return false;
      }
    }
    return true;
  }

  private boolean equal(Map<String, Value> a, Map<String, Value> b) {
    if (a.size() != b.size()) {
      return false;
    }
    for (Map.Entry<String, Value> entry : a.entrySet()) {
      Value other = b.get(entry.getKey());
      if (other == null || !equal(entry.getValue(), other)) {
        return false;
      }
    }
    return true;
  }

  private static boolean isNaN(Number number) {
    return number instanceof Double d && d.isNaN();
  }

  private static int compare(Number a, Number b) {
    if (a instanceof Long m && b instanceof Long n) {
      return Long.compare(m, n);
    }
    double x = a.doubleValue();
    double y = b.doubleValue();
    if (Double.isInfinite(x) || Double.isInfinite(y)) {
      return Double.compare(x, y);
    }
    return exact(a).compareTo(exact(b));
  }

  private static BigDecimal exact(Number number) {
    return number instanceof Long n ? BigDecimal.valueOf(n) : new BigDecimal(number.doubleValue());
  }

  /** The order of numbers or strings. */
  int compare(String operator, Value a, Value b) {
    budget.step();
    if (a instanceof Value.Str(String left) && b instanceof Value.Str(String right)) {
      budget.search(Math.min(left.length(), right.length()));
      return compareCodePoints(left, right);
    }
    Number left = number(a);
    Number right = number(b);
    if (left == null || right == null) {
      throw unfit(operator, a, b);
    }
    return compare(left, right);
  }

  private static int compareCodePoints(String a, String b) {
    int mismatch = 0;
    int length = Math.min(a.length(), b.length());
    while (mismatch < length && a.charAt(mismatch) == b.charAt(mismatch)) {
      mismatch++;
    }
    if (mismatch == length) {
      return Integer.compare(a.length(), b.length());
    }
    boolean withinPair =
        mismatch > 0
            && Character.isLowSurrogate(a.charAt(mismatch))
            && Character.isHighSurrogate(a.charAt(mismatch - 1));
    int at = withinPair ? mismatch - 1 : mismatch;
    return Integer.compare(a.codePointAt(at), b.codePointAt(at));
  }

  boolean test(String operator, Value a, Value b) {
    return switch (operator) {
      case "==" -> equal(a, b);
      case "!=" -> !equal(a, b);
      case "in" -> contains(b, a);
      case "not in" -> !contains(b, a);
      default -> {
        Number left = number(a);
        Number right = number(b);
        if (left != null && right != null && (isNaN(left) || isNaN(right))) {
          yield false;
        }
        int order = compare(operator, a, b);
        yield switch (operator) {
          case "<" -> order < 0;
          case "<=" -> order <= 0;
          case ">" -> order > 0;
          default -> order >= 0;
        };
      }
    };
  }

  private boolean contains(Value container, Value item) {
    return switch (container) {
      case Value.Str(String text) when item instanceof Value.Str(String part) -> {
        budget.search(text.length());
        yield text.contains(part);
      }
      case Value.Seq seq -> {
        boolean found = false;
        for (int i = 0; i < seq.items().size() && !found; i++) {
          found = equal(seq.items().get(i), item);
        }
        yield found;
      }
      case Value.Dict dict ->
          item instanceof Value.Str(String key) && dict.entries().containsKey(key);
      case Value.Undefined _ -> false;
      default -> throw unfit("in", item, container);
    };
  }

  Value arithmetic(String operator, Value a, Value b) {
    Number left = number(a);
    Number right = number(b);
    if (left != null && right != null) {
      try {
        return left instanceof Long m && right instanceof Long n
            ? integers(operator, m, n)
            : reals(operator, left.doubleValue(), right.doubleValue());
      } catch (ArithmeticException e) {
        throw new TemplateException("an integer beyond 64 bits");
      }
    }
    if (operator.equals("+")) {
      return sum(a, b);
    }
    if (operator.equals("*")) {
      return a instanceof Value.Int(long times) ? repeat(b, times, a) : repeat(a, times(b), b);
    }
    if (operator.equals("%") && a instanceof Value.Str) {
      throw TemplateException.unsupported("formatting with % is not supported");
    }
    throw unfit(operator, a, b);
  }

  private static Value integers(String operator, long a, long b) {
    return switch (operator) {
      case "+" -> new Value.Int(Math.addExact(a, b));
      case "-" -> new Value.Int(Math.subtractExact(a, b));
      case "*" -> new Value.Int(Math.multiplyExact(a, b));
      case "/" -> new Value.Real((double) a / divisor(b));
      case "//" -> new Value.Int(Math.floorDivExact(a, divisor(b)));
      default -> new Value.Int(Math.floorMod(a, divisor(b)));
    };
  }

  private static long divisor(long b) {
    if (b == 0) {
      throw new TemplateException("division by zero");
    }
    return b;
  }

  private static Value reals(String operator, double a, double b) {
    if ("/%//".contains(operator) && b == 0) {
      throw new TemplateException("division by zero");
    }
    return new Value.Real(
        switch (operator) {
          case "+" -> a + b;
          case "-" -> a - b;
          case "*" -> a * b;
          case "/" -> a / b;
          case "//" -> Math.floor(a / b);
          default -> {
            double rest = a % b;
            yield rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
          }
        });
  }

  private Value sum(Value a, Value b) {
    if (a instanceof Value.Str(String left) && b instanceof Value.Str(String right)) {
      budget.text((long) left.length() + right.length());
      return new Value.Str(left + right);
    }
    if (a instanceof Value.Seq left
        && b instanceof Value.Seq right
        && left.tuple() == right.tuple()) {
      budget.steps((long) left.items().size() + right.items().size());
      List<Value> items = new ArrayList<>(left.items());
      items.addAll(right.items());
      return new Value.Seq(Collections.unmodifiableList(items), left.tuple());
    }
    throw unfit("+", a, b);
  }

  private static Long times(Value value) {
    return value instanceof Value.Int(long n) ? (Long) n : null;
  }

  private Value repeat(Value value, Long times, Value given) {
    if (times != null && value instanceof Value.Str(String text)) {
      long count = text.isEmpty() ? 0 : Math.max(0, times);
      budget.text(count > Budget.LONGEST ? Long.MAX_VALUE : count * text.length());
      return new Value.Str(text.repeat((int) count));
    }
    if (times != null && value instanceof Value.Seq seq) {
      long count = seq.items().isEmpty() ? 0 : Math.max(0, times);
      budget.steps(count > Budget.STEPS ? Long.MAX_VALUE : count * seq.items().size());
      List<Value> items = new ArrayList<>();
      for (long i = 0; i < count; i++) {
        items.addAll(seq.items());
      }
      return new Value.Seq(Collections.unmodifiableList(items), seq.tuple());
    }
    throw unfit("*", value, given);
  }

  static Value negative(Value value) {
    return switch (number(value)) {
      case Long n when n == Long.MIN_VALUE ->
          throw new TemplateException("an integer beyond 64 bits");
      case Long n -> new Value.Int(-n);
      case Double n -> new Value.Real(-n);
      case null, default -> throw new TemplateException("'-' does not suit " + kind(value));
    };
  }

  private static TemplateException unfit(String operator, Value a, Value b) {
    return new TemplateException(
        "'%s' does not suit %s and %s".formatted(operator, kind(a), kind(b)));
  }
}
