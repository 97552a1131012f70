package org.graniteffm.bench.kernel;

import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.runtime.tensor.DType;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * A few rows of activations times a weight matrix: what decoding consists of.
 *
 * <p>One row is plain decoding; 4 and 8 are beams, batches and draft tokens, which should cost
 * little more while memory is the limit. GB/s count the weights alone, and compare with {@link
 * BandwidthBenchmark}.
 *
 * <p>OpenBLAS multiplies f32 weights where they are, and 16-bit ones after widening panel by panel,
 * as prompts are: where that overtakes the kernel is the row count to change over at.
 */
public class GemvBenchmark extends ProductBenchmark {
  /** Output and input features, after the model they come from. */
  @Param({
    Shape.UP_2B,
    Shape.ATTENTION_2B,
    Shape.DOWN_2B,
    Shape.HEAD_2B,
    Shape.UP_8B,
    Shape.UP_POWERLM,
    Shape.EXPERT_UP_1B,
    Shape.EXPERT_DOWN_1B,
    Shape.EXPERT_UP_3B
  })
  public String shape;

  /** Type of the weights. */
  @Param({"BF16", "F16", "F32"})
  public DType dtype;

  /** Rows of activations. */
  @Param({"1", "4", "8"})
  public int rows;

  /** Where the weights are. If cached, so many rows of them as fit. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Rates.bytes((double) prepare(shape, dtype, rows, residency));
  }
}
