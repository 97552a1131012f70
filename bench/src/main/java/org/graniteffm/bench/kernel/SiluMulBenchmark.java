package org.graniteffm.bench.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
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
 * The gate of the feed-forward layer.
 *
 * <p>8192 columns are the intermediate size of Granite 3 2b, 512 that of an expert of 1b-a400m; one
 * row is decoding, 128 a prompt. The exponential is the work: GB/s show how far it is from a copy.
 * Two forks: where pages lie and what the compiler chose differ between JVMs more than between
 * iterations.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class SiluMulBenchmark {
  /** JMH makes one for each thread. */
  public SiluMulBenchmark() {}

  /** Rows and columns. */
  @Param({"1x512", "1x8192", "128x8192"})
  public String rowsByCols;

  /** Who does it. */
  @Param({"SCALAR", "ACTIVE", "JAVA"})
  public Implementation implementation;

  private Arena arena;
  private MemorySegment gate;
  private MemorySegment up;
  private long rows;
  private long cols;
  MemorySegment out;

  /** Makes the operands. */
  @Setup
  public void setup() {
    implementation.select();
    Shape size = Shape.parse(rowsByCols);
    rows = size.out();
    cols = size.in();
    arena = Arena.ofShared();
    gate = Operands.floats(arena, rows * cols, 1);
    up = Operands.floats(arena, rows * cols, 2);
    out = Operands.zeros(arena, rows * cols);
    Rates.bytes(3.0 * rows * cols * Float.BYTES);
  }

  /** Frees the operands. */
  @TearDown
  public void close() {
    arena.close();
  }

  /**
   * One gate.
   *
   * @return the result
   */
  @Benchmark
  public MemorySegment siluMul() {
    if (implementation == Implementation.JAVA) {
      PlainJava.siluMul(gate, up, rows * cols, out);
    } else {
      Kernels.siluMul(gate, 0, cols, up, 0, cols, rows, cols, out, 0, cols);
    }
    return out;
  }
}
