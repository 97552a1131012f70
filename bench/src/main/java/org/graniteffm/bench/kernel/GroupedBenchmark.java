package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.tensor.DType;
import org.openjdk.jmh.annotations.Param;

/** Packed rows of eight experts, each with bfloat16 weights of its own. */
public abstract class GroupedBenchmark extends KernelBenchmark {
  static final long GROUPS = 8;

  /** Rows of activations of each group. */
  @Param({"128", "16", "40"})
  public int tokens;

  /** Where the weights are. */
  @Param("DRAM")
  public Residency residency;

  Operands.Pool weights;
  MemorySegment x;
  MemorySegment packed;
  MemorySegment starts;
  MemorySegment scratch;
  long n;
  long k;

  /** For the benchmarks alone. */
  GroupedBenchmark() {}

  /**
   * Makes what goes in.
   *
   * @param shape output and input features of a matrix
   * @param matrices of each group
   * @param outBytes of one value that comes out
   */
  final void makeGroups(String shape, int matrices, int outBytes) {
    Shape whole = Shape.parse(shape);
    n = whole.out();
    k = whole.in();
    long count = GROUPS * matrices * n * k;
    long bytes = count * Short.BYTES;
    weights = new Operands.Pool(arena, DType.BF16, count, residency.copies(bytes), 1);
    x = Operands.rounded(arena, GROUPS * tokens * k, 2);
    packed = packedZeros(k);
    starts = arena.allocate(ValueLayout.JAVA_INT, GROUPS + 1);
    for (int group = 0; group < GROUPS; group++) {
      PlainJava.packBf16(rows(x, group, k), tokens, k, packedRows(packed, group, k));
      starts.setAtIndex(ValueLayout.JAVA_INT, group + 1, (group + 1) * tokens);
    }
    scratch = Operands.zeros(arena, Kernels.GEMM_SCRATCH / Float.BYTES);
    double all = GROUPS * tokens;
    Rates.flops(2 * matrices * all * n * k);
    Rates.bytes(bytes + all * (k * Short.BYTES + n * outBytes));
  }

  final MemorySegment packedZeros(long cols) {
    return Operands.zeros(arena, GROUPS * Kernels.packedBytes(tokens, cols) / Float.BYTES);
  }

  final MemorySegment rows(MemorySegment f32, long group, long cols) {
    long bytes = cols * tokens * Float.BYTES;
    return f32.asSlice(group * bytes, bytes);
  }

  final MemorySegment packedRows(MemorySegment packedGroups, long group, long cols) {
    long bytes = Kernels.packedBytes(tokens, cols);
    return packedGroups.asSlice(group * bytes, bytes);
  }
}
