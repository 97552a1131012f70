package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.SplittableRandom;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.ops.Linear;
import org.graniteffm.runtime.tensor.DType;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * Lookup of tokens' embeddings, which are widened and scaled.
 *
 * <p>One token is decoding, 512 a block of a prompt. Ids are random, so that rows come from all
 * over the table. A product counts for each element.
 */
public class EmbedBenchmark extends KernelBenchmark {
  /** Rows and columns of the table, which are the vocabulary and the features. */
  @Param({"2b:49155x2048", "8b:49155x4096", "powerlm-3b:49152x2304", "1b-a400m:49155x1024"})
  public String table;

  /** Type of the table. */
  @Param({"BF16", "F16", "F32"})
  public DType dtype;

  /** Rows to look up. */
  @Param({"512", "1"})
  public int tokens;

  /** Where the table is. If cached, so many tokens of as large a vocabulary as fit. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  private static final float MULTIPLIER = 12; // of all Granite 3
  private static final int BATCHES = 1 << 10; // a power of two

  private MemorySegment weights;
  private MemorySegment ids;
  private int type;
  private long vocab;
  private long rows;
  private long cols;
  private int batch;
  private MemorySegment out;

  /** Makes the operands. */
  @Setup
  public void setup() {
    Shape size = Shape.parse(table);
    cols = size.in();
    vocab = residency.rows(size.out(), cols * (dtype.byteSize() + Float.BYTES));
    rows = Math.min(tokens, vocab);
    type = Linear.kernelType(dtype);
    weights = Operands.random(arena, dtype, vocab * cols, 1);
    ids = Operands.zeros(arena, BATCHES * rows); // integers are as large as floats
    SplittableRandom random = new SplittableRandom(2);
    for (long i = 0; i < BATCHES * rows; i++) {
      ids.setAtIndex(ValueLayout.JAVA_INT, i, random.nextInt((int) vocab));
    }
    out = Operands.zeros(arena, rows * cols);
    Rates.bytes((double) rows * cols * (dtype.byteSize() + Float.BYTES));
    Rates.flops((double) rows * cols);
  }

  private long nextIds() {
    batch = (batch + 1) & (BATCHES - 1);
    return batch * rows * Integer.BYTES;
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the embeddings
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    Kernels.embed(
        weights, 0, type, cols, vocab, ids, nextIds(), rows, cols, MULTIPLIER, out, 0, cols);
    return out;
  }

  /**
   * By a loop.
   *
   * @return the embeddings
   */
  @Benchmark
  public MemorySegment plainJava() {
    PlainJava.embed(dtype, weights, ids, nextIds(), rows, cols, MULTIPLIER, out);
    return out;
  }
}
