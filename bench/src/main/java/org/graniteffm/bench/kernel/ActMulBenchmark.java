package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * The gate of the feed-forward layer with other activations than SiLU, which no published model
 * uses. So the kernel is scalar on every tier, and there is one size.
 *
 * <p>Operations of an element: the activation and a product. There is no exact GELU, since Java has
 * no error function to compare with.
 */
public class ActMulBenchmark extends KernelBenchmark {
  /** The activations that Java can compute as well. */
  public enum Activation {
    /** {@code z (1 + tanh(√(2/π) (z + 0.044715 z³))) / 2}. */
    GELU_TANH(Kernels.GELU_TANH),
    /** {@code z / (1 + exp(-1.702 z))}. */
    QUICK_GELU(Kernels.QUICK_GELU),
    /** {@code max(z, 0)}. */
    RELU(Kernels.RELU),
    /** {@code max(z, 0)²}. */
    RELU2(Kernels.RELU2);

    private final int number;

    Activation(int number) {
      this.number = number;
    }
  }

  /** What is applied to the gate. */
  @Param public Activation activation;

  /** Rows and columns, which are tokens and features. */
  @Param("2b-token:1x8192")
  public String rowsByCols;

  /** Where the operands are. If cached, so many rows of them as fit. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  private Operands.Pool gate;
  private Operands.Pool up;
  private Operands.Pool out;
  private long rows;
  private long cols;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape size = Shape.parse(rowsByCols);
    cols = size.in();
    long rowBytes = 3 * cols * Float.BYTES;
    rows = residency.rows(size.out(), rowBytes);
    long count = rows * cols;
    int copies = residency.copies(rows * rowBytes);
    gate = new Operands.Pool(arena, count, copies, 1);
    up = new Operands.Pool(arena, count, copies, 2);
    out = new Operands.Pool(arena, count, copies, 3);
    Rates.bytes(3.0 * rows * cols * Float.BYTES);
    Rates.flops(2.0 * rows * cols);
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the gated rows
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    MemorySegment to = out.next();
    int number = activation.number;
    Kernels.actMul(number, gate.next(), 0, cols, up.next(), 0, cols, rows, cols, to, 0, cols);
    return to;
  }

  /**
   * By a loop.
   *
   * @return the gated rows
   */
  @Benchmark
  public MemorySegment plainJava() {
    MemorySegment to = out.next();
    PlainJava.actMul(activation, gate.next(), up.next(), rows * cols, to);
    return to;
  }
}
