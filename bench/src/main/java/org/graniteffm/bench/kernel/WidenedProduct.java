package org.graniteffm.bench.kernel;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.graniteffm.bindings.Blas;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.ops.Linear;
import org.graniteffm.runtime.tensor.DType;

/**
 * Product by OpenBLAS, as the runtime does it on one thread of the scalar tier: f32 weights where
 * they are, others in panels that are widened first.
 */
final class WidenedProduct {
  // The runtime's own panel, whose f32 copy is about a second-level cache.
  private static final long PANEL_ROWS = 256;
  private static final long PANEL_COLS = 1024;

  private final DType dtype;
  private final MemorySegment panel;

  WidenedProduct(Arena arena, DType dtype) {
    this.dtype = dtype;
    panel = Operands.zeros(arena, PANEL_ROWS * PANEL_COLS);
  }

  /** {@code y[i,j] = Σ_c x[i,c] * w[j,c]}, all contiguous. */
  void multiply(MemorySegment x, long m, MemorySegment w, long n, long k, MemorySegment y) {
    for (long j = 0; j < n; j += PANEL_ROWS) {
      long rows = Math.min(PANEL_ROWS, n - j);
      long row = j * k * dtype.byteSize();
      long to = j * Float.BYTES;
      if (dtype == DType.F32) {
        Blas.sgemm(m, rows, k, 1, x, 0, k, w, row, k, 0, y, to, n);
        continue;
      }
      int type = Linear.kernelType(dtype);
      for (long c = 0; c < k; c += PANEL_COLS) {
        long cols = Math.min(PANEL_COLS, k - c);
        float beta = c == 0 ? 0 : 1;
        Kernels.widen(w, row + c * dtype.byteSize(), type, k, rows, cols, panel, 0, cols);
        Blas.sgemm(m, rows, cols, 1, x, c * Float.BYTES, k, panel, 0, cols, beta, y, to, n);
      }
    }
  }
}
