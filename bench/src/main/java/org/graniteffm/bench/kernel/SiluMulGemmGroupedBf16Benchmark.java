package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * The gated half of eight experts, as {@link SiluMulGemmBf16Benchmark} has it of one: the weights
 * of a group are its gate's and then its up projection's, as in a checkpoint.
 */
public class SiluMulGemmGroupedBf16Benchmark extends GroupedBenchmark {
  /** Output and input features of the gate of one expert, after the model it comes from. */
  @Param({"1b-a400m-expert-gate:512x1024", "3b-a800m-expert-gate:512x1536"})
  public String shape;

  private MemorySegment out;

  /** Makes the operands. */
  @Setup
  public void setup() {
    makeGroups(shape, 2, Short.BYTES);
    out = packedZeros(n);
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
      PlainJava.siluMulGemmBf16(gate, up, n, k, rows(x, g, k), tokens, packedRows(out, g, n));
    }
    return out;
  }
}
