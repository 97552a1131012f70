package org.graniteffm.bench.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.graniteffm.runtime.tensor.DType;

/** Memory with contents: uniform in [-1, 1), so that no product is subnormal and no sum large. */
final class Operands {
  private static final int ALIGNMENT = 64; // a cache line, as the runtime allocates

  private Operands() {}

  /** Room for floats, filled with zeros. */
  static MemorySegment zeros(Arena arena, long count) {
    return arena.allocate(count * Float.BYTES, ALIGNMENT);
  }

  /** Floats. */
  static MemorySegment floats(Arena arena, long count, long seed) {
    return random(arena, DType.F32, count, seed);
  }

  /** Floats that are bfloat16 numbers. */
  static MemorySegment rounded(Arena arena, long count, long seed) {
    MemorySegment floats = zeros(arena, count);
    PlainJava.widen(DType.BF16, random(arena, DType.BF16, count, seed), 0, count, floats);
    return floats;
  }

  /** Elements of any type of weights. */
  static MemorySegment random(Arena arena, DType dtype, long count, long seed) {
    MemorySegment memory = arena.allocate(count * dtype.byteSize(), ALIGNMENT);
    fill(memory, dtype, seed);
    return memory;
  }

  private static void fill(MemorySegment memory, DType dtype, long seed) {
    SplittableRandom random = new SplittableRandom(seed);
    long count = memory.byteSize() / dtype.byteSize();
    for (long i = 0; i < count; i++) {
      float value = (float) random.nextDouble(-1, 1);
      switch (dtype) {
        case F32 -> memory.setAtIndex(JAVA_FLOAT_UNALIGNED, i, value);
        case F16 -> memory.setAtIndex(JAVA_SHORT_UNALIGNED, i, Float.floatToFloat16(value));
        case BF16 ->
            memory.setAtIndex(
                JAVA_SHORT_UNALIGNED, i, (short) (Float.floatToRawIntBits(value) >>> 16));
        default -> throw new IllegalArgumentException("dtype: " + dtype + " is no weight type");
      }
    }
  }

  /** Copies of one operand, one after the other in memory, which operations take in turn. */
  static final class Pool {
    private final MemorySegment[] copies;
    private int at;

    /**
     * Allocates and fills the copies.
     *
     * @param count elements of one
     * @param copies as many as the {@link org.graniteffm.bench.Residency} of all operands together
     *     asks for
     */
    Pool(Arena arena, DType dtype, long count, int copies, long seed) {
      long bytes = count * dtype.byteSize();
      MemorySegment memory = arena.allocate(copies * bytes, ALIGNMENT);
      this.copies = new MemorySegment[copies];
      for (int i = 0; i < copies; i++) {
        this.copies[i] = memory.asSlice(i * bytes, bytes);
        if (i == 0) {
          fill(memory.asSlice(0, bytes), dtype, seed);
        } else {
          this.copies[i].copyFrom(this.copies[0]);
        }
      }
    }

    /** Of floats. */
    Pool(Arena arena, long count, int copies, long seed) {
      this(arena, DType.F32, count, copies, seed);
    }

    /** The copy whose turn it is. */
    MemorySegment next() {
      MemorySegment copy = copies[at];
      at = at + 1 == copies.length ? 0 : at + 1;
      return copy;
    }

    /** The copy that {@link #next} returned last. */
    MemorySegment last() {
      return copies[(at == 0 ? copies.length : at) - 1];
    }
  }
}
