package org.graniteffm.runtime.ops;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Random;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.runtime.tensor.DType;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** Attention of few tokens: the threads share the heads, and change no bit. */
class AttentionTest {
  private static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
  private static final int HEAD_DIM = 40;
  private static final int SEQUENCES = 2;
  private static final int CAPACITY = 600;

  @BeforeAll
  static void load() {
    NativeLibraries.load();
  }

  @ParameterizedTest
  @CsvSource({
    "F32, 12, 1, 1",
    "F32, 6, 2, 1",
    "BF16, 12, 1, 3",
    "BF16, 6, 2, 1",
    "BF16, 5, 5, 1",
    "F32, 8, 1, 16"
  })
  void anyNumberOfThreadsGivesTheSame(DType dtype, int heads, int kvHeads, int tokens) {
    try (Arena arena = Arena.ofShared()) {
      Random random = new Random(heads);
      Ops.CacheView cache = new Ops.CacheView();
      cache.batch = SEQUENCES;
      cache.heads = heads;
      cache.kvHeads = kvHeads;
      cache.headDim = HEAD_DIM;
      cache.capacity = CAPACITY;
      cache.past = CAPACITY - tokens;
      cache.tokens = tokens;
      cache.dtype = dtype;
      cache.keys = cached(arena, dtype, random, SEQUENCES * kvHeads * CAPACITY * HEAD_DIM);
      cache.values = cached(arena, dtype, random, SEQUENCES * kvHeads * CAPACITY * HEAD_DIM);
      // the second sequence has nothing but padding before its new tokens, and in the first of them
      cache.mask = arena.allocate((long) SEQUENCES * CAPACITY).fill((byte) 1);
      cache.maskStride = CAPACITY;
      cache.mask.asSlice(CAPACITY, CAPACITY - tokens + 1).fill((byte) 0);
      int rows = SEQUENCES * tokens;
      Matrix q =
          new Matrix(random(arena, random, (long) rows * heads * HEAD_DIM), rows, heads * HEAD_DIM);
      Matrix one = attend(arena, 1, q, tokens, cache);
      assertNotEquals(0f, one.segment().get(FLOAT, 0));
      for (int threads : new int[] {2, 5, 64}) {
        Matrix several = attend(arena, threads, q, tokens, cache);
        assertEquals(-1, one.segment().mismatch(several.segment()), threads + " threads");
      }
    }
  }

  private static Matrix attend(
      Arena arena, int threads, Matrix q, int tokens, Ops.CacheView cache) {
    Matrix out = Matrix.allocate(arena, q.rows(), q.cols());
    out.segment().fill((byte) 0xff);
    try (Workers workers = Workers.of(threads)) {
      new Ops(arena, workers).attention(q, tokens, 0, SEQUENCES, 0, 0, tokens, cache, 0.2f, out);
    }
    return out;
  }

  private static MemorySegment random(Arena arena, Random random, long count) {
    MemorySegment segment = arena.allocate(FLOAT, count);
    for (long i = 0; i < count; i++) {
      segment.setAtIndex(FLOAT, i, (float) random.nextGaussian());
    }
    return segment;
  }

  private static MemorySegment cached(Arena arena, DType dtype, Random random, int count) {
    MemorySegment numbers = random(arena, random, count);
    MemorySegment cache = arena.allocate((long) count * dtype.byteSize(), 64);
    Kernels.narrow(numbers, 0, count, 1, count, cache, 0, Linear.kernelType(dtype), count);
    return cache;
  }

  /** Padding on the left, which sees no key, gets the average of values of either type. */
  @ParameterizedTest
  @EnumSource(names = {"F32", "BF16"})
  void rowsThatSeeNoKeyGetTheAverage(DType dtype) {
    try (Arena arena = Arena.ofShared()) {
      int tokens = 3;
      long rows = (long) SEQUENCES * tokens;
      Ops.CacheView cache = new Ops.CacheView();
      cache.batch = SEQUENCES;
      cache.heads = 1;
      cache.kvHeads = 1;
      cache.headDim = 4;
      cache.capacity = tokens;
      cache.tokens = tokens;
      cache.dtype = dtype;
      cache.keys = arena.allocate(rows * 4 * dtype.byteSize(), 64);
      float[] values = new float[(int) rows * 4];
      for (int i = 0; i < values.length; i++) {
        values[i] = i;
      }
      MemorySegment numbers = arena.allocateFrom(FLOAT, values);
      cache.values = arena.allocate(rows * 4 * dtype.byteSize(), 64);
      int type = Linear.kernelType(dtype);
      Kernels.narrow(numbers, 0, 4, rows, 4, cache.values, 0, type, 4);
      cache.mask = arena.allocate(rows).fill((byte) 1);
      cache.maskStride = tokens;
      cache.mask.asSlice(0, 2).fill((byte) 0);
      Matrix q = Matrix.allocate(arena, SEQUENCES * tokens, 4);
      Matrix out = attend(arena, 1, q, tokens, cache);
      for (int row = 0; row < 2; row++) {
        for (int i = 0; i < 4; i++) {
          assertEquals(4 + i, out.segment().getAtIndex(FLOAT, row * 4L + i));
        }
      }
    }
  }

  @Test
  void headsAreCutAsFarAsThereAreThreads() {
    assertEquals(1, Ops.parts(4, 8, 2));
    assertEquals(2, Ops.parts(4, 8, 16));
    assertEquals(4, Ops.parts(4, 8, 64));
    assertEquals(3, Ops.parts(9, 1, 2)); // equal parts alone
    assertEquals(1, Ops.parts(1, 1, 64));
    assertEquals(7, Ops.parts(7, 1, 2));
  }
}
