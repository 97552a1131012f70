package org.graniteffm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every operand, size and stride of every method, wrong in every way there is, is refused by name
 * and before anything is written. One good call of each method is the specimen that the tests spoil
 * one argument at a time.
 */
class RefusalTest {
  sealed interface Argument {}

  /** A segment and its offset: as many bytes as the call needs, to the byte. */
  record Operand(String name, long bytes, boolean words, boolean written) implements Argument {}

  record Size(String name, long value) implements Argument {}

  /** In elements; {@code least} is the length of a row. */
  record Stride(String name, long value, long least) implements Argument {}

  record Value(Object value) implements Argument {}

  record Specimen(Class<?> owner, String method, List<Argument> arguments) {
    List<Operand> operands() {
      return of(Operand.class);
    }

    <T extends Argument> List<T> of(Class<T> kind) {
      return arguments.stream().filter(kind::isInstance).map(kind::cast).toList();
    }

    @Override
    public String toString() {
      return method;
    }
  }

  private static Operand in(String name, long floats) {
    return new Operand(name, floats * 4, true, false);
  }

  private static Operand out(String name, long floats) {
    return new Operand(name, floats * 4, true, true);
  }

  private static Operand bytes(String name, long bytes) {
    return new Operand(name, bytes, false, false);
  }

  private static Size size(String name, long value) {
    return new Size(name, value);
  }

  private static Stride stride(String name, long value, long least) {
    return new Stride(name, value, least);
  }

  private static Value value(Object value) {
    return new Value(value);
  }

  private static Specimen kernel(String method, Argument... arguments) {
    return new Specimen(Kernels.class, method, List.of(arguments));
  }

  /**
   * Two rows of three columns, unless something else is more telling; no two strides are the same.
   */
  private static final List<Specimen> SPECIMENS =
      List.of(
          kernel(
              "rmsNorm",
              in("x", 7),
              stride("x", 4, 3),
              in("weight", 3),
              value(1e-5f),
              size("rows", 2),
              size("cols", 3),
              out("out", 8),
              stride("out", 5, 3)),
          kernel(
              "addRmsNorm",
              out("x", 7),
              stride("x", 4, 3),
              in("residual", 9),
              stride("residual", 6, 3),
              value(1f),
              in("weight", 3),
              value(1e-5f),
              size("rows", 2),
              size("cols", 3),
              out("out", 8),
              stride("out", 5, 3)),
          kernel(
              "addScaled",
              out("x", 7),
              stride("x", 4, 3),
              in("y", 8),
              stride("y", 5, 3),
              value(1f),
              size("rows", 2),
              size("cols", 3)),
          // two rows, three query heads and two key heads of four elements
          kernel(
              "rope",
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
              out("kOut", 11 + 8),
              stride("kOut", 11, 8)),
          // w [4, 3], x [2, 3], y [2, 4]
          kernel(
              "gemv",
              value(Kernels.BF16),
              bytes("w", (3 * 7 + 3) * 2),
              stride("w", 7, 3),
              size("n", 4),
              size("k", 3),
              in("x", 4 + 3),
              stride("x", 4, 3),
              size("m", 2),
              value(1f),
              value(0f),
              out("y", 5 + 4),
              stride("y", 5, 4)),
          kernel(
              "siluMul",
              in("gate", 7),
              stride("gate", 4, 3),
              in("up", 8),
              stride("up", 5, 3),
              size("rows", 2),
              size("cols", 3),
              out("out", 9),
              stride("out", 6, 3)),
          kernel(
              "actMul",
              value(Kernels.RELU),
              in("gate", 7),
              stride("gate", 4, 3),
              in("up", 8),
              stride("up", 5, 3),
              size("rows", 2),
              size("cols", 3),
              out("out", 9),
              stride("out", 6, 3)),
          // two rows, three experts, the best two
          kernel(
              "topKSoftmax",
              in("logits", 7),
              stride("logits", 4, 3),
              size("rows", 2),
              size("experts", 3),
              size("k", 2),
              out("ids", 4),
              out("weights", 4)),
          // two rows behind one past key, two heads of three elements
          kernel(
              "attention",
              in("q", 7 + 6),
              stride("q", 7, 6),
              size("heads", 2),
              size("rows", 2),
              in("k", 2 * 4 + 3),
              in("v", 2 * 4 + 3),
              stride("k", 4, 3),
              size("past", 1),
              bytes("keyMask", 3),
              size("headDim", 3),
              value(1f),
              out("out", 8 + 6),
              stride("out", 8, 6)),
          kernel(
              "attentionProbs",
              in("q", 7 + 6),
              stride("q", 7, 6),
              size("heads", 2),
              size("rows", 2),
              in("k", 2 * 4 + 3),
              stride("k", 4, 3),
              size("past", 1),
              bytes("keyMask", 3),
              size("headDim", 3),
              value(1f),
              out("p", 9 + 6),
              stride("p", 9, 6)),
          kernel(
              "embed",
              bytes("table", (4 * 5 + 3) * 2),
              value(Kernels.F16),
              stride("table", 5, 3),
              size("vocab", 5),
              in("ids", 2),
              size("rows", 2),
              size("cols", 3),
              value(1f),
              out("out", 7),
              stride("out", 4, 3)),
          kernel(
              "widen",
              bytes("src", (5 + 3) * 4),
              value(Kernels.F32),
              stride("src", 5, 3),
              size("rows", 2),
              size("cols", 3),
              out("dst", 7),
              stride("dst", 4, 3)),
          kernel("probeRead", bytes("data", 13), size("bytes", 13)),
          kernel("probeFma", size("iterations", 1)),
          // c [2, 4] = a [2, 3] times b [4, 3] transposed
          new Specimen(
              Blas.class,
              "sgemm",
              List.of(
                  size("m", 2),
                  size("n", 4),
                  size("k", 3),
                  value(1f),
                  in("a", 4 + 3),
                  stride("lda", 4, 3),
                  in("b", 3 * 5 + 3),
                  stride("ldb", 5, 3),
                  value(0f),
                  out("c", 6 + 4),
                  stride("ldc", 6, 4))));

  static Stream<Specimen> specimens() {
    return SPECIMENS.stream();
  }

  static Stream<Arguments> operands() {
    return SPECIMENS.stream().flatMap(s -> s.operands().stream().map(o -> Arguments.of(s, o)));
  }

  static Stream<Arguments> sizes() {
    return SPECIMENS.stream()
        .flatMap(s -> s.of(Size.class).stream().map(size -> Arguments.of(s, size)));
  }

  static Stream<Arguments> strides() {
    return SPECIMENS.stream()
        .flatMap(s -> s.of(Stride.class).stream().map(stride -> Arguments.of(s, stride)));
  }

  static Stream<Arguments> outputsAndOthers() {
    List<Arguments> pairs = new ArrayList<>();
    for (Specimen specimen : SPECIMENS) {
      for (Operand output : specimen.operands()) {
        for (Operand other : specimen.operands()) {
          if (output.written() && !other.equals(output)) {
            pairs.add(Arguments.of(specimen, output, other));
          }
        }
      }
    }
    return pairs.stream();
  }

  /** A call that can be spoilt. */
  private static final class Call implements AutoCloseable {
    final Arena arena = Arena.ofShared();
    final Specimen specimen;
    final Map<String, MemorySegment> segments = new HashMap<>();
    final Map<String, Long> offsets = new HashMap<>();
    final Map<Argument, Object> replaced = new HashMap<>();

    Call(Specimen specimen) {
      this.specimen = specimen;
      for (Operand operand : specimen.operands()) {
        segments.put(operand.name(), arena.allocate(operand.bytes(), 8));
        offsets.put(operand.name(), 0L);
      }
    }

    Call with(Operand operand, MemorySegment segment, long offset) {
      segments.put(operand.name(), segment);
      offsets.put(operand.name(), offset);
      return this;
    }

    Call with(Argument argument, Object value) {
      replaced.put(argument, value);
      return this;
    }

    void run() {
      Method method =
          Stream.of(specimen.owner().getMethods())
              .filter(m -> m.getName().equals(specimen.method()))
              .findFirst()
              .orElseThrow();
      List<Object> values = new ArrayList<>();
      for (Argument argument : specimen.arguments()) {
        if (replaced.containsKey(argument)) {
          values.add(replaced.get(argument));
          continue;
        }
        switch (argument) {
          case Operand operand -> {
            values.add(segments.get(operand.name()));
            values.add(offsets.get(operand.name()));
          }
          case Size size -> values.add(size.value());
          case Stride stride -> values.add(stride.value());
          case Value value -> values.add(value.value());
        }
      }
      try {
        method.invoke(null, values.toArray());
      } catch (InvocationTargetException e) {
        if (e.getCause() instanceof RuntimeException cause) {
          throw cause;
        }
        throw new AssertionError(e.getCause());
      } catch (IllegalAccessException e) {
        throw new AssertionError(e);
      }
    }

    <T extends RuntimeException> T refused(Class<T> kind) {
      Map<String, byte[]> before = outputs();
      T e = assertThrows(kind, this::run);
      outputs()
          .forEach((name, bytes) ->
              assertTrue(Arrays.equals(before.get(name), bytes), name + " written"));
      assertEquals(1, e.getMessage().lines().count(), e.getMessage());
      return e;
    }

    private Map<String, byte[]> outputs() {
      Map<String, byte[]> outputs = new HashMap<>();
      for (Operand operand : specimen.operands()) {
        MemorySegment segment = segments.get(operand.name());
        if (operand.written()
            && segment != null
            && segment.scope().isAlive()
            && segment.isAccessibleBy(Thread.currentThread())) {
          outputs.put(operand.name(), segment.toArray(ValueLayout.JAVA_BYTE));
        }
      }
      return outputs;
    }

    @Override
    public void close() {
      arena.close();
    }
  }

  private static void assertNames(String name, RuntimeException e) {
    assertTrue(e.getMessage().contains(name), () -> "\"" + name + "\" in: " + e.getMessage());
  }

  @Test
  void everyMethodHasASpecimen() {
    Set<String> methods = new TreeSet<>();
    for (Class<?> owner : List.of(Kernels.class, Blas.class)) {
      for (Method method : owner.getDeclaredMethods()) {
        if (Modifier.isPublic(method.getModifiers())) {
          methods.add(method.getName());
        }
      }
    }
    Set<String> specimens = new TreeSet<>();
    SPECIMENS.forEach(specimen -> specimens.add(specimen.method()));
    assertEquals(methods, specimens);
  }

  @ParameterizedTest
  @MethodSource("specimens")
  void exactSizesAreEnough(Specimen specimen) {
    try (Call call = new Call(specimen)) {
      call.run();
    }
  }

  @ParameterizedTest
  @MethodSource("operands")
  void nullSegment(Specimen specimen, Operand operand) {
    try (Call call = new Call(specimen).with(operand, null, 0)) {
      if (operand.name().equals("keyMask")) {
        call.run();
      } else {
        assertEquals(operand.name(), call.refused(NullPointerException.class).getMessage());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("operands")
  void heapSegment(Specimen specimen, Operand operand) {
    MemorySegment heap = MemorySegment.ofArray(new byte[(int) operand.bytes()]);
    try (Call call = new Call(specimen).with(operand, heap, 0)) {
      assertNames(operand.name(), call.refused(IllegalArgumentException.class));
    }
  }

  @ParameterizedTest
  @MethodSource("operands")
  void closedSegment(Specimen specimen, Operand operand) {
    try (Call call = new Call(specimen)) {
      for (Arena arena : List.of(Arena.ofConfined(), Arena.ofShared())) {
        MemorySegment closed = arena.allocate(operand.bytes(), 8);
        arena.close();
        RuntimeException e = call.with(operand, closed, 0).refused(IllegalStateException.class);
        assertNames(operand.name() + ": segment is closed", e);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("operands")
  void segmentOfAnotherThread(Specimen specimen, Operand operand) throws InterruptedException {
    MemorySegment[] theirs = new MemorySegment[1];
    Thread other = new Thread(() -> theirs[0] = Arena.ofConfined().allocate(operand.bytes(), 8));
    other.start();
    other.join();
    try (Call call = new Call(specimen).with(operand, theirs[0], 0)) {
      assertNames(operand.name(), call.refused(IllegalStateException.class));
    }
  }

  @ParameterizedTest
  @MethodSource("operands")
  void segmentTooSmall(Specimen specimen, Operand operand) {
    try (Call call = new Call(specimen)) {
      MemorySegment small = call.arena.allocate(operand.bytes() - 1, 8);
      RuntimeException e = call.with(operand, small, 0).refused(IndexOutOfBoundsException.class);
      assertNames(operand.name() + ": ", e);
      assertNames(operand.bytes() + " bytes", e);
    }
  }

  @ParameterizedTest
  @MethodSource("operands")
  void offsetOutOfRange(Specimen specimen, Operand operand) {
    try (Call call = new Call(specimen)) {
      MemorySegment segment = call.segments.get(operand.name());
      for (long offset :
          new long[] {
            -4, 4, operand.bytes(), operand.bytes() + 4, Long.MAX_VALUE, Long.MIN_VALUE
          }) {
        RuntimeException e =
            call.with(operand, segment, offset).refused(IndexOutOfBoundsException.class);
        assertNames(operand.name(), e);
      }
    }
  }

  @ParameterizedTest
  @MethodSource("operands")
  void misalignedWords(Specimen specimen, Operand operand) {
    try (Call call = new Call(specimen)) {
      MemorySegment larger = call.arena.allocate(operand.bytes() + 1, 8);
      call.with(operand, larger, 1);
      if (operand.words()) {
        assertNames(operand.name(), call.refused(IllegalArgumentException.class));
      } else {
        call.run();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("operands")
  void readOnlyOutput(Specimen specimen, Operand operand) {
    try (Call call = new Call(specimen)) {
      call.with(operand, call.segments.get(operand.name()).asReadOnly(), 0);
      if (operand.written()) {
        RuntimeException e = call.refused(IllegalArgumentException.class);
        assertNames(operand.name() + ": segment is read-only", e);
      } else {
        call.run();
      }
    }
  }

  @ParameterizedTest
  @MethodSource("outputsAndOthers")
  void overlappingOutput(Specimen specimen, Operand output, Operand other) {
    try (Call call = new Call(specimen)) {
      MemorySegment both = call.arena.allocate(output.bytes() + other.bytes(), 8);
      // the last word of the one is the first of the other
      long end = (output.bytes() - 4) & -4;
      RuntimeException e =
          call.with(output, both, 0).with(other, both, end).refused(IllegalArgumentException.class);
      assertNames("overlaps", e);
      assertNames(output.name(), e);
      assertNames(other.name(), e);
      e =
          call.with(output, both, (other.bytes() - 1) & -4)
              .with(other, both, 0)
              .refused(IllegalArgumentException.class);
      assertNames("overlaps", e);
      // side by side is fine
      MemorySegment wide = call.arena.allocate(output.bytes() + other.bytes() + 4, 8);
      call.with(output, wide, 0).with(other, wide, output.bytes()).run();
      long next = (other.bytes() + 3) & -4;
      call.with(output, wide, next).with(other, wide, 0).run();
    }
  }

  @ParameterizedTest
  @MethodSource("sizes")
  void sizeOutOfRange(Specimen specimen, Size size) {
    try (Call call = new Call(specimen)) {
      for (long value : new long[] {-1, Long.MIN_VALUE, Long.MAX_VALUE, Checks.LIMIT + 1}) {
        assertNames(size.name(), call.with(size, value).refused(IllegalArgumentException.class));
      }
      if (specimen.operands().isEmpty()) {
        return;
      }
      for (long value : new long[] {Checks.LIMIT, Integer.MAX_VALUE, size.value() + 1}) {
        call.with(size, value);
        try {
          call.run();
          fail(specimen + " took " + size.name() + " = " + value);
        } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
          assertEquals(1, e.getMessage().lines().count());
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("strides")
  void strideSmallerThanARow(Specimen specimen, Stride stride) {
    try (Call call = new Call(specimen)) {
      for (long value : new long[] {stride.least() - 1, -1, Long.MIN_VALUE, Long.MAX_VALUE}) {
        assertNames(
            stride.name(), call.with(stride, value).refused(IllegalArgumentException.class));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("strides")
  void strideThatLeavesTheSegment(Specimen specimen, Stride stride) {
    try (Call call = new Call(specimen)) {
      for (long value : new long[] {stride.value() + 1, Integer.MAX_VALUE}) {
        call.with(stride, value).refused(IndexOutOfBoundsException.class);
      }
      RuntimeException e = call.with(stride, Checks.LIMIT).refused(RuntimeException.class);
      assertTrue(
          e instanceof IndexOutOfBoundsException || specimen.owner() == Blas.class, e.toString());
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 3, Integer.MAX_VALUE, Integer.MIN_VALUE})
  void unknownElementType(int dtype) {
    for (Specimen specimen : SPECIMENS) {
      if (Set.of("gemv", "embed", "widen").contains(specimen.method())) {
        Value value = specimen.of(Value.class).getFirst();
        try (Call call = new Call(specimen).with(value, dtype)) {
          assertNames("dtype: " + dtype, call.refused(IllegalArgumentException.class));
        }
      }
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 5, Integer.MAX_VALUE})
  void unknownActivation(int activation) {
    Specimen specimen = find("actMul");
    try (Call call = new Call(specimen).with(specimen.of(Value.class).getFirst(), activation)) {
      assertNames("activation " + activation, call.refused(IllegalArgumentException.class));
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {-1, 5, Integer.MAX_VALUE, Integer.MIN_VALUE})
  void tokenOutsideTheVocabulary(int id) {
    Specimen specimen = find("embed");
    try (Call call = new Call(specimen)) {
      call.segments.get("ids").setAtIndex(ValueLayout.JAVA_INT, 1, id);
      RuntimeException e = call.refused(IndexOutOfBoundsException.class);
      assertEquals("ids: element 1 is " + id + ", not in [0, 5)", e.getMessage());
    }
  }

  @Test
  void oddHead() {
    MemorySegment any = MemorySegment.NULL;
    assertThrows(
        IllegalArgumentException.class,
        () -> Kernels.rope(any, 0, 0, 0, any, 0, 0, 0, 3, any, 0, any, 0, 0, any, 0, 0));
  }

  @Test
  void moreExpertsChosenThanThereAre() {
    Specimen specimen = find("topKSoftmax");
    try (Call call = new Call(specimen)) {
      for (long k : new long[] {0, 4}) {
        call.with(size("k", 2), k);
        assertNames("k: " + k, call.refused(IllegalArgumentException.class));
      }
    }
  }

  @Test
  void aMaskCoversPastAndRows() {
    Specimen specimen = find("attention");
    try (Call call = new Call(specimen)) {
      call.segments.put("keyMask", call.arena.allocate(2));
      assertNames("keyMask", call.refused(IndexOutOfBoundsException.class));
    }
  }

  @Test
  void interleavedRowsThatTouch() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment rows = arena.allocate(4 * 24, 4);
      // gate: columns 0 to 3, up: 4 to 7 of rows of 8; then up one column too early
      Kernels.siluMul(rows, 0, 8, rows, 16, 8, 3, 4, rows, 0, 8);
      assertThrows(
          IllegalArgumentException.class,
          () -> Kernels.siluMul(rows, 0, 8, rows, 12, 8, 3, 4, rows, 0, 8));
      assertThrows(
          IllegalArgumentException.class,
          () -> Kernels.siluMul(rows, 4, 8, rows, 0, 8, 2, 4, rows, 4, 8));
      // the same rows with another stride are not the same operand
      assertThrows(
          IllegalArgumentException.class,
          () -> Kernels.siluMul(rows, 0, 8, rows, 16, 8, 2, 4, rows, 0, 9));
    }
  }

  private static Specimen find(String method) {
    return SPECIMENS.stream().filter(s -> s.method().equals(method)).findFirst().orElseThrow();
  }
}
