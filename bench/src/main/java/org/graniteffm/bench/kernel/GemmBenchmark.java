package org.graniteffm.bench.kernel;

import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.runtime.tensor.DType;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * Many rows of activations times a weight matrix: what reading a prompt consists of.
 *
 * <p>32 tokens are what one expert gets of a prompt of 128 (8 of 32 experts each), 128 and 512 what
 * dense models get; 16 are the last that the gemv kernel is for. OpenBLAS multiplies f32 weights
 * where they are, and 16-bit ones after widening panel by panel. GFLOP/s compare with {@link
 * PeakBenchmark}.
 *
 * <p>Weights come from memory, as every layer has its own; each is used so often that a cache would
 * make little difference.
 */
public class GemmBenchmark extends ProductBenchmark {
  /** Output and input features, after the model they come from. */
  @Param({
    Shape.ATTENTION_2B,
    Shape.UP_2B,
    Shape.DOWN_2B,
    Shape.UP_8B,
    Shape.UP_POWERLM,
    Shape.EXPERT_UP_1B,
    Shape.EXPERT_UP_3B
  })
  public String shape;

  /** Type of the weights. */
  @Param({"BF16", "F32"})
  public DType dtype;

  /** Rows of activations. */
  @Param({"128", "16", "32", "512"})
  public int tokens;

  /** Where the weights are. If cached, so many rows of them as fit. */
  @Param("DRAM")
  public Residency residency;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Rates.bytes(prepare(shape, dtype, tokens, residency) + activationBytes());
  }
}
