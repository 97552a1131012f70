package org.graniteffm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.graniteffm.bindings.Specimens.Alias;
import org.graniteffm.bindings.Specimens.Argument;
import org.graniteffm.bindings.Specimens.Choice;
import org.graniteffm.bindings.Specimens.Factor;
import org.graniteffm.bindings.Specimens.Operand;
import org.graniteffm.bindings.Specimens.Rule;
import org.graniteffm.bindings.Specimens.Size;
import org.graniteffm.bindings.Specimens.Specimen;
import org.graniteffm.bindings.Specimens.Stride;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Every operand, size and stride of every method, wrong in every way there is, is refused by name
 * and before anything is written.
 */
class RefusalTest {
  static Stream<Specimen> specimens() {
    return Specimens.ALL.stream();
  }

  static Stream<Arguments> operands() {
    return each(Operand.class);
  }

  static Stream<Arguments> sizes() {
    return each(Size.class);
  }

  static Stream<Arguments> strides() {
    return each(Stride.class);
  }

  static Stream<Arguments> choices() {
    return each(Choice.class);
  }

  static Stream<Arguments> factors() {
    return each(Factor.class);
  }

  static Stream<Arguments> rules() {
    return specimens().flatMap(s -> s.rules().stream().map(rule -> Arguments.of(s, rule)));
  }

  static Stream<Arguments> indices() {
    return specimens()
        .flatMap(s ->
            s.operands().stream()
                .filter(operand -> operand.below() > 0)
                .map(operand -> Arguments.of(s, operand)));
  }

  static Stream<Arguments> outputsAndOthers() {
    List<Arguments> pairs = new ArrayList<>();
    for (Specimen specimen : Specimens.ALL) {
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

  private static Stream<Arguments> each(Class<? extends Argument> kind) {
    return specimens().flatMap(s -> s.of(kind).stream().map(argument -> Arguments.of(s, argument)));
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
        with(operand, arena.allocate(operand.bytes(), 8), 0);
      }
    }

    Call with(Operand operand, MemorySegment segment, long offset) {
      boolean sliced = !operand.hasOffset() && offset != 0;
      segments.put(operand.name(), sliced ? segment.asSlice(offset) : segment);
      offsets.put(operand.name(), sliced ? 0 : offset);
      if (segment != null && isOurs(segment) && !segment.isReadOnly()) {
        fill(operand, segment, offset);
      }
      return this;
    }

    private static boolean isOurs(MemorySegment segment) {
      return segment.scope().isAlive() && segment.isAccessibleBy(Thread.currentThread());
    }

    /** What the operand holds, as far as there is room. */
    private static void fill(Operand operand, MemorySegment segment, long offset) {
      long at = offset;
      for (int value : operand.values()) {
        if (at >= 0 && at <= segment.byteSize() - Integer.BYTES) {
          segment.set(ValueLayout.JAVA_INT_UNALIGNED, at, value);
        }
        at += Integer.BYTES;
      }
    }

    Call with(Argument argument, Object value) {
      replaced.put(argument, value);
      return this;
    }

    void run() {
      Method method = Specimens.methodsOf(specimen).getFirst();
      List<Object> values = new ArrayList<>();
      for (Argument argument : specimen.arguments()) {
        if (replaced.containsKey(argument)) {
          values.add(replaced.get(argument));
          continue;
        }
        switch (argument) {
          case Operand operand -> {
            values.add(segments.get(operand.name()));
            if (operand.hasOffset()) {
              values.add(offsets.get(operand.name()));
            }
          }
          case Size size -> values.add(size.value());
          case Stride stride -> values.add(stride.value());
          case Factor factor -> values.add(factor.value());
          case Choice choice -> values.add(choice.value());
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

    /** The exception, which is of just this class or one that means the same, with one line. */
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
        if (operand.written() && segment != null && isOurs(segment)) {
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
    TreeSet<String> methods = new TreeSet<>();
    Specimens.methods().forEach(method -> methods.add(method.toString()));
    TreeSet<String> covered = new TreeSet<>();
    for (Specimen specimen : Specimens.ALL) {
      List<Method> called = Specimens.methodsOf(specimen);
      assertEquals(1, called.size(), "methods that the specimen of " + specimen + " calls");
      assertTrue(covered.add(called.getFirst().toString()), "two specimens of " + specimen);
    }
    assertEquals(methods, covered);
  }

  @Test
  void everyOperandTakesPartInItsCall() {
    for (Specimen specimen : Specimens.ALL) {
      long names = specimen.operands().stream().map(Operand::name).distinct().count();
      assertEquals(names, specimen.operands().size(), "operands of one name in " + specimen);
      assertFalse(specimen.of(Size.class).isEmpty(), specimen + " has no size");
    }
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
      if (operand.nullable()) {
        call.run();
      } else {
        assertEquals(operand.name(), call.refused(NullPointerException.class).getMessage());
      }
    }
  }

  @ParameterizedTest
  @MethodSource("operands")
  void heapSegment(Specimen specimen, Operand operand) {
    int words = (int) (operand.bytes() + 3) / 4;
    for (MemorySegment heap :
        List.of(
            MemorySegment.ofArray(new byte[(int) operand.bytes()]),
            MemorySegment.ofArray(new float[words]),
            MemorySegment.ofArray(new int[words]))) {
      try (Call call = new Call(specimen).with(operand, heap, 0)) {
        assertNames(operand.name() + ": ", call.refused(IllegalArgumentException.class));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("operands")
  void closedSegment(Specimen specimen, Operand operand) {
    try (Call call = new Call(specimen)) {
      for (Arena arena : List.of(Arena.ofConfined(), Arena.ofShared())) {
        MemorySegment closed = arena.allocate(operand.bytes(), 8);
        arena.close();
        RuntimeException e = call.with(operand, closed, 0).refused(UnusableSegmentException.class);
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
      assertNames(operand.name(), call.refused(UnusableSegmentException.class));
    }
  }

  @ParameterizedTest
  @MethodSource("operands")
  void segmentTooSmall(Specimen specimen, Operand operand) {
    try (Call call = new Call(specimen)) {
      for (long bytes : new long[] {operand.bytes() - 1, 0}) {
        MemorySegment small = call.arena.allocate(bytes, 8);
        RuntimeException e = call.with(operand, small, 0).refused(IndexOutOfBoundsException.class);
        assertNames(operand.name() + ": ", e);
        assertNames(operand.bytes() + " bytes", e);
      }
      RuntimeException e =
          call.with(operand, MemorySegment.NULL, 0).refused(IndexOutOfBoundsException.class);
      assertNames(operand.name() + ": ", e);
    }
  }

  @ParameterizedTest
  @MethodSource("operands")
  void offsetOutOfRange(Specimen specimen, Operand operand) {
    if (!operand.hasOffset()) {
      return;
    }
    try (Call call = new Call(specimen)) {
      MemorySegment segment = call.segments.get(operand.name());
      for (long offset :
          new long[] {
            -4, -1, 1, 4, operand.bytes(), operand.bytes() + 4, Long.MAX_VALUE, Long.MIN_VALUE
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
      for (int offset = 1; offset < 4; offset++) {
        MemorySegment larger = call.arena.allocate(operand.bytes() + offset, 8);
        call.with(operand, larger, offset);
        if (operand.words()) {
          assertNames(operand.name(), call.refused(IllegalArgumentException.class));
        } else {
          call.run();
        }
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

  /** Of two segments, two slices and two mappings it is the memory that counts. */
  @ParameterizedTest
  @MethodSource("outputsAndOthers")
  void outputInThePlaceOfAnotherOperand(Specimen specimen, Operand output, Operand other) {
    try (Call call = new Call(specimen)) {
      long longest = specimen.operands().stream().mapToLong(Operand::bytes).max().orElseThrow();
      for (Operand operand : specimen.operands()) {
        MemorySegment roomy = call.arena.allocate(operand.bytes() + 4096, 8); // for longer strides
        call.with(operand, roomy, 0);
      }
      MemorySegment both = call.arena.allocate(longest + 4096, 8);
      call.with(output, both, 64).with(other, both.asSlice(32), 32);
      if (strideOf(specimen, output) != null && strideOf(specimen, other) != null) {
        // strides differ: so not even those that may be one operand are one here
        assertNames("overlaps", call.refused(IllegalArgumentException.class));
        call.with(strideOf(specimen, output), 40L).with(strideOf(specimen, other), 40L);
      }
      if (mayBe(specimen, output, other)) {
        call.run();
      } else {
        assertNames("overlaps", call.refused(IllegalArgumentException.class));
      }
    }
  }

  private static Stride strideOf(Specimen specimen, Operand operand) {
    return specimen.of(Stride.class).stream()
        .filter(stride -> List.of(operand.name(), "ld" + operand.name()).contains(stride.name()))
        .findFirst()
        .orElse(null);
  }

  private static boolean mayBe(Specimen specimen, Operand one, Operand other) {
    return specimen.aliases().contains(new Alias(one.name(), other.name()))
        || specimen.aliases().contains(new Alias(other.name(), one.name()));
  }

  @ParameterizedTest
  @MethodSource("sizes")
  void sizeOutOfRange(Specimen specimen, Size size) {
    try (Call call = new Call(specimen)) {
      for (long value :
          new long[] {size.least() - 1, -1, Long.MIN_VALUE, Long.MAX_VALUE, size.most() + 1}) {
        assertNames(
            size.name() + ": " + value,
            call.with(size, value).refused(IllegalArgumentException.class));
      }
      if (specimen.operands().isEmpty()) {
        return;
      }
      for (long value : new long[] {size.most(), Integer.MAX_VALUE, size.value() + 1}) {
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

  /** All sizes as large as can be at once: their products fit into no long. */
  @ParameterizedTest
  @MethodSource("specimens")
  void allSizesAndStridesAtTheirLargest(Specimen specimen) {
    if (specimen.operands().isEmpty()) {
      return; // only one size, and the largest is as good as any
    }
    try (Call call = new Call(specimen)) {
      specimen.of(Size.class).forEach(size -> call.with(size, size.most()));
      specimen.of(Stride.class).forEach(stride -> call.with(stride, Checks.LIMIT));
      assertRefused(call);
      specimen.of(Size.class).forEach(size -> call.with(size, 1L << 31));
      specimen.of(Stride.class).forEach(stride -> call.with(stride, 1L << 33));
      assertRefused(call);
    }
  }

  private static void assertRefused(Call call) {
    RuntimeException e = call.refused(RuntimeException.class);
    assertTrue(
        e instanceof IllegalArgumentException || e instanceof IndexOutOfBoundsException,
        e.toString());
  }

  /**
   * Nothing to write, and the other sizes without a bound from any memory: the call ends at once,
   * one way or the other, instead of counting to 2^48.
   */
  @ParameterizedTest
  @MethodSource("sizes")
  void nothingToDoTakesNoTime(Specimen specimen, Size large) throws Exception {
    if (specimen.operands().isEmpty()) {
      return; // an empty loop is what this one is for
    }
    List<Size> sizes = specimen.of(Size.class);
    for (int zeros = 0; zeros < 1 << sizes.size(); zeros++) {
      Call call = new Call(specimen);
      for (int i = 0; i < sizes.size(); i++) {
        boolean zero = (zeros >> i & 1) != 0;
        call.with(sizes.get(i), zero ? sizes.get(i).least() : sizes.get(i).value());
      }
      call.with(large, large.most());
      specimen
          .of(Stride.class)
          .forEach(stride ->
              call.with(stride, specimen.owner() == Blas.class ? large.most() : Checks.LIMIT));
      FutureTask<Boolean> task =
          new FutureTask<>(() -> {
            try {
              call.run();
            } catch (IllegalArgumentException | IndexOutOfBoundsException e) {
              // as good
            }
            return true;
          });
      Thread.ofPlatform().daemon().start(task);
      assertTrue(task.get(60, TimeUnit.SECONDS));
      call.close();
    }
  }

  @ParameterizedTest
  @MethodSource("strides")
  void strideSmallerThanARow(Specimen specimen, Stride stride) {
    try (Call call = new Call(specimen)) {
      for (long value : new long[] {stride.least() - 1, 0, -1, Long.MIN_VALUE, Long.MAX_VALUE}) {
        call.with(stride, value);
        if (value == 0 && stride.repeatable()) {
          call.run();
        } else {
          assertNames(stride.name(), call.refused(IllegalArgumentException.class));
        }
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
  @MethodSource("choices")
  void unknownChoice(Specimen specimen, Choice choice) {
    try (Call call = new Call(specimen)) {
      for (int wrong : choice.wrong()) {
        RuntimeException e = call.with(choice, wrong).refused(IllegalArgumentException.class);
        assertNames(choice.name() + ": " + wrong, e);
        // nor where there would be nothing to do
        specimen.of(Size.class).forEach(size -> call.with(size, size.least()));
        assertNames(choice.name(), call.refused(IllegalArgumentException.class));
        specimen.of(Size.class).forEach(size -> call.with(size, size.value()));
      }
    }
  }

  @ParameterizedTest
  @MethodSource("rules")
  void sizeAgainstARule(Specimen specimen, Rule rule) {
    try (Call call = new Call(specimen)) {
      for (Size size : specimen.of(Size.class)) {
        if (size.name().equals(rule.size())) {
          call.with(size, rule.wrong());
        }
      }
      assertNames(rule.size() + ": " + rule.wrong(), call.refused(IllegalArgumentException.class));
    }
  }

  @ParameterizedTest
  @MethodSource("indices")
  void indexOutOfRange(Specimen specimen, Operand operand) {
    int bound = operand.below();
    for (int at = 0; at < operand.bytes() / 4; at++) {
      for (int wrong : new int[] {-1, bound, Integer.MAX_VALUE, Integer.MIN_VALUE}) {
        try (Call call = new Call(specimen)) {
          call.segments.get(operand.name()).setAtIndex(ValueLayout.JAVA_INT, at, wrong);
          RuntimeException e = call.refused(IndexOutOfBoundsException.class);
          assertEquals(
              "%s: element %d is %d, not in [0, %d)".formatted(operand.name(), at, wrong, bound),
              e.getMessage());
        }
      }
    }
  }

  @Test
  void startsThatDescend() {
    for (Specimen specimen : Specimens.ALL) {
      for (Operand operand : specimen.operands()) {
        if (operand.name().equals("starts")) {
          try (Call call = new Call(specimen)) {
            call.segments.get("starts").setAtIndex(ValueLayout.JAVA_INT, 0, 2);
            RuntimeException e = call.refused(IllegalArgumentException.class);
            assertEquals("starts: element 1 is 1, after 2", e.getMessage());
          }
        }
      }
    }
  }

  @ParameterizedTest
  @MethodSource("factors")
  void anyFactorIsTaken(Specimen specimen, Factor factor) {
    try (Call call = new Call(specimen)) {
      for (float value :
          new float[] {
            Float.NaN, Float.POSITIVE_INFINITY, -0f, Float.MIN_VALUE, -Float.MAX_VALUE
          }) {
        call.with(factor, value).run();
      }
    }
  }

  @Test
  void aMaskCoversPastAndRows() {
    for (Specimen specimen : Specimens.ALL) {
      for (Operand operand : specimen.operands()) {
        if (operand.name().equals("keyMask")) {
          try (Call call = new Call(specimen)) {
            call.segments.put("keyMask", call.arena.allocate(2));
            assertNames("keyMask", call.refused(IndexOutOfBoundsException.class));
          }
        }
      }
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

  /** Memory is not given back below a call; later calls are refused. */
  @Test
  void arenaClosedDuringCalls() throws InterruptedException {
    for (int round = 0; round < 200; round++) {
      Arena arena = Arena.ofShared();
      MemorySegment data = arena.allocate(1 << 16, 64);
      Thread reader =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  while (true) {
                    Kernels.probeRead(data, 0, data.byteSize());
                  }
                } catch (IllegalStateException e) {
                  // closed
                }
              });
      while (arena.scope().isAlive()) {
        try {
          arena.close();
        } catch (IllegalStateException e) {
          Thread.onSpinWait(); // a call is in there: it keeps the memory
        }
      }
      reader.join(TimeUnit.SECONDS.toMillis(60));
      assertFalse(reader.isAlive(), "the reader reads on");
    }
  }
}
