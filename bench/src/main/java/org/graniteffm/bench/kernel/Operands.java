package org.graniteffm.bench.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.SplittableRandom;
import org.graniteffm.bench.Residency;
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
    private final MemorySegment memory;
    private final long bytes;
    private long at;

    /** Allocates as many copies as the residency asks for. */
    Pool(Arena arena, DType dtype, long count, Residency residency, long seed) {
      bytes = count * dtype.byteSize();
      long copies = residency.copies(bytes);
      memory = arena.allocate(copies * bytes, ALIGNMENT);
      MemorySegment first = memory.asSlice(0, bytes);
      fill(first, dtype, seed);
      for (long copy = 1; copy < copies; copy++) {
        MemorySegment.copy(first, 0, memory, copy * bytes, bytes);
      }
    }

    /** All copies. */
    MemorySegment memory() {
      return memory;
    }

    /** The offset in bytes of the copy whose turn it is. */
    long next() {
      long offset = at;
      at = offset + bytes == memory.byteSize() ? 0 : offset + bytes;
      return offset;
    }
  }
}
