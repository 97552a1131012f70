package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.tensor.DType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * The gated half of a feed-forward layer on a matrix unit: two products, the gate, and rounding for
 * the product after it. Tiers without such a unit do it slowly, and a model does not ask them to.
 *
 * <p>Sizes are those of the gate alone; there is an up projection of the same. The two products
 * count.
 */
public class SiluMulGemmBf16Benchmark extends KernelBenchmark {
  /** Output and input features, after the model they come from. */
  @Param({
    "1b-a400m-expert-gate:512x1024",
    "3b-a800m-expert-gate:512x1536",
    Shape.UP_2B,
    Shape.UP_8B,
    Shape.UP_POWERLM
  })
  public String shape;

  /** Rows of activations. */
  @Param({"128", "16", "32", "512"})
  public int tokens;

  /** Where the weights are. If cached, so many rows of them as fit. */
  @Param("DRAM")
  public Residency residency;

  private Operands.Pool gate;
  private Operands.Pool up;
  private MemorySegment x;
  private MemorySegment packed;
  private MemorySegment scratch;
  private long n;
  private long k;
  private MemorySegment out;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape whole = Shape.parse(shape);
    k = whole.in();
    n = residency.rows(whole.out(), 2 * k * Short.BYTES);
    long bytes = 2 * n * k * Short.BYTES;
    gate = new Operands.Pool(arena, DType.BF16, n * k, residency.copies(bytes), 1);
    up = new Operands.Pool(arena, DType.BF16, n * k, residency.copies(bytes), 2);
    x = Operands.rounded(arena, tokens * k, 3);
    packed = Operands.zeros(arena, Kernels.packedBytes(tokens, k) / Float.BYTES);
    PlainJava.packBf16(x, tokens, k, packed);
    scratch = Operands.zeros(arena, Kernels.GEMM_SCRATCH / Float.BYTES);
    out = Operands.zeros(arena, Kernels.packedBytes(tokens, n) / Float.BYTES);
    Rates.flops(4.0 * tokens * n * k);
    Rates.bytes(bytes + (double) tokens * (k + n) * Short.BYTES);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the gated rows, packed
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    Kernels.siluMulGemmBf16(
        gate.next(), 0, up.next(), 0, k, n, k, packed, 0, tokens, 0, n, out, 0, scratch);
    return out;
  }

  /**
   * By a loop.
   *
   * @return the gated rows, packed
   */
  @Benchmark
  public MemorySegment plainJava() {
    PlainJava.siluMulGemmBf16(gate.next(), up.next(), n, k, x, tokens, out);
    return out;
  }
}
