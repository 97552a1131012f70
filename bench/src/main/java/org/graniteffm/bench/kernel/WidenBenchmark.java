package org.graniteffm.bench.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.graniteffm.bench.Forks;
import org.graniteffm.bench.Implementation;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.ops.Linear;
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
 * Widening of a panel of weights, which happens before every product of a prompt on CPUs without
 * bfloat16 arithmetic.
 *
 * <p>256 x 1024 is the panel of the runtime, whose f32 copy is 1 MiB. Weights come from memory, or
 * from a cache to see the instructions alone (then of as many rows as fit). Two forks: where pages
 * lie and what the compiler chose differ between JVMs more than between iterations.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.MICROSECONDS)
@Warmup(iterations = 3, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Measurement(iterations = 5, time = 500, timeUnit = TimeUnit.MILLISECONDS)
@Fork(value = 2, jvmArgsAppend = Forks.NATIVE_ACCESS)
public class WidenBenchmark {
  /** JMH makes one for each thread. */
  public WidenBenchmark() {}

  /** Rows and columns. */
  @Param("panel:256x1024")
  public String rowsByCols;

  /** Type of the weights. */
  @Param({"BF16", "F16"})
  public DType dtype;

  /** Where the weights are. */
  @Param({"CACHED", "DRAM"})
  public Residency weights;

  /** Who does it. */
  @Param({"SCALAR", "ACTIVE", "JAVA"})
  public Implementation implementation;

  private Arena arena;
  private Operands.Pool source;
  private int type;
  private long rows;
  private long cols;
  MemorySegment out;

  /** Makes the operands. */
  @Setup
  public void setup() {
    implementation.select();
    Shape size = Shape.parse(rowsByCols);
    cols = size.in();
    rows = weights.rows(size.out(), cols * dtype.byteSize());
    type = Linear.kernelType(dtype);
    arena = Arena.ofShared();
    source = new Operands.Pool(arena, dtype, rows * cols, weights, 1);
    out = Operands.zeros(arena, rows * cols);
    Rates.bytes((double) rows * cols * (dtype.byteSize() + Float.BYTES));
  }

  /** Frees the operands. */
  @TearDown
  public void close() {
    arena.close();
  }

  /**
   * One panel.
   *
   * @return the result
   */
  @Benchmark
  public MemorySegment widen() {
    long at = source.next();
    if (implementation == Implementation.JAVA) {
      PlainJava.widen(source.memory(), at, dtype, rows * cols, out);
    } else {
      Kernels.widen(source.memory(), at, type, cols, rows, cols, out, 0, cols);
    }
    return out;
  }
}
