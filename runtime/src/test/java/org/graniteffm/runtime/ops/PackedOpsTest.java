package org.graniteffm.runtime.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.runtime.config.Activation;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What goes to a matrix unit, against the same operation in f32. The kernels behind it compute on
 * every tier, if slowly, so the way there is tested everywhere.
 */
class PackedOpsTest {
  private static final long SEED = 26;
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;

  private final Random random = new Random(SEED);

  @BeforeAll
  static void load() {
    NativeLibraries.load();
  }

  private Tensor weights(Arena arena, long... shape) {
    long count = 1;
    for (long size : shape) {
      count *= size;
    }
    MemorySegment data = arena.allocate(count * Short.BYTES, 64);
    for (long i = 0; i < count; i++) {
      int bits = Float.floatToRawIntBits((float) random.nextGaussian() * 0.1f);
      data.setAtIndex(ValueLayout.JAVA_SHORT, i, (short) (bits >>> 16));
    }
    return Tensor.of(data, DType.BF16, shape);
  }

  private Matrix activations(Arena arena, int rows, int cols) {
    Matrix x = Matrix.allocatePackable(arena, rows, cols);
    for (long i = 0; i < (long) rows * cols; i++) {
      x.segment().setAtIndex(FLOAT, i, (float) random.nextGaussian());
    }
    return x;
  }

  /** By a norm, which packs them as well. */
  private Matrix normed(Ops ops, Arena arena, int rows, int cols) {
    Matrix x = Matrix.allocatePackable(arena, rows, cols);
    MemorySegment weight = arena.allocate((long) cols * Float.BYTES, 64);
    for (int i = 0; i < cols; i++) {
      weight.setAtIndex(FLOAT, i, 1 + i / (float) cols);
    }
    ops.rmsNorm(exact(activations(arena, rows, cols)), weight, 1e-5f, rows, x, true);
    return x;
  }

  private static Matrix exact(Matrix x) {
    return new Matrix(x.segment(), x.rows(), x.cols());
  }

  private static Matrix unwritten(Arena arena, int rows, int cols) {
    Matrix y = Matrix.allocate(arena, rows, cols);
    y.segment().fill((byte) 0xff);
    return y;
  }

  /** Differences are those of rounding to 8 bits: some, and no more than that. */
  private static void assertRounded(Matrix want, Matrix got, int rows) {
    double difference = 0;
    double size = 0;
    for (long i = 0; i < (long) rows * want.cols(); i++) {
      double w = want.segment().getAtIndex(FLOAT, i);
      double d = got.segment().getAtIndex(FLOAT, i) - w;
      difference += d * d;
      size += w * w;
    }
    double relative = Math.sqrt(difference / size);
    assertTrue(relative < 0x1p-7, "relative error " + relative + ", seed " + SEED);
    assertTrue(relative > 0x1p-14, "nothing was rounded");
  }

  @ParameterizedTest
  @ValueSource(ints = {17, 40})
  void layersOnOneInputAreRounded(int rows) {
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      Ops ops = new Ops(arena, workers);
      Matrix x = activations(arena, rows, 70);
      Linear a = new Linear(weights(arena, 300, 70), null);
      Linear b = new Linear(weights(arena, 33, 70), arena.allocateFrom(FLOAT, new float[33]));
      Matrix wantA = unwritten(arena, rows, 300);
      Matrix wantB = unwritten(arena, rows, 33);
      Matrix gotA = unwritten(arena, rows, 300);
      Matrix gotB = unwritten(arena, rows, 33);
      ops.linear(exact(x), rows, false, a, wantA, b, wantB);
      ops.linear(x, rows, false, a, gotA, b, gotB);
      assertRounded(wantA, gotA, rows);
      assertRounded(wantB, gotB, rows);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {17, 32, 40})
  void normsPackAsLayersDo(int rows) {
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      Ops ops = new Ops(arena, workers);
      Linear[] w = new Linear[3];
      Matrix[] want = new Matrix[3];
      Matrix[] got = new Matrix[3];
      for (int i = 0; i < 3; i++) {
        w[i] = new Linear(weights(arena, 33 + 50 * i, 70), null);
        want[i] = unwritten(arena, rows, 33 + 50 * i);
        got[i] = unwritten(arena, rows, 33 + 50 * i);
      }
      Matrix x = normed(ops, arena, rows, 70);
      assertTrue(Ops.takePacked(x, rows, w[0], w[1], w[2]));
      ops.linear(x, rows, true, w[0], got[0], w[1], got[1], w[2], got[2]);
      ops.linear(x, rows, false, w[0], want[0], w[1], want[1], w[2], want[2]);
      assertSame(want, got);

      Matrix sum = exact(activations(arena, rows, 70));
      MemorySegment ones = arena.allocate(70L * Float.BYTES, 64);
      for (int i = 0; i < 70; i++) {
        ones.setAtIndex(FLOAT, i, 1f);
      }
      ops.addRmsNorm(sum, exact(activations(arena, rows, 70)), 0.5f, ones, 1e-5f, rows, x, true);
      ops.linear(x, rows, true, w[1], got[1], w[2], got[2]);
      ops.linearOfPacked(x, rows, w[0], got[0]);
      ops.linear(x, rows, false, w[0], want[0], w[1], want[1], w[2], want[2]);
      assertSame(want, got);
    }
  }

  private static void assertSame(Matrix[] want, Matrix[] got) {
    for (int i = 0; i < want.length; i++) {
      assertEquals(-1, want[i].segment().mismatch(got[i].segment()), "layer " + i);
    }
  }

  @Test
  void sixteenRowsAreNotRounded() {
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      Ops ops = new Ops(arena, workers);
      Matrix x = activations(arena, 16, 70);
      Linear w = new Linear(weights(arena, 50, 70), null);
      Matrix want = unwritten(arena, 16, 50);
      Matrix got = unwritten(arena, 16, 50);
      ops.linear(exact(x), 16, 1f, w, want);
      ops.linear(x, 16, 1f, w, got);
      assertEquals(-1, want.segment().mismatch(got.segment()));
    }
  }

  @Test
  void gatedNetworkIsRounded() {
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      Ops ops = new Ops(arena, workers);
      int rows = 35;
      Matrix x = normed(ops, arena, rows, 70);
      Linear gate = new Linear(weights(arena, 300, 70), null);
      Linear up = new Linear(weights(arena, 300, 70), null);
      Linear down = new Linear(weights(arena, 70, 300), null);
      Matrix g = Matrix.allocatePackable(arena, rows, 300);
      Matrix u = Matrix.allocate(arena, rows, 300);
      Matrix want = unwritten(arena, rows, 70);
      Matrix got = unwritten(arena, rows, 70);
      assertTrue(Ops.gatesPacked(Activation.SILU, x, rows, gate, up));
      ops.linear(exact(x), rows, false, gate, exact(g), up, u);
      ops.gate(Activation.SILU, g, u, rows, g);
      ops.linear(exact(g), rows, 1f, down, want);
      ops.gatedPacked(x, rows, gate, up, g);
      ops.linearOfPacked(g, rows, down, got);
      assertRounded(want, got, rows);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {17, 64})
  void expertsAreRounded(int rows) {
    try (Arena arena = Arena.ofShared();
        Workers workers = Workers.of(2)) {
      Ops ops = new Ops(arena, workers);
      int experts = 7;
      int k = 3;
      int hidden = 70;
      int intermediate = 45;
      Matrix x = exact(activations(arena, rows, hidden));
      Matrix logits = exact(activations(arena, rows, experts));
      for (int i = 0; i < rows; i++) { // an expert that nobody asks for
        logits.segment().setAtIndex(FLOAT, (long) i * experts + 2, -100f);
      }
      Tensor in = weights(arena, experts, 2L * intermediate, hidden);
      Tensor out = weights(arena, experts, hidden, intermediate);
      Matrix want = unwritten(arena, rows, hidden);
      Matrix got = unwritten(arena, rows, hidden);
      make(ops, arena, rows, experts, k, hidden, intermediate, false)
          .apply(x, rows, logits, in, out, want);
      make(ops, arena, rows, experts, k, hidden, intermediate, true)
          .apply(x, rows, logits, in, out, got);
      assertRounded(want, got, rows);
    }
  }

  private static Experts make(
      Ops ops,
      Arena arena,
      int rows,
      int experts,
      int k,
      int hidden,
      int intermediate,
      boolean rounds) {
    return new Experts(ops, arena, rows, experts, k, hidden, intermediate, Activation.SILU, rounds);
  }
}
