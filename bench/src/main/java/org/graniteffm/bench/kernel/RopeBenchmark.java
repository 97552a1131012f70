package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.Kernels;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;

/**
 * Rotation of queries, and of keys on their way into the cache.
 *
 * <p>One position is decoding, 128 are a prompt. Queries are rotated in place again and again,
 * which changes no length. Three operations an element.
 */
public class RopeBenchmark extends KernelBenchmark {
  /** Positions, which are rows. */
  @Param({"1", "128"})
  public int positions;

  /** Query heads, key heads and elements of a head. */
  @Param({"2b:32x8x64", "8b:32x8x128", "powerlm-3b:36x36x64", "1b-a400m:16x8x64"})
  public String heads;

  /** Where queries and keys are. If cached, so many positions as fit. */
  @Param({"DRAM", "CACHED"})
  public Residency residency;

  private Operands.Pool k;
  private Operands.Pool kOut;
  private MemorySegment cos;
  private MemorySegment sin;
  private long rows;
  private long qHeads;
  private long kHeads;
  private long headDim;
  Operands.Pool q;

  /** Makes the operands. */
  @Setup
  public void setup() {
    long[] sizes = Shape.sizes(heads, 3);
    qHeads = sizes[0];
    kHeads = sizes[1];
    headDim = sizes[2];
    long rowBytes = (qHeads + 2 * kHeads) * headDim * Float.BYTES;
    rows = residency.rows(positions, rowBytes);
    int copies = residency.copies(rows * rowBytes);
    q = new Operands.Pool(arena, rows * qHeads * headDim, copies, 1);
    k = new Operands.Pool(arena, rows * kHeads * headDim, copies, 2);
    kOut = new Operands.Pool(arena, rows * kHeads * headDim, copies, 3);
    long half = headDim / 2;
    cos = Operands.zeros(arena, rows * half);
    sin = Operands.zeros(arena, rows * half);
    for (long i = 0; i < rows * half; i++) {
      cos.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) Math.cos((double) i));
      sin.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) Math.sin((double) i));
    }
    double rotated = (double) rows * (qHeads + kHeads) * headDim;
    Rates.bytes(2 * rotated * Float.BYTES);
    Rates.flops(3 * rotated); // two products and a sum each
  }

  /**
   * By the kernel.
   *
   * @param tier of the kernel
   * @return the rotated keys
   */
  @Benchmark
  public MemorySegment kernel(Tier tier) {
    long qStride = qHeads * headDim;
    long kStride = kHeads * headDim;
    MemorySegment to = kOut.next();
    Kernels.rope(
        q.next(),
        0,
        qStride,
        qHeads,
        k.next(),
        0,
        kStride,
        kHeads,
        headDim,
        cos,
        0,
        sin,
        0,
        rows,
        to,
        0,
        Kernels.F32,
        rows * headDim);
    return to;
  }

  /**
   * With the Vector API.
   *
   * @return the rotated keys
   */
  @Benchmark
  public MemorySegment vectorApi() {
    MemorySegment to = kOut.next();
    VectorApi.rope(q.next(), qHeads, k.next(), kHeads, headDim, cos, sin, rows, to);
    return to;
  }

  /**
   * By a loop.
   *
   * @return the rotated keys
   */
  @Benchmark
  public MemorySegment plainJava() {
    MemorySegment to = kOut.next();
    PlainJava.rope(q.next(), qHeads, k.next(), kHeads, headDim, cos, sin, rows, to);
    return to;
  }
}
