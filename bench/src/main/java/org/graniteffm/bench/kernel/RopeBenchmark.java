package org.graniteffm.bench.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.TimeUnit;
import org.graniteffm.bench.Forks;
import org.graniteffm.bench.Implementation;
import org.graniteffm.bench.Rates;
import org.graniteffm.bindings.Kernels;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/**
 * Rotation of queries, and of keys on their way into the cache.
 *
 * <p>32 query and 8 key heads of 64 elements are Granite 3 2b's; one row is decoding, 128 a prompt.
 * Queries are rotated in place again and again, which changes no length. Two forks: where pages lie
 * and what the compiler chose differ between JVMs more than between iterations.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class RopeBenchmark {
  /** JMH makes one for each thread. */
  public RopeBenchmark() {}

  /** Rows, which are positions. */
  @Param({"1", "128"})
  public int rows;

  /** Query heads, key heads and elements of a head. */
  @Param("2b:32x8x64")
  public String heads;

  /** Who does it. */
  @Param({"SCALAR", "ACTIVE", "JAVA"})
  public Implementation implementation;

  private Arena arena;
  private MemorySegment k;
  private MemorySegment cos;
  private MemorySegment sin;
  private long qHeads;
  private long kHeads;
  private long headDim;
  MemorySegment q;
  MemorySegment kOut;

  /** Makes the operands. */
  @Setup
  public void setup() {
    implementation.select();
    long[] sizes = Shape.sizes(heads, 3);
    qHeads = sizes[0];
    kHeads = sizes[1];
    headDim = sizes[2];
    arena = Arena.ofShared();
    q = Operands.floats(arena, rows * qHeads * headDim, 1);
    k = Operands.floats(arena, rows * kHeads * headDim, 2);
    kOut = Operands.zeros(arena, rows * kHeads * headDim);
    long half = headDim / 2;
    cos = Operands.zeros(arena, rows * half);
    sin = Operands.zeros(arena, rows * half);
    for (long i = 0; i < rows * half; i++) {
      cos.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) Math.cos((double) i));
      sin.setAtIndex(ValueLayout.JAVA_FLOAT, i, (float) Math.sin((double) i));
    }
    Rates.bytes(2.0 * rows * (qHeads + kHeads) * headDim * Float.BYTES);
  }

  /** Frees the operands. */
  @TearDown
  public void close() {
    arena.close();
  }

  /**
   * One rotation of all heads.
   *
   * @return the rotated keys
   */
  @Benchmark
  public MemorySegment rope() {
    if (implementation == Implementation.JAVA) {
      PlainJava.rope(q, qHeads, k, kHeads, headDim, cos, sin, rows, kOut);
    } else {
      long qStride = qHeads * headDim;
      long kStride = kHeads * headDim;
      Kernels.rope(
          q,
          0,
          qStride,
          qHeads,
          k,
          0,
          kStride,
          kHeads,
          headDim,
          cos,
          0,
          sin,
          0,
          rows,
          kOut,
          0,
          rows * headDim);
    }
    return kOut;
  }
}
