package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.tensor.DType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * The gated half of eight experts, as {@link SiluMulGemmBf16Benchmark} has it of one: the weights
 * of a group are its gate's and then its up projection's, as in a checkpoint.
 */
public class SiluMulGemmGroupedBf16Benchmark extends KernelBenchmark {
  private static final long GROUPS = 8;

  /** Output and input features of the gate of one expert, after the model it comes from. */
  @Param({"1b-a400m-expert-gate:512x1024", "3b-a800m-expert-gate:512x1536"})
  public String shape;

  /** Rows of activations of each group. */
  @Param({"128", "16", "40"})
  public int tokens;

  /** Where the weights are. */
  @Param("DRAM")
  public Residency residency;

  private Operands.Pool weights;
  private MemorySegment x;
  private MemorySegment packed;
  private MemorySegment starts;
  private MemorySegment scratch;
  private long n;
  private long k;
  private MemorySegment out;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape whole = Shape.parse(shape);
    n = whole.out();
    k = whole.in();
    long bytes = GROUPS * 2 * n * k * Short.BYTES;
    weights = new Operands.Pool(arena, DType.BF16, GROUPS * 2 * n * k, residency.copies(bytes), 1);
    x = Operands.rounded(arena, GROUPS * tokens * k, 3);
    packed = Operands.zeros(arena, GROUPS * Kernels.packedBytes(tokens, k) / Float.BYTES);
    starts = arena.allocate(ValueLayout.JAVA_INT, GROUPS + 1);
    for (int group = 0; group < GROUPS; group++) {
      PlainJava.packBf16(rows(group), tokens, k, group(packed, group, k));
      starts.setAtIndex(ValueLayout.JAVA_INT, group + 1, (group + 1) * tokens);
    }
    scratch = Operands.zeros(arena, Kernels.GEMM_SCRATCH / Float.BYTES);
    out = Operands.zeros(arena, GROUPS * Kernels.packedBytes(tokens, n) / Float.BYTES);
    double all = GROUPS * tokens;
    Rates.flops(4 * all * n * k);
    Rates.bytes(bytes + all * (k + n) * Short.BYTES);
  }

  private MemorySegment rows(long group) {
    long bytes = k * tokens * Float.BYTES;
    return x.asSlice(group * bytes, bytes);
  }

  private MemorySegment group(MemorySegment packedRows, long group, long cols) {
    long bytes = Kernels.packedBytes(tokens, cols);
    return packedRows.asSlice(group * bytes, bytes);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the gated rows, packed
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    MemorySegment w = weights.next();
    Kernels.siluMulGemmGroupedBf16(
        w,
        0,
        w,
        n * k * Short.BYTES,
        k,
        2 * n * k,
        n,
        k,
        packed,
        0,
        GROUPS,
        starts,
        0,
        0,
        n,
        out,
        0,
        scratch);
    return out;
  }

  /**
   * By a loop.
   *
   * @return the gated rows, packed
   */
  @Benchmark
  public MemorySegment plainJava() {
    MemorySegment w = weights.next();
    long bytes = n * k * Short.BYTES;
    for (long g = 0; g < GROUPS; g++) {
      MemorySegment gate = w.asSlice(2 * g * bytes, bytes);
      MemorySegment up = w.asSlice((2 * g + 1) * bytes, bytes);
      PlainJava.siluMulGemmBf16(gate, up, n, k, rows(g), tokens, group(out, g, n));
    }
    return out;
  }
}
