package org.graniteffm.bench.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.graniteffm.bench.Forks;
import org.graniteffm.bench.Implementation;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.tensor.DType;
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
 * Attention of the query heads that share one key/value head: one slice of what a layer does.
 *
 * <p>Granite 3 2b has 4 query heads of 64 elements to a key head, 8b the same number of 128. One
 * row after 511 or 4095 others is decoding, which reads keys and values once: see GB/s. 128 and 512
 * rows with nothing before are prompts, whose arithmetic grows with the square: see GFLOP/s, which
 * count the two products alone. Keys and values come from memory, as every layer has its own. Two
 * forks: where pages lie and what the compiler chose differ between JVMs more than between
 * iterations.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class AttentionBenchmark {
  /** JMH makes one for each thread. */
  public AttentionBenchmark() {}

  /** New rows, and rows before them. */
  @Param({"1after511", "1after4095", "128after0", "512after0"})
  public String rowsAfterPast;

  /** Query heads and elements of a head. */
  @Param({"2b:4x64", "8b:4x128"})
  public String heads;

  /** Who does it. */
  @Param({"SCALAR", "ACTIVE", "JAVA"})
  public Implementation implementation;

  private Arena arena;
  private Operands.Pool cache;
  private MemorySegment q;
  private float[] scores;
  private float scale;
  private long rows;
  private long past;
  private long queryHeads;
  private long headDim;
  MemorySegment out;

  /** Makes the operands. */
  @Setup
  public void setup() {
    implementation.select();
    String[] parts = rowsAfterPast.split("after", -1);
    rows = Long.parseLong(parts[0]);
    past = Long.parseLong(parts[1]);
    Shape head = Shape.parse(heads);
    queryHeads = head.out();
    headDim = head.in();
    scale = 1f / headDim; // attention_multiplier of Granite 3
    arena = Arena.ofShared();
    long keys = past + rows;
    cache = new Operands.Pool(arena, DType.F32, 2 * keys * headDim, Residency.DRAM, 1);
    q = Operands.floats(arena, rows * queryHeads * headDim, 2);
    out = Operands.zeros(arena, rows * queryHeads * headDim);
    scores = new float[Math.toIntExact(keys)];
    double seen = rows * (double) past + rows * (rows + 1.0) / 2; // keys, over all rows
    Rates.flops(4 * seen * queryHeads * headDim);
    Rates.bytes(2.0 * keys * headDim * Float.BYTES);
  }

  /** Frees the operands. */
  @TearDown
  public void close() {
    arena.close();
  }

  /**
   * Attention of one key/value head.
   *
   * @return the result
   */
  @Benchmark
  public MemorySegment attention() {
    long k = cache.next();
    long v = k + (past + rows) * headDim * Float.BYTES;
    MemorySegment kv = cache.memory();
    if (implementation == Implementation.JAVA) {
      PlainJava.attention(q, queryHeads, rows, kv, k, v, past, headDim, scale, scores, out);
    } else {
      long stride = queryHeads * headDim;
      Kernels.attention(
          q,
          0,
          stride,
          queryHeads,
          rows,
          kv,
          k,
          kv,
          v,
          headDim,
          past,
          null,
          0,
          headDim,
          scale,
          out,
          0,
          stride);
    }
    return out;
  }
}
