package org.graniteffm.runtime.ops;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.graniteffm.bindings.Blas;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.NativeMemory;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * Activations times a range of weight rows on one thread: the piece of work that both {@link
 * Ops#linear} and {@link Experts} hand to the pool.
 *
 * <p>Few activation rows go through the gemv kernel, which streams the weights once at the speed of
 * memory. Many go through OpenBLAS sgemm where the weights are f32, straight on the mapping, and
 * otherwise through the gemm kernel, which widens them on their way. On the scalar tier, sgemm
 * multiplies those, too: panels of them that were widened a moment ago and are still in the cache.
 */
final class Gemm {
  /** Up to this many activation rows the gemv kernel is the faster one. */
  static final int GEMV_ROWS = 16;

  /**
   * Weight rows per sgemm call. sgemm packs all activations anew in each call, so a call needs
   * enough weight rows to pay for that; and a fixed number, because the sums may depend on it and
   * must not depend on the number of threads.
   */
  static final int PANEL_ROWS = 256;

  /**
   * Columns of a widened panel: {@code 256 * 1024 * 4} bytes are 1 MiB, about a second-level cache.
   */
  static final int PANEL_COLS = 1024;

  static final long PANEL_BYTES =
      Math.max((long) PANEL_ROWS * PANEL_COLS * Float.BYTES, Kernels.GEMM_SCRATCH);

  private final MemorySegment[] panels;
  private final boolean vectors = NativeLibraries.hasVectorUnit();

  /**
   * Allocates a panel for each worker; the pages are touched when they are first used.
   *
   * @param arena owns the memory
   * @param workers size of the pool
   */
  Gemm(Arena arena, int workers) {
    panels = new MemorySegment[workers];
    for (int i = 0; i < workers; i++) {
      panels[i] = NativeMemory.allocate(arena, PANEL_BYTES, "panel of weights");
    }
  }

  /**
   * {@code y[i, j] = alpha * Σ_c x[i, c] * w[firstRow + j, c]} for {@code j < count}.
   *
   * @param x {@code [rows, k]} f32, rows {@code xStride} elements apart
   * @param w {@code [*, k]} weights
   * @param y {@code [rows, count]} f32, rows {@code yStride} elements apart
   */
  void multiply(
      MemorySegment x,
      long xOffset,
      long xStride,
      int rows,
      Tensor w,
      long firstRow,
      int count,
      float alpha,
      MemorySegment y,
      long yOffset,
      long yStride,
      int worker) {
    int k = (int) w.size(w.rank() - 1);
    DType dtype = w.dtype();
    MemorySegment weights = w.segment();
    long wOffset = firstRow * k * dtype.byteSize();
    if (rows <= GEMV_ROWS) {
      Kernels.gemv(
          Linear.kernelType(dtype),
          weights,
          wOffset,
          k,
          count,
          k,
          x,
          xOffset,
          xStride,
          rows,
          alpha,
          0f,
          y,
          yOffset,
          yStride);
    } else {
      multiplyMany(
          x, xOffset, xStride, rows, w, wOffset, count, alpha, y, yOffset, yStride, worker);
    }
  }

  // A method of its own: together they are longer than the 325 bytes of code up to which HotSpot
  // inlines a hot method, and then a token's product allocates the slices of its operands.
  private void multiplyMany(
      MemorySegment x,
      long xOffset,
      long xStride,
      int rows,
      Tensor w,
      long wOffset,
      int count,
      float alpha,
      MemorySegment y,
      long yOffset,
      long yStride,
      int worker) {
    int k = (int) w.size(w.rank() - 1);
    DType dtype = w.dtype();
    MemorySegment weights = w.segment();
    if (dtype == DType.F32 && weights.address() % Float.BYTES == 0) {
      Blas.sgemm(
          rows, count, k, alpha, x, xOffset, xStride, weights, wOffset, k, 0f, y, yOffset, yStride);
    } else if (vectors) {
      Kernels.gemm(
          Linear.kernelType(dtype),
          weights,
          wOffset,
          k,
          count,
          k,
          x,
          xOffset,
          xStride,
          rows,
          alpha,
          0f,
          y,
          yOffset,
          yStride,
          panels[worker]);
    } else {
      int type = Linear.kernelType(dtype);
      MemorySegment panel = panels[worker];
      for (int c = 0; c < k; c += PANEL_COLS) {
        int cols = Math.min(PANEL_COLS, k - c);
        Kernels.widen(
            weights, wOffset + (long) c * dtype.byteSize(), type, k, count, cols, panel, 0, cols);
        Blas.sgemm(
            rows,
            count,
            cols,
            alpha,
            x,
            xOffset + (long) c * Float.BYTES,
            xStride,
            panel,
            0,
            cols,
            c == 0 ? 0f : 1f,
            y,
            yOffset,
            yStride);
      }
    }
  }

  /**
   * Whether a product goes to the matrix unit: of packed activations, more than gemv is for.
   *
   * @param x activations
   * @param rows how many
   * @param w bf16, or another type, which is not for that unit
   */
  static boolean isPacked(Matrix x, int rows, Tensor w) {
    return x.packed() != null && rows > GEMV_ROWS && w.dtype() == DType.BF16;
  }

  /** Working memory of one worker. */
  MemorySegment scratch(int worker) {
    return panels[worker];
  }

  /**
   * How many weight rows make a good slice of work on the matrix unit, which works on blocks of up
   * to 256, of short rows on smaller ones: enough that the first block, which it waits for, is one
   * of several, and still two or four slices for each thread. For two threads, products of 2048
   * rows took 2 % less time in slices of 512 than of 256. The sums do not depend on it.
   *
   * @param n all weight rows
   * @param k columns
   * @param workers size of the pool
   * @return a multiple of 128, at most 1024
   */
  static int packedSliceRows(int n, int k, int workers) {
    boolean isShort = k <= 1024;
    int least = isShort ? 128 : 256;
    int slicesPerWorker = isShort ? 4 : 2;
    return Math.clamp(n / ((long) slicesPerWorker * workers), least, 1024) & -least;
  }

  /**
   * How many weight rows make a good slice of work: long enough that what a slice costs by itself,
   * with several activation rows a copy of them, is little beside it; short enough that a stalled
   * core holds up little; and such that each thread gets as many, which counts where they are few.
   * The sums of gemv do not depend on it.
   *
   * @param rows activation rows
   * @param w the weight
   * @param bytes of weights that all slices read together
   * @param workers size of the pool
   * @return at least 1; for many activation rows always the same
   */
  static int sliceRows(int rows, Tensor w, long bytes, int workers) {
    if (rows > GEMV_ROWS) {
      return PANEL_ROWS;
    }
    long most = SLICE_BYTES * Math.min(rows, 4);
    long wanted = Math.clamp(bytes / (4L * workers), SLICE_BYTES, most);
    long share = Math.max(1, bytes / workers); // of a thread
    long sliceBytes = Math.max(LEAST_SLICE_BYTES, share / Math.ceilDiv(share, wanted));
    long rowBytes = Math.max(1, w.size(w.rank() - 1) * w.dtype().byteSize());
    return (int) Math.max(8, sliceBytes / rowBytes + 7 & ~7L);
  }

  private static final long SLICE_BYTES = 128 << 10;
  private static final long LEAST_SLICE_BYTES = 56 << 10; // some 2 µs
}
