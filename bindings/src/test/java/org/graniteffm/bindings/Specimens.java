package org.graniteffm.bindings;

import java.lang.foreign.MemorySegment;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;

/**
 * One good call of each method of {@link Kernels} and {@link Blas}, with what the method promises
 * to check: {@link RefusalTest} spoils one thing at a time, and {@link ReviewTableTest} compares it
 * with the table in the module's README. A new method needs a specimen here and a row there.
 */
final class Specimens {
  private Specimens() {}

  sealed interface Argument {}

  /**
   * A segment and its offset: as many bytes as the call needs, to the byte.
   *
   * @param words elements of 4 bytes, at a multiple of 4; else elements at any byte
   * @param nullable may be null
   * @param below its elements are ints in [0, below); 0 for an operand of other elements
   * @param hasOffset whether an offset follows the segment
   * @param values ints that it holds first; no more than zeros if there are none
   */
  record Operand(
      String name,
      long bytes,
      boolean words,
      boolean written,
      boolean nullable,
      int below,
      boolean hasOffset,
      List<Integer> values)
      implements Argument {
    Operand orNull() {
      return new Operand(name, bytes, words, written, true, below, hasOffset, values);
    }

    Operand indicesBelow(int bound) {
      return new Operand(name, bytes, words, written, nullable, bound, hasOffset, values);
    }

    Operand holding(Integer... ints) {
      return new Operand(name, bytes, words, written, nullable, below, hasOffset, List.of(ints));
    }

    Operand withoutOffset() {
      return new Operand(name, bytes, words, written, nullable, below, false, values);
    }
  }

  /** A dimension from {@code least} to {@code most}. */
  record Size(String name, long value, long least, long most) implements Argument {
    Size atLeast(long bound) {
      return new Size(name, value, bound, most);
    }

    Size asInt() {
      return new Size(name, value, least, Integer.MAX_VALUE);
    }
  }

  /** In elements; {@code least} is the length of a row, and 0 is taken if rows may be repeated. */
  record Stride(String name, long value, long least, boolean repeatable) implements Argument {
    Stride orZero() {
      return new Stride(name, value, least, true);
    }
  }

  /** A factor: any number will do. */
  record Factor(float value) implements Argument {}

  /**
   * One of a few values.
   *
   * @param rule what the table says of it
   */
  record Choice(String name, String rule, int value, List<Integer> wrong) implements Argument {}

  /** A size in its range, yet wrong. */
  record Rule(String text, String size, long wrong) {}

  /** An output that may be an input, in the same place with the same stride. */
  record Alias(String output, String input) {}

  record Specimen(
      Class<?> owner,
      String method,
      List<String> symbols,
      List<Argument> arguments,
      List<Rule> rules,
      List<Alias> aliases) {
    <T extends Argument> List<T> of(Class<T> kind) {
      return arguments.stream().filter(kind::isInstance).map(kind::cast).toList();
    }

    List<Operand> operands() {
      return of(Operand.class);
    }

    /** The types of the parameters that take these arguments. */
    List<Class<?>> parameterTypes() {
      List<Class<?>> types = new ArrayList<>();
      for (Argument argument : arguments) {
        switch (argument) {
          case Operand operand -> {
            types.add(MemorySegment.class);
            if (operand.hasOffset()) {
              types.add(long.class);
            }
          }
          case Size size -> types.add(long.class);
          case Stride stride -> types.add(long.class);
          case Factor factor -> types.add(float.class);
          case Choice choice -> types.add(int.class);
        }
      }
      return types;
    }

    Specimen rule(String text, String size, long wrong) {
      List<Rule> more = new ArrayList<>(rules);
      more.add(new Rule(text, size, wrong));
      return new Specimen(owner, method, symbols, arguments, more, aliases);
    }

    Specimen mayBe(String output, String... inputs) {
      List<Alias> more = new ArrayList<>(aliases);
      for (String input : inputs) {
        more.add(new Alias(output, input));
      }
      return new Specimen(owner, method, symbols, arguments, rules, more);
    }

    /** The row of the table in the README. */
    String row() {
      return "| "
          + String.join(
              " | ",
              String.join(", ", symbols.stream().map(symbol -> "`" + symbol + "`").toList()),
              "`" + method + "`",
              texts(of(Size.class).stream().map(Specimen::text)),
              texts(operands().stream().filter(o -> !o.written()).map(Specimen::text)),
              texts(operands().stream().filter(Operand::written).map(Specimen::text)),
              texts(
                  Stream.of(
                          of(Choice.class).stream().map(Choice::rule),
                          rules.stream().map(Rule::text),
                          of(Stride.class).stream()
                              .filter(Stride::repeatable)
                              .map(stride -> "stride of " + stride.name() + " may be 0"),
                          aliases.stream().map(a -> a.output() + " may be " + a.input()))
                      .flatMap(text -> text)))
          + " |";
    }

    private static String texts(Stream<String> texts) {
      List<String> list = texts.toList();
      return list.isEmpty() ? "—" : String.join(", ", list);
    }

    private static String text(Size size) {
      return size.name()
          + (size.most() == Integer.MAX_VALUE ? " int" : "")
          + (size.least() == 0 ? "" : " ≥ " + size.least());
    }

    private static String text(Operand operand) {
      return operand.name()
          + (operand.words() ? "" : " (any byte)")
          + (operand.nullable() ? " or null" : "")
          + (operand.below() == 0 ? "" : " (each in range)");
    }

    @Override
    public String toString() {
      return method;
    }
  }

  private static Operand in(String name, long floats) {
    return new Operand(name, floats * 4, true, false, false, 0, true, List.of());
  }

  private static Operand out(String name, long floats) {
    return new Operand(name, floats * 4, true, true, false, 0, true, List.of());
  }

  private static Operand bytes(String name, long bytes) {
    return new Operand(name, bytes, false, false, false, 0, true, List.of());
  }

  private static Operand bytesOut(String name, long bytes) {
    return new Operand(name, bytes, false, true, false, 0, true, List.of());
  }

  private static Size size(String name, long value) {
    return new Size(name, value, 0, Checks.LIMIT);
  }

  private static Stride stride(String name, long value, long least) {
    return new Stride(name, value, least, false);
  }

  private static Factor factor(float value) {
    return new Factor(value);
  }

  private static Choice dtype(int value) {
    return new Choice(
        "dtype", "dtype known", value, List.of(-1, 3, Integer.MAX_VALUE, Integer.MIN_VALUE));
  }

  private static Choice cacheDtype(String name, int value) {
    return new Choice(
        name,
        name + " F32 or BF16",
        value,
        List.of(-1, Kernels.F16, 3, Integer.MAX_VALUE, Integer.MIN_VALUE));
  }

  private static Specimen kernel(String method, String symbols, Argument... arguments) {
    return new Specimen(
        Kernels.class,
        method,
        symbols.isEmpty() ? List.of() : List.of(symbols.split(" ")),
        List.of(arguments),
        List.of(),
        List.of());
  }

  /**
   * Two rows of three columns, unless something else is more telling; no two strides are the same.
   */
  static final List<Specimen> ALL =
      List.of(
          kernel(
                  "rmsNorm",
                  "gk_rms_norm_f32",
                  in("x", 7),
                  stride("x", 4, 3),
                  in("weight", 3),
                  factor(1e-5f),
                  size("rows", 2),
                  size("cols", 3).atLeast(1),
                  out("out", 8),
                  stride("out", 5, 3))
              .mayBe("out", "x"),
          kernel(
                  "addRmsNorm",
                  "gk_add_rms_norm_f32",
                  out("x", 7),
                  stride("x", 4, 3),
                  in("residual", 9),
                  stride("residual", 6, 3),
                  factor(1f),
                  in("weight", 3),
                  factor(1e-5f),
                  size("rows", 2),
                  size("cols", 3).atLeast(1),
                  out("out", 8),
                  stride("out", 5, 3))
              .mayBe("out", "residual"),
          kernel(
              "addScaled",
              "gk_add_scaled_f32",
              out("x", 7),
              stride("x", 4, 3),
              in("y", 8),
              stride("y", 5, 3).orZero(),
              factor(1f),
              size("rows", 2),
              size("cols", 3)),
          // two rows, three query heads and two key heads of four elements
          kernel(
                  "rope",
                  "gk_rope_f32",
                  out("q", 13 + 12),
                  stride("q", 13, 12),
                  size("qHeads", 3),
                  in("k", 9 + 8),
                  stride("k", 9, 8),
                  size("kHeads", 2),
                  size("headDim", 4),
                  in("cos", 4),
                  in("sin", 4),
                  size("rows", 2),
                  bytesOut("kOut", (12 + 8) * 2),
                  cacheDtype("kOutDtype", Kernels.BF16),
                  stride("kOut", 12, 8))
              .rule("headDim even", "headDim", 3),
          // w [4, 3], x [2, 3], y [2, 4]
          kernel(
              "gemv",
              "gk_gemv_f32 gk_gemv_f16 gk_gemv_bf16",
              dtype(Kernels.BF16),
              bytes("w", (3 * 7 + 3) * 2),
              stride("w", 7, 3),
              size("n", 4),
              size("k", 3),
              in("x", 4 + 3),
              stride("x", 4, 3),
              size("m", 2),
              factor(1f),
              factor(0f),
              out("y", 5 + 4),
              stride("y", 5, 4)),
          // w [4, 3], x [2, 3], y [2, 4]
          kernel(
              "gemm",
              "gk_gemm_f32",
              dtype(Kernels.BF16),
              bytes("w", (3 * 7 + 3) * 2),
              stride("w", 7, 3),
              size("n", 4),
              size("k", 3),
              in("x", 4 + 3),
              stride("x", 4, 3),
              size("m", 2),
              factor(1f),
              factor(0f),
              out("y", 5 + 4),
              stride("y", 5, 4),
              out("scratch", Kernels.GEMM_SCRATCH / 4).withoutOffset()),
          kernel("packedBytes", "", size("rows", 2), size("cols", 3)),
          // rows of x [5, 3], packed as one tile of 16 rows and 32 columns
          kernel(
              "packBf16",
              "gk_pack_bf16",
              in("x", 4 * 4 + 3),
              stride("x", 4, 3),
              size("xRows", 5),
              in("rows", 2).indicesBelow(5).orNull(),
              size("m", 2),
              size("k", 3),
              out("packed", 256)),
          // w [4, 3], x [2, 3], to rows of y [5, 4]
          kernel(
              "gemmBf16",
              "gk_gemm_bf16",
              bytes("w", (3 * 7 + 3) * 2),
              stride("w", 7, 3),
              size("n", 4),
              size("k", 3),
              in("x", 256),
              size("m", 2),
              factor(1f),
              in("rows", 2).indicesBelow(5).orNull(),
              in("scales", 2).orNull(),
              factor(0f),
              out("y", 4 * 5 + 4),
              stride("y", 5, 4),
              size("yRows", 5),
              out("scratch", Kernels.GEMM_SCRATCH / 4).withoutOffset()),
          // w [2, 4, 3], x one row for each of two groups, to rows of y [5, 4]
          kernel(
              "gemmGroupedBf16",
              "gk_gemm_grouped_bf16",
              bytes("w", (130 + 3 * 7 + 3) * 2),
              stride("w", 7, 3),
              stride("wGroup", 130, 3 * 7 + 3),
              size("n", 4),
              size("k", 3),
              in("x", 2 * 256),
              size("groups", 2),
              in("starts", 3).indicesBelow(3).holding(0, 1, 2),
              size("m", 2),
              factor(1f),
              in("rows", 2).indicesBelow(5).orNull(),
              in("scales", 2).orNull(),
              factor(0f),
              out("y", 4 * 5 + 4),
              stride("y", 5, 4),
              size("yRows", 5),
              out("scratch", Kernels.GEMM_SCRATCH / 4).withoutOffset()),
          // gate and up [4, 3], x [16, 3], the last 4 columns of out [16, 36]
          kernel(
                  "siluMulGemmBf16",
                  "gk_silu_mul_gemm_bf16",
                  bytes("gate", (3 * 7 + 3) * 2),
                  bytes("up", (3 * 7 + 3) * 2),
                  stride("gate", 7, 3),
                  size("n", 4),
                  size("k", 3),
                  in("x", 256),
                  size("m", 16),
                  size("first", 32),
                  size("outCols", 36),
                  out("out", 512),
                  out("scratch", Kernels.GEMM_SCRATCH / 4).withoutOffset())
              .rule("first and n multiples of 32 or to the end", "first", 31)
              .rule("first + n ≤ outCols", "first", 64),
          // gate and up [2, 4, 3], x one row for each of two groups, the last 4 columns of 36
          kernel(
                  "siluMulGemmGroupedBf16",
                  "gk_silu_mul_gemm_grouped_bf16",
                  bytes("gate", (130 + 3 * 7 + 3) * 2),
                  bytes("up", (130 + 3 * 7 + 3) * 2),
                  stride("gate", 7, 3),
                  stride("wGroup", 130, 3 * 7 + 3),
                  size("n", 4),
                  size("k", 3),
                  in("x", 2 * 256),
                  size("groups", 2),
                  in("starts", 3).holding(0, 1, 2),
                  size("first", 32),
                  size("outCols", 36),
                  out("out", 2 * 512),
                  out("scratch", Kernels.GEMM_SCRATCH / 4).withoutOffset())
              .rule("first and n multiples of 32 or to the end", "first", 31)
              .rule("first + n ≤ outCols", "first", 64),
          kernel(
                  "siluMul",
                  "gk_silu_mul_f32",
                  in("gate", 7),
                  stride("gate", 4, 3),
                  in("up", 8),
                  stride("up", 5, 3),
                  size("rows", 2),
                  size("cols", 3),
                  out("out", 9),
                  stride("out", 6, 3))
              .mayBe("out", "gate", "up"),
          kernel(
                  "actMul",
                  "gk_act_mul_f32",
                  new Choice(
                      "activation",
                      "activation known",
                      Kernels.RELU,
                      List.of(-1, 5, Integer.MAX_VALUE, Integer.MIN_VALUE)),
                  in("gate", 7),
                  stride("gate", 4, 3),
                  in("up", 8),
                  stride("up", 5, 3),
                  size("rows", 2),
                  size("cols", 3),
                  out("out", 9),
                  stride("out", 6, 3))
              .mayBe("out", "gate", "up"),
          // two rows, three experts, the best two
          kernel(
                  "topKSoftmax",
                  "gk_top_k_softmax_f32",
                  in("logits", 7),
                  stride("logits", 4, 3),
                  size("rows", 2),
                  size("experts", 3).atLeast(1).asInt(),
                  size("k", 2).atLeast(1),
                  out("ids", 4),
                  out("weights", 4))
              .rule("k ≤ experts", "k", 4),
          // two rows behind one past key, two heads of three elements
          kernel(
              "attention",
              "gk_attention_f32",
              in("q", 7 + 6),
              stride("q", 7, 6),
              size("heads", 2).atLeast(1),
              size("rows", 2),
              bytes("k", (2 * 4 + 3) * 2),
              bytes("v", (2 * 4 + 3) * 2),
              cacheDtype("dtype", Kernels.BF16),
              stride("k", 4, 3),
              size("past", 1),
              bytes("keyMask", 3).orNull(),
              size("headDim", 3),
              factor(1f),
              out("out", 8 + 6),
              stride("out", 8, 6)),
          kernel(
              "attentionBf16",
              "gk_attention_bf16",
              in("q", 7 + 6),
              stride("q", 7, 6),
              size("heads", 2).atLeast(1),
              size("rows", 2),
              bytes("k", (2 * 4 + 3) * 4),
              bytes("v", (2 * 4 + 3) * 4),
              cacheDtype("dtype", Kernels.F32),
              stride("k", 4, 3),
              size("past", 1),
              bytes("keyMask", 3).orNull(),
              size("headDim", 3),
              factor(1f),
              out("out", 8 + 6),
              stride("out", 8, 6)),
          kernel(
              "attentionProbs",
              "gk_attention_probs_f32",
              in("q", 7 + 6),
              stride("q", 7, 6),
              size("heads", 2).atLeast(1),
              size("rows", 2),
              bytes("k", (2 * 4 + 3) * 2),
              cacheDtype("dtype", Kernels.BF16),
              stride("k", 4, 3),
              size("past", 1),
              bytes("keyMask", 3).orNull(),
              size("headDim", 3),
              factor(1f),
              out("p", 9 + 6),
              stride("p", 9, 6)),
          kernel(
              "embed",
              "gk_embed",
              bytes("table", (4 * 5 + 3) * 2),
              dtype(Kernels.F16),
              stride("table", 5, 3),
              size("vocab", 5),
              in("ids", 2).indicesBelow(5),
              size("rows", 2),
              size("cols", 3),
              factor(1f),
              out("out", 7),
              stride("out", 4, 3)),
          kernel(
              "widen",
              "gk_widen_f32",
              bytes("src", (5 + 3) * 4),
              dtype(Kernels.F32),
              stride("src", 5, 3),
              size("rows", 2),
              size("cols", 3),
              out("dst", 7),
              stride("dst", 4, 3)),
          kernel(
              "narrow",
              "gk_narrow",
              in("src", 7),
              stride("src", 4, 3),
              size("rows", 2),
              size("cols", 3),
              bytesOut("dst", (5 + 3) * 2),
              cacheDtype("dtype", Kernels.BF16),
              stride("dst", 5, 3)),
          kernel("probeRead", "gk_probe_read", bytes("data", 13), size("bytes", 13)),
          kernel("probeFma", "gk_probe_fma_f32", size("iterations", 1).asInt()),
          kernel("probeBf16", "gk_probe_bf16", size("iterations", 1).asInt()),
          // c [2, 4] = a [2, 3] times b [4, 3] transposed
          new Specimen(
              Blas.class,
              "sgemm",
              List.of("cblas_sgemm"),
              List.of(
                  size("m", 2).asInt(),
                  size("n", 4).asInt(),
                  size("k", 3).asInt(),
                  factor(1f),
                  in("a", 4 + 3),
                  stride("lda", 4, 3),
                  in("b", 3 * 5 + 3),
                  stride("ldb", 5, 3),
                  factor(0f),
                  out("c", 6 + 4),
                  stride("ldc", 6, 4)),
              List.of(),
              List.of()));

  /** The public methods of both facades. */
  static List<Method> methods() {
    return Stream.of(Kernels.class, Blas.class)
        .flatMap(owner -> Arrays.stream(owner.getDeclaredMethods()))
        .filter(method -> Modifier.isPublic(method.getModifiers()))
        .toList();
  }

  /** The methods that a specimen is a call of: one, unless the table is wrong. */
  static List<Method> methodsOf(Specimen specimen) {
    return methods().stream()
        .filter(method -> method.getDeclaringClass() == specimen.owner())
        .filter(method -> method.getName().equals(specimen.method()))
        .filter(method -> List.of(method.getParameterTypes()).equals(specimen.parameterTypes()))
        .toList();
  }
}
