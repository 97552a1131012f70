package org.graniteffm.runtime.cli;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.atomic.LongAdder;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.safetensors.Checkpoint;

/**
 * Measures a machine's limits with the pool that the model runs on: how fast memory is read, and
 * the peak of the unit that prefill works on.
 */
final class Probes implements AutoCloseable {
  private static final long BUFFER = 1L << 30;
  private static final long LEAST_BUFFER = 64L << 20;
  private static final long CHUNK = 2L << 20;
  private static final long NANOS_PER_SLICE = 4_000_000;
  private static final int SLICES_PER_WORKER = 8;

  private final Workers workers;
  private final Arena arena = Arena.ofShared();
  private final List<MemorySegment> chunks = new ArrayList<>();
  private final LongAdder words = new LongAdder();
  private final boolean readsWeights;
  private final long bytes;
  private final boolean tiles;
  private final long iterations;

  /**
   * Prepares the probes.
   *
   * @param workers to measure with
   * @param checkpoint whose weights are read if they are 1 GiB or more, far more than any
   *     last-level cache; else a buffer of that size, or of a quarter of the available memory
   * @param tiles whether the peak is that of the matrix unit, and not of the float unit
   */
  Probes(Workers workers, Checkpoint checkpoint, boolean tiles) {
    this.workers = workers;
    this.tiles = tiles;
    readsWeights = checkpoint.byteSize() >= BUFFER;
    if (readsWeights) {
      for (String name : checkpoint.names()) {
        cut(checkpoint.find(name).segment(), 2 * BUFFER);
      }
    } else {
      long available = Machine.availableBytes().orElse(4 * BUFFER);
      long size = Math.clamp(available / 4, LEAST_BUFFER, BUFFER);
      cut(arena.allocate(size, 64), size); // is filled with zeros, so the memory is there
    }
    bytes = chunks.stream().mapToLong(MemorySegment::byteSize).sum();
    iterations = calibrate();
  }

  private void cut(MemorySegment segment, long most) {
    long before = chunks.stream().mapToLong(MemorySegment::byteSize).sum();
    long end = Math.min(segment.byteSize(), Math.max(0, most - before));
    for (long from = 0; from < end; from += CHUNK) {
      chunks.add(segment.asSlice(from, Math.min(CHUNK, end - from)));
    }
  }

  /**
   * Doubles until the quickest of some calls takes long enough: the first one also links the call,
   * and any of them may lose its core for a while.
   */
  private long calibrate() {
    long count = 1 << 12;
    while (true) {
      long quickest = Long.MAX_VALUE;
      for (int i = 0; i < 3; i++) {
        long start = System.nanoTime();
        peak(count);
        quickest = Math.min(quickest, System.nanoTime() - start);
      }
      if (quickest >= NANOS_PER_SLICE || count >= 1L << 30) {
        return count;
      }
      count *= 2;
    }
  }

  private long peak(long count) {
    return tiles ? Kernels.probeBf16(count) : Kernels.probeFma(count);
  }

  /** What {@link #peakGflops} measures, for a reader. */
  String peakOf() {
    return tiles ? "bf16 tile products" : "f32 multiply-add";
  }

  /** How much memory a measurement reads. */
  long bytes() {
    return bytes;
  }

  /** Whether it is the weights that are read. */
  boolean readsWeights() {
    return readsWeights;
  }

  /** Reads all of it once, in slices as the kernels do; in 10^9 bytes a second. */
  double readGbPerSecond() {
    long start = System.nanoTime();
    workers.run(
        (slice, worker) -> {
          MemorySegment chunk = chunks.get(slice);
          words.add(Kernels.probeRead(chunk, 0, chunk.byteSize()));
        },
        chunks.size());
    return bytes / (double) (System.nanoTime() - start);
  }

  /** Arithmetic on registers on all threads; in 10^9 operations a second. */
  double peakGflops() {
    LongAdder operations = new LongAdder();
    long start = System.nanoTime();
    workers.run(
        (slice, worker) -> operations.add(peak(iterations)), workers.size() * SLICES_PER_WORKER);
    return operations.sum() / (double) (System.nanoTime() - start);
  }

  @Override
  public void close() {
    arena.close();
  }
}
