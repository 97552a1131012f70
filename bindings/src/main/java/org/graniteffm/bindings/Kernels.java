package org.graniteffm.bindings;

import static org.graniteffm.bindings.generated.granite_kernels_h.gk_probe_bf16;
import static org.graniteffm.bindings.generated.granite_kernels_h.gk_probe_fma_f32;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.graniteffm.bindings.generated.granite_kernels_h;

/**
 * The kernels of libgranite_kernels, each behind its checks.
 *
 * <p>Every method is a pure function over its operands, runs on the calling thread and is
 * contracted in the C header that it names; the package description tells how operands are given,
 * what is checked and what is thrown. The first call loads the library, and all calls fail as
 * {@link NativeLibraries#load} does if that fails.
 */
public final class Kernels {
  /** Element type of weights and of the cache: IEEE 754 binary32, little-endian. */
  public static final int F32 = granite_kernels_h.GK_F32();

  /** Element type of weights: IEEE 754 binary16, little-endian. */
  public static final int F16 = granite_kernels_h.GK_F16();

  /** Element type of weights and of the cache: the upper half of a binary32, little-endian. */
  public static final int BF16 = granite_kernels_h.GK_BF16();

  /** Activation {@code z * (1 + erf(z / sqrt 2)) / 2}. */
  public static final int GELU = granite_kernels_h.GK_GELU();

  /** Activation {@code z * (1 + tanh(sqrt(2 / pi) * (z + 0.044715 z^3))) / 2}. */
  public static final int GELU_TANH = granite_kernels_h.GK_GELU_TANH();

  /** Activation {@code z / (1 + exp(-1.702 z))}. */
  public static final int QUICK_GELU = granite_kernels_h.GK_QUICK_GELU();

  /** Activation {@code max(z, 0)}. */
  public static final int RELU = granite_kernels_h.GK_RELU();

  /** Activation {@code max(z, 0)^2}. */
  public static final int RELU2 = granite_kernels_h.GK_RELU2();

  /** Bytes of working memory that a product of packed rows takes. */
  public static final long GEMM_SCRATCH = granite_kernels_h.GK_GEMM_SCRATCH();

  private static final int OK = granite_kernels_h.GK_OK();
  private static final int INDEX = granite_kernels_h.GK_EINDEX();

  private Kernels() {}

  /**
   * Root-mean-square normalisation of each row: {@code out[r,c] = x[r,c] / sqrt(mean_c(x[r,c]^2) +
   * eps) * weight[c]}.
   *
   * <p>Contract: {@code gk_rms_norm_f32} in gk_rms_norm.h. {@code out} may be {@code x} with the
   * same stride.
   *
   * @param x float [rows, cols]
   * @param xOffset bytes from the start of {@code x} to its first element
   * @param xStride elements from one row to the next
   * @param weight float [cols], contiguous
   * @param weightOffset bytes from the start of {@code weight} to its first element
   * @param eps added to the mean of squares
   * @param rows number of rows
   * @param cols elements of a row, at least 1
   * @param out float [rows, cols]
   * @param outOffset bytes from the start of {@code out} to its first element
   * @param outStride elements from one row to the next
   * @throws IllegalArgumentException if a size is out of range, a stride is smaller than a row, or
   *     a segment is on the heap, misaligned, read-only though written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void rmsNorm(
      MemorySegment x,
      long xOffset,
      long xStride,
      MemorySegment weight,
      long weightOffset,
      float eps,
      long rows,
      long cols,
      MemorySegment out,
      long outOffset,
      long outStride) {
    NativeLibraries.load();
    Checks.size("rows", rows);
    Checks.positive("cols", cols);
    long xAt = Checks.words("x", x, xOffset, rows, cols, xStride);
    long weightAt = Checks.words("weight", weight, weightOffset, 1, cols, cols);
    long outAt = Checks.writableWords("out", out, outOffset, rows, cols, outStride);
    Checks.sameOrDisjoint("out", outAt, outStride * 4, "x", xAt, xStride * 4, rows, cols * 4);
    Checks.disjoint(
        "out", outAt, rows, cols * 4, outStride * 4, "weight", weightAt, 1, cols * 4, cols * 4);
    try {
      Handles.RmsNormF32.HANDLE.invokeExact(
          x.asSlice(xOffset),
          xStride,
          weight.asSlice(weightOffset),
          eps,
          rows,
          cols,
          out.asSlice(outOffset),
          outStride);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
  }

  /**
   * Scaled residual add, then normalisation: {@code x[r,c] += scale * residual[r,c]}, and {@code
   * out} is the {@link #rmsNorm} of the new {@code x}.
   *
   * <p>Contract: {@code gk_add_rms_norm_f32} in gk_rms_norm.h. {@code out} may be {@code residual}
   * with the same stride.
   *
   * @param x float [rows, cols], updated
   * @param xOffset bytes from the start of {@code x} to its first element
   * @param xStride elements from one row to the next
   * @param residual float [rows, cols]
   * @param residualOffset bytes from the start of {@code residual} to its first element
   * @param residualStride elements from one row to the next
   * @param scale factor of {@code residual}
   * @param weight float [cols], contiguous
   * @param weightOffset bytes from the start of {@code weight} to its first element
   * @param eps added to the mean of squares
   * @param rows number of rows
   * @param cols elements of a row, at least 1
   * @param out float [rows, cols]
   * @param outOffset bytes from the start of {@code out} to its first element
   * @param outStride elements from one row to the next
   * @throws IllegalArgumentException if a size is out of range, a stride is smaller than a row, or
   *     a segment is on the heap, misaligned, read-only though written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void addRmsNorm(
      MemorySegment x,
      long xOffset,
      long xStride,
      MemorySegment residual,
      long residualOffset,
      long residualStride,
      float scale,
      MemorySegment weight,
      long weightOffset,
      float eps,
      long rows,
      long cols,
      MemorySegment out,
      long outOffset,
      long outStride) {
    NativeLibraries.load();
    Checks.size("rows", rows);
    Checks.positive("cols", cols);
    long xAt = Checks.writableWords("x", x, xOffset, rows, cols, xStride);
    long residualAt =
        Checks.words("residual", residual, residualOffset, rows, cols, residualStride);
    long weightAt = Checks.words("weight", weight, weightOffset, 1, cols, cols);
    long outAt = Checks.writableWords("out", out, outOffset, rows, cols, outStride);
    long width = cols * 4;
    Checks.disjoint(
        "x",
        xAt,
        rows,
        width,
        xStride * 4,
        "residual",
        residualAt,
        rows,
        width,
        residualStride * 4);
    Checks.disjoint("x", xAt, rows, width, xStride * 4, "weight", weightAt, 1, width, width);
    Checks.disjoint("out", outAt, rows, width, outStride * 4, "x", xAt, rows, width, xStride * 4);
    Checks.disjoint("out", outAt, rows, width, outStride * 4, "weight", weightAt, 1, width, width);
    Checks.sameOrDisjoint(
        "out", outAt, outStride * 4, "residual", residualAt, residualStride * 4, rows, width);
    try {
      Handles.AddRmsNormF32.HANDLE.invokeExact(
          x.asSlice(xOffset),
          xStride,
          residual.asSlice(residualOffset),
          residualStride,
          scale,
          weight.asSlice(weightOffset),
          eps,
          rows,
          cols,
          out.asSlice(outOffset),
          outStride);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
  }

  /**
   * {@code x[r,c] += scale * y[r,c]}.
   *
   * <p>Contract: {@code gk_add_scaled_f32} in gk_add_scaled.h.
   *
   * @param x float [rows, cols], updated
   * @param xOffset bytes from the start of {@code x} to its first element
   * @param xStride elements from one row to the next
   * @param y float [rows, cols]
   * @param yOffset bytes from the start of {@code y} to its first element
   * @param yStride elements from one row to the next; 0 adds the same row everywhere
   * @param scale factor of {@code y}
   * @param rows number of rows
   * @param cols elements of a row
   * @throws IllegalArgumentException if a size is out of range, a stride is smaller than a row, or
   *     a segment is on the heap, misaligned, read-only though written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void addScaled(
      MemorySegment x,
      long xOffset,
      long xStride,
      MemorySegment y,
      long yOffset,
      long yStride,
      float scale,
      long rows,
      long cols) {
    NativeLibraries.load();
    Checks.size("rows", rows);
    Checks.size("cols", cols);
    long xAt = Checks.writableWords("x", x, xOffset, rows, cols, xStride);
    long yAt = Checks.repeatableWords("y", y, yOffset, rows, cols, yStride);
    Checks.disjoint("x", xAt, rows, cols * 4, xStride * 4, "y", yAt, rows, cols * 4, yStride * 4);
    if (Checks.nothing(rows, cols)) {
      return;
    }
    try {
      Handles.AddScaledF32.HANDLE.invokeExact(
          x.asSlice(xOffset), xStride, y.asSlice(yOffset), yStride, scale, rows, cols);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
  }

  /**
   * Rotary position embedding of queries, in place, and of keys, into the cache, with half-split
   * pairing: element {@code i} of a head is rotated with element {@code i + headDim / 2}.
   *
   * <p>Contract: {@code gk_rope_f32} in gk_rope.h. Element {@code (r, head, i)} of the rotated keys
   * goes to {@code kOut[head * kOutHeadStride + r * headDim + i]}.
   *
   * @param q float [rows, qHeads, headDim], updated
   * @param qOffset bytes from the start of {@code q} to its first element
   * @param qStride elements from one row to the next; heads are headDim apart
   * @param qHeads query heads; may be 0
   * @param k float [rows, kHeads, headDim]
   * @param kOffset bytes from the start of {@code k} to its first element
   * @param kStride elements from one row to the next; heads are headDim apart
   * @param kHeads key heads; may be 0
   * @param headDim elements of a head, even
   * @param cos float [rows, headDim / 2], contiguous: cosines of the angles in radians
   * @param cosOffset bytes from the start of {@code cos} to its first element
   * @param sin float [rows, headDim / 2], contiguous: sines of the same angles
   * @param sinOffset bytes from the start of {@code sin} to its first element
   * @param rows number of rows, which are positions
   * @param kOut [kHeads, rows, headDim] of {@code kOutDtype}, at any byte offset
   * @param kOutOffset bytes from the start of {@code kOut} to its first element
   * @param kOutDtype element type of {@code kOut}: {@link #F32}, or {@link #BF16}, to which the
   *     rotated keys are rounded
   * @param kOutHeadStride elements from one head to the next
   * @throws IllegalArgumentException if {@code headDim} is odd, a size is out of range, a stride is
   *     smaller than a row, or a segment is on the heap, misaligned, read-only though written, or
   *     overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void rope(
      MemorySegment q,
      long qOffset,
      long qStride,
      long qHeads,
      MemorySegment k,
      long kOffset,
      long kStride,
      long kHeads,
      long headDim,
      MemorySegment cos,
      long cosOffset,
      MemorySegment sin,
      long sinOffset,
      long rows,
      MemorySegment kOut,
      long kOutOffset,
      int kOutDtype,
      long kOutHeadStride) {
    NativeLibraries.load();
    int shift = cacheShift("kOutDtype", kOutDtype);
    Checks.size("qHeads", qHeads);
    Checks.size("kHeads", kHeads);
    Checks.size("headDim", headDim);
    Checks.size("rows", rows);
    if ((headDim & 1) != 0) {
      throw new IllegalArgumentException("headDim: " + headDim + " is not even");
    }
    long half = headDim / 2;
    long qCols = Checks.product("qHeads * headDim", qHeads, headDim);
    long kCols = Checks.product("kHeads * headDim", kHeads, headDim);
    long kOutCols = Checks.product("rows * headDim", rows, headDim);
    long qAt = Checks.writableWords("q", q, qOffset, rows, qCols, qStride);
    long kAt = Checks.words("k", k, kOffset, rows, kCols, kStride);
    long cosAt = Checks.words("cos", cos, cosOffset, rows, half, half);
    long sinAt = Checks.words("sin", sin, sinOffset, rows, half, half);
    long kOutAt =
        Checks.writableMatrix("kOut", kOut, kOutOffset, kHeads, kOutCols, kOutHeadStride, shift);
    Checks.disjoint("q", qAt, rows, qCols * 4, qStride * 4, "k", kAt, rows, kCols * 4, kStride * 4);
    Checks.disjoint("q", qAt, rows, qCols * 4, qStride * 4, "cos", cosAt, rows, half * 4, half * 4);
    Checks.disjoint("q", qAt, rows, qCols * 4, qStride * 4, "sin", sinAt, rows, half * 4, half * 4);
    Checks.disjoint(
        "kOut",
        kOutAt,
        kHeads,
        kOutCols << shift,
        kOutHeadStride << shift,
        "q",
        qAt,
        rows,
        qCols * 4,
        qStride * 4);
    Checks.disjoint(
        "kOut",
        kOutAt,
        kHeads,
        kOutCols << shift,
        kOutHeadStride << shift,
        "k",
        kAt,
        rows,
        kCols * 4,
        kStride * 4);
    Checks.disjoint(
        "kOut",
        kOutAt,
        kHeads,
        kOutCols << shift,
        kOutHeadStride << shift,
        "cos",
        cosAt,
        rows,
        half * 4,
        half * 4);
    Checks.disjoint(
        "kOut",
        kOutAt,
        kHeads,
        kOutCols << shift,
        kOutHeadStride << shift,
        "sin",
        sinAt,
        rows,
        half * 4,
        half * 4);
    if (Checks.nothing(headDim, qHeads + kHeads)) {
      return;
    }
    int status;
    try {
      status =
          (int)
              Handles.RopeF32.HANDLE.invokeExact(
                  q.asSlice(qOffset),
                  qStride,
                  qHeads,
                  k.asSlice(kOffset),
                  kStride,
                  kHeads,
                  headDim,
                  cos.asSlice(cosOffset),
                  sin.asSlice(sinOffset),
                  rows,
                  kOut.asSlice(kOutOffset),
                  kOutDtype,
                  kOutHeadStride);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
    if (status != OK) {
      throw refused("rope", status, "headDim " + headDim + ", kOutDtype " + kOutDtype);
    }
  }

  /**
   * Product of a few rows with a weight matrix: {@code y[i,j] = alpha * sum_c(x[i,c] * w[j,c]) +
   * beta * y[i,j]}. Made for 1 to 8 rows, which read the weights once.
   *
   * <p>Contract: {@code gk_gemv_f32}, {@code gk_gemv_f16}, {@code gk_gemv_bf16} in gk_gemv.h.
   *
   * @param dtype element type of {@code w}: {@link #F32}, {@link #F16} or {@link #BF16}
   * @param w [n, k] of {@code dtype}, at any byte offset
   * @param wOffset bytes from the start of {@code w} to its first element
   * @param wStride elements from one row to the next
   * @param n rows of {@code w}
   * @param k columns of {@code w}
   * @param x float [m, k]
   * @param xOffset bytes from the start of {@code x} to its first element
   * @param xStride elements from one row to the next
   * @param m rows of {@code x}
   * @param alpha factor of the product
   * @param beta factor of the old {@code y}, which is not read if this is 0
   * @param y float [m, n], updated
   * @param yOffset bytes from the start of {@code y} to its first element
   * @param yStride elements from one row to the next
   * @throws IllegalArgumentException if {@code dtype} is another one, a size is out of range, a
   *     stride is smaller than a row, or a segment is on the heap, misaligned, read-only though
   *     written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void gemv(
      int dtype,
      MemorySegment w,
      long wOffset,
      long wStride,
      long n,
      long k,
      MemorySegment x,
      long xOffset,
      long xStride,
      long m,
      float alpha,
      float beta,
      MemorySegment y,
      long yOffset,
      long yStride) {
    NativeLibraries.load();
    int shift = shift(dtype);
    Checks.size("n", n);
    Checks.size("k", k);
    Checks.size("m", m);
    long wAt = Checks.matrix("w", w, wOffset, n, k, wStride, shift);
    long xAt = Checks.words("x", x, xOffset, m, k, xStride);
    long yAt = Checks.writableWords("y", y, yOffset, m, n, yStride);
    Checks.disjoint("y", yAt, m, n * 4, yStride * 4, "w", wAt, n, k << shift, wStride << shift);
    Checks.disjoint("y", yAt, m, n * 4, yStride * 4, "x", xAt, m, k * 4, xStride * 4);
    if (Checks.nothing(m, n)) {
      return;
    }
    try {
      if (dtype == BF16) {
        Handles.GemvBf16.HANDLE.invokeExact(
            w.asSlice(wOffset),
            wStride,
            n,
            k,
            x.asSlice(xOffset),
            xStride,
            m,
            alpha,
            beta,
            y.asSlice(yOffset),
            yStride);
      } else if (dtype == F16) {
        Handles.GemvF16.HANDLE.invokeExact(
            w.asSlice(wOffset),
            wStride,
            n,
            k,
            x.asSlice(xOffset),
            xStride,
            m,
            alpha,
            beta,
            y.asSlice(yOffset),
            yStride);
      } else {
        Handles.GemvF32.HANDLE.invokeExact(
            w.asSlice(wOffset),
            wStride,
            n,
            k,
            x.asSlice(xOffset),
            xStride,
            m,
            alpha,
            beta,
            y.asSlice(yOffset),
            yStride);
      }
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
  }

  /**
   * Bytes of activations packed by {@link #packBf16}: whole groups of 16 rows, whole tiles of 32
   * columns, 2 bytes each.
   *
   * @param rows number of rows
   * @param cols elements of a row
   * @return a multiple of 1024
   * @throws IllegalArgumentException if a size is out of range
   */
  public static long packedBytes(long rows, long cols) {
    Checks.size("rows", rows);
    Checks.size("cols", cols);
    return Checks.product("rows * cols", (rows + 15) / 16, (cols + 31) / 32) * 1024;
  }

  /**
   * Product of many rows with a weight matrix: {@code y[i,j] = alpha * sum_c(x[i,c] * w[j,c]) +
   * beta * y[i,j]}. Made for more rows than {@link #gemv} is.
   *
   * <p>Contract: {@code gk_gemm_f32} in gk_gemm.h.
   *
   * @param dtype element type of {@code w}: {@link #F32}, {@link #F16} or {@link #BF16}
   * @param w [n, k] of {@code dtype}, at any byte offset
   * @param wOffset bytes from the start of {@code w} to its first element
   * @param wStride elements from one row to the next
   * @param n rows of {@code w}
   * @param k columns of {@code w}
   * @param x float [m, k]
   * @param xOffset bytes from the start of {@code x} to its first element
   * @param xStride elements from one row to the next
   * @param m rows of {@code x}
   * @param alpha factor of the product
   * @param beta factor of the old {@code y}, which is not read if this is 0
   * @param y float [m, n], updated
   * @param yOffset bytes from the start of {@code y} to its first element
   * @param yStride elements from one row to the next
   * @param scratch {@link #GEMM_SCRATCH} bytes to work in, overwritten
   * @throws IllegalArgumentException if {@code dtype} is another one, a size is out of range, a
   *     stride is smaller than a row, or a segment is on the heap, misaligned, read-only though
   *     written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void gemm(
      int dtype,
      MemorySegment w,
      long wOffset,
      long wStride,
      long n,
      long k,
      MemorySegment x,
      long xOffset,
      long xStride,
      long m,
      float alpha,
      float beta,
      MemorySegment y,
      long yOffset,
      long yStride,
      MemorySegment scratch) {
    NativeLibraries.load();
    int shift = shift(dtype);
    Checks.size("n", n);
    Checks.size("k", k);
    Checks.size("m", m);
    long wAt = Checks.matrix("w", w, wOffset, n, k, wStride, shift);
    long xAt = Checks.words("x", x, xOffset, m, k, xStride);
    long yAt = Checks.writableWords("y", y, yOffset, m, n, yStride);
    long scratchAt = Checks.writableBytes("scratch", scratch, 0, GEMM_SCRATCH);
    long size = GEMM_SCRATCH;
    Checks.disjoint("y", yAt, m, n * 4, yStride * 4, "w", wAt, n, k << shift, wStride << shift);
    Checks.disjoint("y", yAt, m, n * 4, yStride * 4, "x", xAt, m, k * 4, xStride * 4);
    Checks.disjoint("scratch", scratchAt, 1, size, size, "w", wAt, n, k << shift, wStride << shift);
    Checks.disjoint("scratch", scratchAt, 1, size, size, "x", xAt, m, k * 4, xStride * 4);
    Checks.disjoint("scratch", scratchAt, 1, size, size, "y", yAt, m, n * 4, yStride * 4);
    if (Checks.nothing(m, n)) {
      return;
    }
    int status;
    try {
      status =
          (int)
              Handles.GemmF32.HANDLE.invokeExact(
                  w.asSlice(wOffset),
                  dtype,
                  wStride,
                  n,
                  k,
                  x.asSlice(xOffset),
                  xStride,
                  m,
                  alpha,
                  beta,
                  y.asSlice(yOffset),
                  yStride,
                  scratch);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
    if (status != OK) {
      throw refused("gemm", status, "dtype " + dtype);
    }
  }

  /**
   * Rounds rows to bfloat16 and packs them for {@link #gemmBf16} and {@link #siluMulGemmBf16}.
   *
   * <p>Contract: {@code gk_pack_bf16} in gk_gemm.h.
   *
   * @param x float [xRows, k]
   * @param xOffset bytes from the start of {@code x} to its first element
   * @param xStride elements from one row to the next
   * @param xRows rows there are
   * @param rows int [m], contiguous: which row of {@code x} becomes which packed one, in [0,
   *     xRows); null for the first {@code m} in order
   * @param rowsOffset bytes from the start of {@code rows} to its first element; 0 for null
   * @param m rows to pack
   * @param k elements of a row
   * @param packed receives {@link #packedBytes packedBytes(m, k)} bytes
   * @param packedOffset bytes from the start of {@code packed} to its first element
   * @throws IllegalArgumentException if a size is out of range, a stride is smaller than a row, or
   *     a segment is on the heap, misaligned, read-only though written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment, or a row is not
   *     in [0, xRows)
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void packBf16(
      MemorySegment x,
      long xOffset,
      long xStride,
      long xRows,
      MemorySegment rows,
      long rowsOffset,
      long m,
      long k,
      MemorySegment packed,
      long packedOffset) {
    NativeLibraries.load();
    Checks.size("xRows", xRows);
    Checks.size("m", m);
    Checks.size("k", k);
    long bytes = packedBytes(m, k);
    long xAt = Checks.words("x", x, xOffset, xRows, k, xStride);
    long rowsAt = Checks.rows("rows", rows, rowsOffset, m, xRows);
    long at = Checks.writableBytes("packed", packed, packedOffset, bytes);
    Checks.disjoint("packed", at, 1, bytes, bytes, "x", xAt, xRows, k * 4, xStride * 4);
    if (rows != null) {
      Checks.disjoint("packed", at, 1, bytes, bytes, "rows", rowsAt, 1, m * 4, m * 4);
    }
    if (Checks.nothing(m, k)) {
      return;
    }
    MemorySegment rowsSlice = rows == null ? MemorySegment.NULL : rows.asSlice(rowsOffset);
    try {
      Handles.PackBf16.HANDLE.invokeExact(
          x.asSlice(xOffset), xStride, rowsSlice, m, k, packed.asSlice(packedOffset));
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
  }

  /**
   * Product of packed rows with a bfloat16 weight matrix: {@code y[r,j] = alpha * s * sum_c(x[i,c]
   * * w[j,c]) + beta * y[r,j]} with {@code r = rows[i]} and {@code s = scales[i]}. Fast on tiers
   * with a matrix unit only.
   *
   * <p>Contract: {@code gk_gemm_bf16} in gk_gemm.h.
   *
   * @param w [n, k] bfloat16, at any byte offset
   * @param wOffset bytes from the start of {@code w} to its first element
   * @param wStride elements from one row to the next
   * @param n rows of {@code w}
   * @param k columns of {@code w}
   * @param x [m, k], packed
   * @param xOffset bytes from the start of {@code x} to its first element
   * @param m rows of {@code x}
   * @param alpha factor of the product
   * @param rows int [m], contiguous: to which row of {@code y} which row of {@code x} adds, in [0,
   *     yRows) and each at most once; null for the first {@code m} in order
   * @param rowsOffset bytes from the start of {@code rows} to its first element; 0 for null
   * @param scales float [m], contiguous; null for 1
   * @param scalesOffset bytes from the start of {@code scales} to its first element; 0 for null
   * @param beta factor of the old {@code y}, which is not read if this is 0
   * @param y float [yRows, n], updated
   * @param yOffset bytes from the start of {@code y} to its first element
   * @param yStride elements from one row to the next
   * @param yRows rows of {@code y}
   * @param scratch {@link #GEMM_SCRATCH} bytes to work in, overwritten
   * @throws IllegalArgumentException if a size is out of range, a stride is smaller than a row, or
   *     a segment is on the heap, misaligned, read-only though written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment, or a row is not
   *     in [0, yRows)
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void gemmBf16(
      MemorySegment w,
      long wOffset,
      long wStride,
      long n,
      long k,
      MemorySegment x,
      long xOffset,
      long m,
      float alpha,
      MemorySegment rows,
      long rowsOffset,
      MemorySegment scales,
      long scalesOffset,
      float beta,
      MemorySegment y,
      long yOffset,
      long yStride,
      long yRows,
      MemorySegment scratch) {
    NativeLibraries.load();
    Checks.size("n", n);
    Checks.size("k", k);
    Checks.size("m", m);
    Checks.size("yRows", yRows);
    long xBytes = packedBytes(m, k);
    long wAt = Checks.matrix("w", w, wOffset, n, k, wStride, 1);
    long xAt = Checks.words("x", x, xOffset, 1, xBytes / 4, xBytes / 4);
    long rowsAt = Checks.rows("rows", rows, rowsOffset, m, yRows);
    long scalesAt = scales == null ? 0 : Checks.words("scales", scales, scalesOffset, 1, m, m);
    long yAt = Checks.writableWords("y", y, yOffset, yRows, n, yStride);
    long scratchAt = Checks.writableBytes("scratch", scratch, 0, GEMM_SCRATCH);
    notIn("y", yAt, yRows, n * 4, yStride * 4, "w", wAt, n, k * 2, wStride * 2, xAt, xBytes);
    notIn(
        "scratch",
        scratchAt,
        1,
        GEMM_SCRATCH,
        GEMM_SCRATCH,
        "w",
        wAt,
        n,
        k * 2,
        wStride * 2,
        xAt,
        xBytes);
    Checks.disjoint(
        "scratch", scratchAt, 1, GEMM_SCRATCH, GEMM_SCRATCH, "y", yAt, yRows, n * 4, yStride * 4);
    if (rows != null) {
      list("rows", rowsAt, m, yAt, yRows, n, yStride, scratchAt);
    }
    if (scales != null) {
      list("scales", scalesAt, m, yAt, yRows, n, yStride, scratchAt);
    }
    if (Checks.nothing(m, n)) {
      return;
    }
    MemorySegment rowsSlice = rows == null ? MemorySegment.NULL : rows.asSlice(rowsOffset);
    MemorySegment scalesSlice = scales == null ? MemorySegment.NULL : scales.asSlice(scalesOffset);
    try {
      Handles.GemmBf16.HANDLE.invokeExact(
          w.asSlice(wOffset),
          wStride,
          n,
          k,
          x.asSlice(xOffset),
          m,
          alpha,
          rowsSlice,
          scalesSlice,
          beta,
          y.asSlice(yOffset),
          yStride,
          scratch);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
  }

  /**
   * As {@link #gemmBf16}, of groups of rows, each with a weight matrix of its own, as experts have:
   * {@code y[r,j] = alpha * s * sum_c(x[i,c] * w[g,j,c]) + beta * y[r,j]} for the rows {@code
   * starts[g] <= i < starts[g + 1]} of group {@code g}, with {@code r = rows[i]} and {@code s =
   * scales[i]}. Groups are added in order. Fast on tiers with a matrix unit only.
   *
   * <p>Contract: {@code gk_gemm_grouped_bf16} in gk_gemm.h.
   *
   * @param w [groups, n, k] bfloat16, at any byte offset
   * @param wOffset bytes from the start of {@code w} to its first element
   * @param wStride elements from one row to the next
   * @param wGroup elements from one group to the next
   * @param n rows of each matrix
   * @param k columns of each matrix
   * @param x packed, group after group, each filled up to a multiple of 16 rows
   * @param xOffset bytes from the start of {@code x} to its first element
   * @param groups how many
   * @param starts int [groups + 1], contiguous and ascending: the first row of each group, and the
   *     end of the last
   * @param startsOffset bytes from the start of {@code starts} to its first element
   * @param m rows that {@code starts} may name: elements of {@code rows} and {@code scales}
   * @param alpha factor of the products
   * @param rows int [m], contiguous: to which row of {@code y} which row adds, in [0, yRows) and
   *     each at most once in a group; null for the first {@code m} in order
   * @param rowsOffset bytes from the start of {@code rows} to its first element; 0 for null
   * @param scales float [m], contiguous; null for 1
   * @param scalesOffset bytes from the start of {@code scales} to its first element; 0 for null
   * @param beta factor of the old {@code y}, for each group; it is not read if this is 0
   * @param y float [yRows, n], updated
   * @param yOffset bytes from the start of {@code y} to its first element
   * @param yStride elements from one row to the next
   * @param yRows rows of {@code y}
   * @param scratch {@link #GEMM_SCRATCH} bytes to work in, overwritten
   * @throws IllegalArgumentException if a size is out of range, {@code starts} descends, a stride
   *     is smaller than a row or a matrix, or a segment is on the heap, misaligned, read-only
   *     though written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment, a start is not
   *     in [0, m], or a row is not in [0, yRows)
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void gemmGroupedBf16(
      MemorySegment w,
      long wOffset,
      long wStride,
      long wGroup,
      long n,
      long k,
      MemorySegment x,
      long xOffset,
      long groups,
      MemorySegment starts,
      long startsOffset,
      long m,
      float alpha,
      MemorySegment rows,
      long rowsOffset,
      MemorySegment scales,
      long scalesOffset,
      float beta,
      MemorySegment y,
      long yOffset,
      long yStride,
      long yRows,
      MemorySegment scratch) {
    NativeLibraries.load();
    Checks.size("n", n);
    Checks.size("k", k);
    Checks.size("groups", groups);
    Checks.size("m", m);
    Checks.size("yRows", yRows);
    long startsAt = Checks.starts("starts", starts, startsOffset, groups, m);
    long packedRows = Checks.packedRows(starts, startsOffset, groups);
    long xBytes = packedBytes(packedRows, k);
    long wAt = Checks.matrices("w", w, wOffset, groups, n, k, wStride, "wGroup", wGroup);
    long wBytes = Checks.matrixSpan(groups, Checks.matrixSpan(n, k, wStride), wGroup) * 2;
    long xAt = Checks.words("x", x, xOffset, 1, xBytes / 4, xBytes / 4);
    long rowsAt = Checks.rows("rows", rows, rowsOffset, m, yRows);
    long scalesAt = scales == null ? 0 : Checks.words("scales", scales, scalesOffset, 1, m, m);
    long yAt = Checks.writableWords("y", y, yOffset, yRows, n, yStride);
    long scratchAt = Checks.writableBytes("scratch", scratch, 0, GEMM_SCRATCH);
    long size = GEMM_SCRATCH;
    notIn("y", yAt, yRows, n * 4, yStride * 4, "w", wAt, 1, wBytes, wBytes, xAt, xBytes);
    notIn("scratch", scratchAt, 1, size, size, "w", wAt, 1, wBytes, wBytes, xAt, xBytes);
    Checks.disjoint("scratch", scratchAt, 1, size, size, "y", yAt, yRows, n * 4, yStride * 4);
    list("starts", startsAt, groups + 1, yAt, yRows, n, yStride, scratchAt);
    if (rows != null) {
      list("rows", rowsAt, m, yAt, yRows, n, yStride, scratchAt);
    }
    if (scales != null) {
      list("scales", scalesAt, m, yAt, yRows, n, yStride, scratchAt);
    }
    if (Checks.nothing(packedRows, n)) {
      return;
    }
    MemorySegment rowsSlice = rows == null ? MemorySegment.NULL : rows.asSlice(rowsOffset);
    MemorySegment scalesSlice = scales == null ? MemorySegment.NULL : scales.asSlice(scalesOffset);
    try {
      Handles.GemmGroupedBf16.HANDLE.invokeExact(
          w.asSlice(wOffset),
          wStride,
          wGroup,
          n,
          k,
          x.asSlice(xOffset),
          groups,
          starts.asSlice(startsOffset),
          alpha,
          rowsSlice,
          scalesSlice,
          beta,
          y.asSlice(yOffset),
          yStride,
          scratch);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
  }

  /** A written operand shares no byte with the weights and the packed rows of a product. */
  private static void notIn(
      String name,
      long at,
      long rows,
      long width,
      long stride,
      String weights,
      long wAt,
      long n,
      long wWidth,
      long wStride,
      long xAt,
      long xBytes) {
    Checks.disjoint(name, at, rows, width, stride, weights, wAt, n, wWidth, wStride);
    Checks.disjoint(name, at, rows, width, stride, "x", xAt, 1, xBytes, xBytes);
  }

  /** A list of 4-byte elements shares no byte with what a product writes. */
  private static void list(
      String name,
      long at,
      long count,
      long yAt,
      long yRows,
      long n,
      long yStride,
      long scratchAt) {
    list(name, at, count, "y", yAt, yRows, n * 4, yStride * 4, scratchAt);
  }

  private static void list(
      String name,
      long at,
      long count,
      String output,
      long outAt,
      long rows,
      long width,
      long stride,
      long scratchAt) {
    long bytes = count * 4;
    Checks.disjoint(output, outAt, rows, width, stride, name, at, 1, bytes, bytes);
    Checks.disjoint("scratch", scratchAt, 1, GEMM_SCRATCH, GEMM_SCRATCH, name, at, 1, bytes, bytes);
  }

  private static void gatedColumns(long first, long n, long outCols) {
    if (first > outCols - n || first % 32 != 0 || (n % 32 != 0 && first + n != outCols)) {
      throw new IllegalArgumentException(
          "first: %d, n: %d of %d columns; legal are multiples of 32, and the rest"
              .formatted(first, n, outCols));
    }
  }

  /**
   * Two products of packed rows, the gate, and the rounding for the product that follows: {@code
   * out(i, first + j) = bf16(silu(sum_c(x[i,c] * gate[j,c])) * sum_c(x[i,c] * up[j,c]))}. Fast on
   * tiers with a matrix unit only.
   *
   * <p>Contract: {@code gk_silu_mul_gemm_bf16} in gk_gemm.h.
   *
   * @param gate [n, k] bfloat16, at any byte offset
   * @param gateOffset bytes from the start of {@code gate} to its first element
   * @param up [n, k] bfloat16, at any byte offset
   * @param upOffset bytes from the start of {@code up} to its first element
   * @param wStride elements from one row of {@code gate}, and of {@code up}, to the next
   * @param n rows of {@code gate} and of {@code up}; a multiple of 32 unless they are the last
   * @param k columns of {@code gate} and of {@code up}
   * @param x [m, k], packed
   * @param xOffset bytes from the start of {@code x} to its first element
   * @param m rows of {@code x}
   * @param first column of {@code out} that the first row of {@code gate} makes; a multiple of 32
   * @param outCols columns of {@code out}, at least {@code first + n}
   * @param out [m, outCols], packed, of which {@code n} columns are written
   * @param outOffset bytes from the start of {@code out} to its first element
   * @param scratch {@link #GEMM_SCRATCH} bytes to work in, overwritten
   * @throws IllegalArgumentException if a size is out of range or no multiple of 32 where it has to
   *     be, a stride is smaller than a row, or a segment is on the heap, read-only though written,
   *     or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void siluMulGemmBf16(
      MemorySegment gate,
      long gateOffset,
      MemorySegment up,
      long upOffset,
      long wStride,
      long n,
      long k,
      MemorySegment x,
      long xOffset,
      long m,
      long first,
      long outCols,
      MemorySegment out,
      long outOffset,
      MemorySegment scratch) {
    NativeLibraries.load();
    Checks.size("n", n);
    Checks.size("k", k);
    Checks.size("m", m);
    Checks.size("first", first);
    Checks.size("outCols", outCols);
    gatedColumns(first, n, outCols);
    long xBytes = packedBytes(m, k);
    long outBytes = packedBytes(m, outCols);
    long gateAt = Checks.matrix("gate", gate, gateOffset, n, k, wStride, 1);
    long upAt = Checks.matrix("up", up, upOffset, n, k, wStride, 1);
    long xAt = Checks.words("x", x, xOffset, 1, xBytes / 4, xBytes / 4);
    long outAt = Checks.writableBytes("out", out, outOffset, outBytes);
    long scratchAt = Checks.writableBytes("scratch", scratch, 0, GEMM_SCRATCH);
    notIn("out", outAt, 1, outBytes, outBytes, "gate", gateAt, n, k * 2, wStride * 2, xAt, xBytes);
    notIn("out", outAt, 1, outBytes, outBytes, "up", upAt, n, k * 2, wStride * 2, xAt, xBytes);
    long size = GEMM_SCRATCH;
    notIn("scratch", scratchAt, 1, size, size, "gate", gateAt, n, k * 2, wStride * 2, xAt, xBytes);
    notIn("scratch", scratchAt, 1, size, size, "up", upAt, n, k * 2, wStride * 2, xAt, xBytes);
    Checks.disjoint("scratch", scratchAt, 1, size, size, "out", outAt, 1, outBytes, outBytes);
    if (Checks.nothing(m, n)) {
      return;
    }
    try {
      Handles.SiluMulGemmBf16.HANDLE.invokeExact(
          gate.asSlice(gateOffset),
          up.asSlice(upOffset),
          wStride,
          n,
          k,
          x.asSlice(xOffset),
          m,
          first,
          outCols,
          out.asSlice(outOffset),
          scratch);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
  }

  /**
   * As {@link #siluMulGemmBf16}, of groups of rows, each with matrices of its own, as experts have:
   * the rows {@code starts[g] <= i < starts[g + 1]} of group {@code g}. Fast on tiers with a matrix
   * unit only.
   *
   * <p>Contract: {@code gk_silu_mul_gemm_grouped_bf16} in gk_gemm.h.
   *
   * @param gate [groups, n, k] bfloat16, at any byte offset
   * @param gateOffset bytes from the start of {@code gate} to its first element
   * @param up [groups, n, k] bfloat16, at any byte offset
   * @param upOffset bytes from the start of {@code up} to its first element
   * @param wStride elements from one row of {@code gate}, and of {@code up}, to the next
   * @param wGroup elements from one group to the next, in both
   * @param n rows of each matrix; a multiple of 32 unless they are the last
   * @param k columns of each matrix
   * @param x packed, group after group, each filled up to a multiple of 16 rows
   * @param xOffset bytes from the start of {@code x} to its first element
   * @param groups how many
   * @param starts int [groups + 1], contiguous and ascending: the first row of each group, and the
   *     end of the last; their differences count
   * @param startsOffset bytes from the start of {@code starts} to its first element
   * @param first column of {@code out} that the first row of {@code gate} makes; a multiple of 32
   * @param outCols columns of {@code out}, at least {@code first + n}
   * @param out packed as {@code x} is, of which {@code n} columns are written
   * @param outOffset bytes from the start of {@code out} to its first element
   * @param scratch {@link #GEMM_SCRATCH} bytes to work in, overwritten
   * @throws IllegalArgumentException if a size is out of range or no multiple of 32 where it has to
   *     be, {@code starts} descends, a stride is smaller than a row or a matrix, or a segment is on
   *     the heap, read-only though written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment, or a start is
   *     negative
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void siluMulGemmGroupedBf16(
      MemorySegment gate,
      long gateOffset,
      MemorySegment up,
      long upOffset,
      long wStride,
      long wGroup,
      long n,
      long k,
      MemorySegment x,
      long xOffset,
      long groups,
      MemorySegment starts,
      long startsOffset,
      long first,
      long outCols,
      MemorySegment out,
      long outOffset,
      MemorySegment scratch) {
    NativeLibraries.load();
    Checks.size("n", n);
    Checks.size("k", k);
    Checks.size("groups", groups);
    Checks.size("first", first);
    Checks.size("outCols", outCols);
    gatedColumns(first, n, outCols);
    long startsAt = Checks.starts("starts", starts, startsOffset, groups, Integer.MAX_VALUE);
    long packedRows = Checks.packedRows(starts, startsOffset, groups);
    long xBytes = packedBytes(packedRows, k);
    long outBytes = packedBytes(packedRows, outCols);
    long gateAt =
        Checks.matrices("gate", gate, gateOffset, groups, n, k, wStride, "wGroup", wGroup);
    long upAt = Checks.matrices("up", up, upOffset, groups, n, k, wStride, "wGroup", wGroup);
    long bytes = Checks.matrixSpan(groups, Checks.matrixSpan(n, k, wStride), wGroup) * 2;
    long xAt = Checks.words("x", x, xOffset, 1, xBytes / 4, xBytes / 4);
    long outAt = Checks.writableBytes("out", out, outOffset, outBytes);
    long scratchAt = Checks.writableBytes("scratch", scratch, 0, GEMM_SCRATCH);
    notIn("out", outAt, 1, outBytes, outBytes, "gate", gateAt, 1, bytes, bytes, xAt, xBytes);
    notIn("out", outAt, 1, outBytes, outBytes, "up", upAt, 1, bytes, bytes, xAt, xBytes);
    long size = GEMM_SCRATCH;
    notIn("scratch", scratchAt, 1, size, size, "gate", gateAt, 1, bytes, bytes, xAt, xBytes);
    notIn("scratch", scratchAt, 1, size, size, "up", upAt, 1, bytes, bytes, xAt, xBytes);
    Checks.disjoint("scratch", scratchAt, 1, size, size, "out", outAt, 1, outBytes, outBytes);
    list("starts", startsAt, groups + 1, "out", outAt, 1, outBytes, outBytes, scratchAt);
    if (Checks.nothing(packedRows, n)) {
      return;
    }
    try {
      Handles.SiluMulGemmGroupedBf16.HANDLE.invokeExact(
          gate.asSlice(gateOffset),
          up.asSlice(upOffset),
          wStride,
          wGroup,
          n,
          k,
          x.asSlice(xOffset),
          groups,
          starts.asSlice(startsOffset),
          first,
          outCols,
          out.asSlice(outOffset),
          scratch);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
  }

  /**
   * The gate of a SwiGLU feed-forward: {@code out[r,c] = silu(gate[r,c]) * up[r,c]} with {@code
   * silu(z) = z / (1 + exp(-z))}.
   *
   * <p>Contract: {@code gk_silu_mul_f32} in gk_silu_mul.h. {@code out} may be {@code gate}, or
   * {@code up}, with the same stride.
   *
   * @param gate float [rows, cols]
   * @param gateOffset bytes from the start of {@code gate} to its first element
   * @param gateStride elements from one row to the next
   * @param up float [rows, cols]
   * @param upOffset bytes from the start of {@code up} to its first element
   * @param upStride elements from one row to the next
   * @param rows number of rows
   * @param cols elements of a row
   * @param out float [rows, cols]
   * @param outOffset bytes from the start of {@code out} to its first element
   * @param outStride elements from one row to the next
   * @throws IllegalArgumentException if a size is out of range, a stride is smaller than a row, or
   *     a segment is on the heap, misaligned, read-only though written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void siluMul(
      MemorySegment gate,
      long gateOffset,
      long gateStride,
      MemorySegment up,
      long upOffset,
      long upStride,
      long rows,
      long cols,
      MemorySegment out,
      long outOffset,
      long outStride) {
    NativeLibraries.load();
    Checks.size("rows", rows);
    Checks.size("cols", cols);
    long gateAt = Checks.words("gate", gate, gateOffset, rows, cols, gateStride);
    long upAt = Checks.words("up", up, upOffset, rows, cols, upStride);
    long outAt = Checks.writableWords("out", out, outOffset, rows, cols, outStride);
    Checks.sameOrDisjoint(
        "out", outAt, outStride * 4, "gate", gateAt, gateStride * 4, rows, cols * 4);
    Checks.sameOrDisjoint("out", outAt, outStride * 4, "up", upAt, upStride * 4, rows, cols * 4);
    if (Checks.nothing(rows, cols)) {
      return;
    }
    try {
      Handles.SiluMulF32.HANDLE.invokeExact(
          gate.asSlice(gateOffset),
          gateStride,
          up.asSlice(upOffset),
          upStride,
          rows,
          cols,
          out.asSlice(outOffset),
          outStride);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
  }

  /**
   * {@code out[r,c] = activation(gate[r,c]) * up[r,c]} for activations other than SiLU.
   *
   * <p>Contract: {@code gk_act_mul_f32} in gk_act_mul.h. {@code out} may be {@code gate}, or {@code
   * up}, with the same stride.
   *
   * @param activation {@link #GELU}, {@link #GELU_TANH}, {@link #QUICK_GELU}, {@link #RELU} or
   *     {@link #RELU2}
   * @param gate float [rows, cols]
   * @param gateOffset bytes from the start of {@code gate} to its first element
   * @param gateStride elements from one row to the next
   * @param up float [rows, cols]
   * @param upOffset bytes from the start of {@code up} to its first element
   * @param upStride elements from one row to the next
   * @param rows number of rows
   * @param cols elements of a row
   * @param out float [rows, cols]
   * @param outOffset bytes from the start of {@code out} to its first element
   * @param outStride elements from one row to the next
   * @throws IllegalArgumentException if {@code activation} is another one, a size is out of range,
   *     a stride is smaller than a row, or a segment is on the heap, misaligned, read-only though
   *     written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void actMul(
      int activation,
      MemorySegment gate,
      long gateOffset,
      long gateStride,
      MemorySegment up,
      long upOffset,
      long upStride,
      long rows,
      long cols,
      MemorySegment out,
      long outOffset,
      long outStride) {
    NativeLibraries.load();
    knownActivation(activation);
    Checks.size("rows", rows);
    Checks.size("cols", cols);
    long gateAt = Checks.words("gate", gate, gateOffset, rows, cols, gateStride);
    long upAt = Checks.words("up", up, upOffset, rows, cols, upStride);
    long outAt = Checks.writableWords("out", out, outOffset, rows, cols, outStride);
    Checks.sameOrDisjoint(
        "out", outAt, outStride * 4, "gate", gateAt, gateStride * 4, rows, cols * 4);
    Checks.sameOrDisjoint("out", outAt, outStride * 4, "up", upAt, upStride * 4, rows, cols * 4);
    if (Checks.nothing(rows, cols)) {
      return;
    }
    int status;
    try {
      status =
          (int)
              Handles.ActMulF32.HANDLE.invokeExact(
                  activation,
                  gate.asSlice(gateOffset),
                  gateStride,
                  up.asSlice(upOffset),
                  upStride,
                  rows,
                  cols,
                  out.asSlice(outOffset),
                  outStride);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
    if (status != OK) {
      throw refused("actMul", status, "activation " + activation);
    }
  }

  /**
   * Routing of a mixture of experts: the columns of the {@code k} largest logits of each row,
   * largest first, and the softmax over those alone.
   *
   * <p>Contract: {@code gk_top_k_softmax_f32} in gk_top_k.h. The ids of a row are always different
   * and in range, whatever the logits.
   *
   * @param logits float [rows, experts]
   * @param logitsOffset bytes from the start of {@code logits} to its first element
   * @param logitsStride elements from one row to the next
   * @param rows number of rows
   * @param experts columns of {@code logits}, 1 to 2^31 - 1, as ids are ints
   * @param k how many to choose, 1 to {@code experts}
   * @param ids written: int [rows, k], contiguous
   * @param idsOffset bytes from the start of {@code ids} to its first element
   * @param weights written: float [rows, k], contiguous
   * @param weightsOffset bytes from the start of {@code weights} to its first element
   * @throws IllegalArgumentException if {@code k} is not in [1, experts], a size is out of range, a
   *     stride is smaller than a row, or a segment is on the heap, misaligned, read-only though
   *     written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void topKSoftmax(
      MemorySegment logits,
      long logitsOffset,
      long logitsStride,
      long rows,
      long experts,
      long k,
      MemorySegment ids,
      long idsOffset,
      MemorySegment weights,
      long weightsOffset) {
    NativeLibraries.load();
    Checks.size("rows", rows);
    Checks.inInt("experts", experts, 1);
    if (k < 1 || k > experts) {
      throw new IllegalArgumentException(
          "k: " + k + " is not in [1, " + experts + "], the experts");
    }
    long logitsAt = Checks.words("logits", logits, logitsOffset, rows, experts, logitsStride);
    long idsAt = Checks.writableWords("ids", ids, idsOffset, rows, k, k);
    long weightsAt = Checks.writableWords("weights", weights, weightsOffset, rows, k, k);
    Checks.disjoint(
        "ids", idsAt, rows, k * 4, k * 4, "logits", logitsAt, rows, experts * 4, logitsStride * 4);
    Checks.disjoint(
        "weights",
        weightsAt,
        rows,
        k * 4,
        k * 4,
        "logits",
        logitsAt,
        rows,
        experts * 4,
        logitsStride * 4);
    Checks.disjoint("weights", weightsAt, rows, k * 4, k * 4, "ids", idsAt, rows, k * 4, k * 4);
    int status;
    try {
      status =
          (int)
              Handles.TopKSoftmaxF32.HANDLE.invokeExact(
                  logits.asSlice(logitsOffset),
                  logitsStride,
                  rows,
                  experts,
                  k,
                  ids.asSlice(idsOffset),
                  weights.asSlice(weightsOffset));
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
    if (status != OK) {
      throw refused("topKSoftmax", status, "k " + k + " of " + experts);
    }
  }

  /**
   * Causal attention of the query heads that share one key/value head, over its cache: {@code
   * out[r,h] = softmax_j(scale * q[r,h] . k[j]) v[j]} over the keys {@code j <= past + r} that the
   * mask does not hide.
   *
   * <p>Contract: {@code gk_attention_f32} in gk_attention.h. A row that sees no key gives zeros.
   *
   * @param q float [rows, heads, headDim]
   * @param qOffset bytes from the start of {@code q} to its first element
   * @param qStride elements from one row to the next; heads are headDim apart
   * @param heads query heads of this key/value head, at least 1
   * @param rows number of rows, which are the last positions
   * @param k [past + rows, headDim] of {@code dtype}, at any byte offset, the rows' own keys
   *     included
   * @param kOffset bytes from the start of {@code k} to its first element
   * @param v [past + rows, headDim] of {@code dtype}, at any byte offset, the rows' own values
   *     included
   * @param vOffset bytes from the start of {@code v} to its first element
   * @param dtype element type of the cache: {@link #F32} or {@link #BF16}
   * @param kvStride elements from one row of {@code k}, and of {@code v}, to the next
   * @param past keys before the first row's own
   * @param keyMask [past + rows] bytes, 0 hides a key from all rows; null hides none
   * @param keyMaskOffset bytes from the start of {@code keyMask} to its first element; not used if
   *     that is null
   * @param headDim elements of a head
   * @param scale factor of the scores
   * @param out float [rows, heads, headDim]
   * @param outOffset bytes from the start of {@code out} to its first element
   * @param outStride elements from one row to the next; heads are headDim apart
   * @throws IllegalArgumentException if {@code dtype} is another one, a size is out of range, a
   *     stride is smaller than a row, or a segment is on the heap, misaligned, read-only though
   *     written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void attention(
      MemorySegment q,
      long qOffset,
      long qStride,
      long heads,
      long rows,
      MemorySegment k,
      long kOffset,
      MemorySegment v,
      long vOffset,
      int dtype,
      long kvStride,
      long past,
      MemorySegment keyMask,
      long keyMaskOffset,
      long headDim,
      float scale,
      MemorySegment out,
      long outOffset,
      long outStride) {
    attention(
        false,
        q,
        qOffset,
        qStride,
        heads,
        rows,
        k,
        kOffset,
        v,
        vOffset,
        dtype,
        kvStride,
        past,
        keyMask,
        keyMaskOffset,
        headDim,
        scale,
        out,
        outOffset,
        outStride);
  }

  /**
   * Causal attention of the query heads that share one key/value head, over its cache: {@code
   * out[r,h] = softmax_j(scale * q[r,h] . k[j]) v[j]} over the keys {@code j <= past + r} that the
   * mask does not hide.
   *
   * <p>Contract: {@code gk_attention_bf16} in gk_attention.h. As {@link #attention}, but for many
   * rows, and a tier with a matrix unit rounds the operands to bfloat16 on their way into it.
   *
   * @param q float [rows, heads, headDim]
   * @param qOffset bytes from the start of {@code q} to its first element
   * @param qStride elements from one row to the next; heads are headDim apart
   * @param heads query heads of this key/value head, at least 1
   * @param rows number of rows, which are the last positions
   * @param k [past + rows, headDim] of {@code dtype}, at any byte offset, the rows' own keys
   *     included
   * @param kOffset bytes from the start of {@code k} to its first element
   * @param v [past + rows, headDim] of {@code dtype}, at any byte offset, the rows' own values
   *     included
   * @param vOffset bytes from the start of {@code v} to its first element
   * @param dtype element type of the cache: {@link #F32} or {@link #BF16}
   * @param kvStride elements from one row of {@code k}, and of {@code v}, to the next
   * @param past keys before the first row's own
   * @param keyMask [past + rows] bytes, 0 hides a key from all rows; null hides none
   * @param keyMaskOffset bytes from the start of {@code keyMask} to its first element; not used if
   *     that is null
   * @param headDim elements of a head
   * @param scale factor of the scores
   * @param out float [rows, heads, headDim]
   * @param outOffset bytes from the start of {@code out} to its first element
   * @param outStride elements from one row to the next; heads are headDim apart
   * @throws IllegalArgumentException if {@code dtype} is another one, a size is out of range, a
   *     stride is smaller than a row, or a segment is on the heap, misaligned, read-only though
   *     written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void attentionBf16(
      MemorySegment q,
      long qOffset,
      long qStride,
      long heads,
      long rows,
      MemorySegment k,
      long kOffset,
      MemorySegment v,
      long vOffset,
      int dtype,
      long kvStride,
      long past,
      MemorySegment keyMask,
      long keyMaskOffset,
      long headDim,
      float scale,
      MemorySegment out,
      long outOffset,
      long outStride) {
    attention(
        true,
        q,
        qOffset,
        qStride,
        heads,
        rows,
        k,
        kOffset,
        v,
        vOffset,
        dtype,
        kvStride,
        past,
        keyMask,
        keyMaskOffset,
        headDim,
        scale,
        out,
        outOffset,
        outStride);
  }

  private static void attention(
      boolean rounded,
      MemorySegment q,
      long qOffset,
      long qStride,
      long heads,
      long rows,
      MemorySegment k,
      long kOffset,
      MemorySegment v,
      long vOffset,
      int dtype,
      long kvStride,
      long past,
      MemorySegment keyMask,
      long keyMaskOffset,
      long headDim,
      float scale,
      MemorySegment out,
      long outOffset,
      long outStride) {
    NativeLibraries.load();
    int shift = cacheShift("dtype", dtype);
    Checks.positive("heads", heads);
    Checks.size("rows", rows);
    Checks.size("past", past);
    Checks.size("headDim", headDim);
    long keys = Checks.size("past + rows", past + rows);
    long cols = Checks.product("heads * headDim", heads, headDim);
    long qAt = Checks.words("q", q, qOffset, rows, cols, qStride);
    long kAt = Checks.matrix("k", k, kOffset, keys, headDim, kvStride, shift);
    long vAt = Checks.matrix("v", v, vOffset, keys, headDim, kvStride, shift);
    long outAt = Checks.writableWords("out", out, outOffset, rows, cols, outStride);
    Checks.disjoint(
        "out", outAt, rows, cols * 4, outStride * 4, "q", qAt, rows, cols * 4, qStride * 4);
    Checks.disjoint(
        "out",
        outAt,
        rows,
        cols * 4,
        outStride * 4,
        "k",
        kAt,
        keys,
        headDim << shift,
        kvStride << shift);
    Checks.disjoint(
        "out",
        outAt,
        rows,
        cols * 4,
        outStride * 4,
        "v",
        vAt,
        keys,
        headDim << shift,
        kvStride << shift);
    if (keyMask != null) {
      long maskAt = Checks.matrix("keyMask", keyMask, keyMaskOffset, 1, keys, keys, 0);
      Checks.disjoint(
          "out", outAt, rows, cols * 4, outStride * 4, "keyMask", maskAt, 1, keys, keys);
    }
    if (Checks.nothing(rows, headDim)) {
      return;
    }
    MemorySegment mask = keyMask == null ? MemorySegment.NULL : keyMask.asSlice(keyMaskOffset);
    int status;
    try {
      if (rounded) {
        status =
            (int)
                Handles.AttentionBf16.HANDLE.invokeExact(
                    q.asSlice(qOffset),
                    qStride,
                    heads,
                    rows,
                    k.asSlice(kOffset),
                    v.asSlice(vOffset),
                    dtype,
                    kvStride,
                    past,
                    mask,
                    headDim,
                    scale,
                    out.asSlice(outOffset),
                    outStride);
      } else {
        status =
            (int)
                Handles.AttentionF32.HANDLE.invokeExact(
                    q.asSlice(qOffset),
                    qStride,
                    heads,
                    rows,
                    k.asSlice(kOffset),
                    v.asSlice(vOffset),
                    dtype,
                    kvStride,
                    past,
                    mask,
                    headDim,
                    scale,
                    out.asSlice(outOffset),
                    outStride);
      }
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
    if (status != OK) {
      throw refused("attention", status, "dtype " + dtype);
    }
  }

  /**
   * The probabilities of {@link #attention} themselves. Element {@code (r, h, j)} goes to {@code
   * p[h * pHeadStride + r * (past + rows) + j]}; it is 0 where key {@code j} is hidden from row
   * {@code r}.
   *
   * <p>Contract: {@code gk_attention_probs_f32} in gk_attention.h.
   *
   * @param q float [rows, heads, headDim]
   * @param qOffset bytes from the start of {@code q} to its first element
   * @param qStride elements from one row to the next; heads are headDim apart
   * @param heads query heads of this key/value head, at least 1
   * @param rows number of rows, which are the last positions
   * @param k [past + rows, headDim] of {@code dtype}, at any byte offset, the rows' own keys
   *     included
   * @param kOffset bytes from the start of {@code k} to its first element
   * @param dtype element type of the cache: {@link #F32} or {@link #BF16}
   * @param kvStride elements from one row of {@code k} to the next
   * @param past keys before the first row's own
   * @param keyMask [past + rows] bytes, 0 hides a key from all rows; null hides none
   * @param keyMaskOffset bytes from the start of {@code keyMask} to its first element; not used if
   *     that is null
   * @param headDim elements of a head
   * @param scale factor of the scores
   * @param p written: float [heads, rows, past + rows]
   * @param pOffset bytes from the start of {@code p} to its first element
   * @param pHeadStride elements from one head of {@code p} to the next
   * @throws IllegalArgumentException if {@code dtype} is another one, a size is out of range, a
   *     stride is smaller than a row, or a segment is on the heap, misaligned, read-only though
   *     written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void attentionProbs(
      MemorySegment q,
      long qOffset,
      long qStride,
      long heads,
      long rows,
      MemorySegment k,
      long kOffset,
      int dtype,
      long kvStride,
      long past,
      MemorySegment keyMask,
      long keyMaskOffset,
      long headDim,
      float scale,
      MemorySegment p,
      long pOffset,
      long pHeadStride) {
    NativeLibraries.load();
    int shift = cacheShift("dtype", dtype);
    Checks.positive("heads", heads);
    Checks.size("rows", rows);
    Checks.size("past", past);
    Checks.size("headDim", headDim);
    long keys = Checks.size("past + rows", past + rows);
    long cols = Checks.product("heads * headDim", heads, headDim);
    long pCols = Checks.product("rows * (past + rows)", rows, keys);
    long qAt = Checks.words("q", q, qOffset, rows, cols, qStride);
    long kAt = Checks.matrix("k", k, kOffset, keys, headDim, kvStride, shift);
    long pAt = Checks.writableWords("p", p, pOffset, heads, pCols, pHeadStride);
    Checks.disjoint(
        "p", pAt, heads, pCols * 4, pHeadStride * 4, "q", qAt, rows, cols * 4, qStride * 4);
    Checks.disjoint(
        "p",
        pAt,
        heads,
        pCols * 4,
        pHeadStride * 4,
        "k",
        kAt,
        keys,
        headDim << shift,
        kvStride << shift);
    if (keyMask != null) {
      long maskAt = Checks.matrix("keyMask", keyMask, keyMaskOffset, 1, keys, keys, 0);
      Checks.disjoint(
          "p", pAt, heads, pCols * 4, pHeadStride * 4, "keyMask", maskAt, 1, keys, keys);
    }
    if (Checks.nothing(rows, heads)) {
      return;
    }
    MemorySegment mask = keyMask == null ? MemorySegment.NULL : keyMask.asSlice(keyMaskOffset);
    int status;
    try {
      status =
          (int)
              Handles.AttentionProbsF32.HANDLE.invokeExact(
                  q.asSlice(qOffset),
                  qStride,
                  heads,
                  rows,
                  k.asSlice(kOffset),
                  dtype,
                  kvStride,
                  past,
                  mask,
                  headDim,
                  scale,
                  p.asSlice(pOffset),
                  pHeadStride);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
    if (status != OK) {
      throw refused("attentionProbs", status, "dtype " + dtype);
    }
  }

  /**
   * Embedding lookup: {@code out[r,c] = multiplier * table[ids[r], c]}.
   *
   * <p>Contract: {@code gk_embed} in gk_embed.h.
   *
   * @param table [vocab, cols] of {@code dtype}, at any byte offset
   * @param tableOffset bytes from the start of {@code table} to its first element
   * @param dtype element type of {@code table}: {@link #F32}, {@link #F16} or {@link #BF16}
   * @param tableStride elements from one row to the next
   * @param vocab rows of {@code table}
   * @param ids int [rows], contiguous
   * @param idsOffset bytes from the start of {@code ids} to its first element
   * @param rows number of rows
   * @param cols elements of a row
   * @param multiplier factor of every element
   * @param out float [rows, cols]
   * @param outOffset bytes from the start of {@code out} to its first element
   * @param outStride elements from one row to the next
   * @throws IllegalArgumentException if {@code dtype} is another one, a size is out of range, a
   *     stride is smaller than a row, or a segment is on the heap, misaligned, read-only though
   *     written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an id is not in [0, vocab), or an operand does not fit
   *     into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void embed(
      MemorySegment table,
      long tableOffset,
      int dtype,
      long tableStride,
      long vocab,
      MemorySegment ids,
      long idsOffset,
      long rows,
      long cols,
      float multiplier,
      MemorySegment out,
      long outOffset,
      long outStride) {
    NativeLibraries.load();
    int shift = shift(dtype);
    Checks.size("vocab", vocab);
    Checks.size("rows", rows);
    Checks.size("cols", cols);
    long tableAt = Checks.matrix("table", table, tableOffset, vocab, cols, tableStride, shift);
    long idsAt = Checks.words("ids", ids, idsOffset, 1, rows, rows);
    long outAt = Checks.writableWords("out", out, outOffset, rows, cols, outStride);
    Checks.disjoint(
        "out",
        outAt,
        rows,
        cols * 4,
        outStride * 4,
        "table",
        tableAt,
        vocab,
        cols << shift,
        tableStride << shift);
    Checks.disjoint(
        "out", outAt, rows, cols * 4, outStride * 4, "ids", idsAt, 1, rows * 4, rows * 4);
    int status;
    try {
      status =
          (int)
              Handles.Embed.HANDLE.invokeExact(
                  table.asSlice(tableOffset),
                  dtype,
                  tableStride,
                  vocab,
                  ids.asSlice(idsOffset),
                  rows,
                  cols,
                  multiplier,
                  out.asSlice(outOffset),
                  outStride);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
    if (status != OK) {
      throw status == INDEX
          ? badId(ids, idsOffset, rows, vocab)
          : refused("embed", status, "dtype " + dtype);
    }
  }

  /**
   * Widens a panel of a weight matrix to float, exactly: {@code dst[r,c] = (float) src[r,c]}.
   *
   * <p>Contract: {@code gk_widen_f32} in gk_widen.h.
   *
   * @param src [rows, cols] of {@code dtype}, at any byte offset
   * @param srcOffset bytes from the start of {@code src} to its first element
   * @param dtype element type of {@code src}: {@link #F32}, {@link #F16} or {@link #BF16}
   * @param srcStride elements from one row to the next
   * @param rows number of rows
   * @param cols elements of a row
   * @param dst written: float [rows, cols]
   * @param dstOffset bytes from the start of {@code dst} to its first element
   * @param dstStride elements from one row to the next
   * @throws IllegalArgumentException if {@code dtype} is another one, a size is out of range, a
   *     stride is smaller than a row, or a segment is on the heap, misaligned, read-only though
   *     written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void widen(
      MemorySegment src,
      long srcOffset,
      int dtype,
      long srcStride,
      long rows,
      long cols,
      MemorySegment dst,
      long dstOffset,
      long dstStride) {
    NativeLibraries.load();
    int shift = shift(dtype);
    Checks.size("rows", rows);
    Checks.size("cols", cols);
    long srcAt = Checks.matrix("src", src, srcOffset, rows, cols, srcStride, shift);
    long dstAt = Checks.writableWords("dst", dst, dstOffset, rows, cols, dstStride);
    Checks.disjoint(
        "dst",
        dstAt,
        rows,
        cols * 4,
        dstStride * 4,
        "src",
        srcAt,
        rows,
        cols << shift,
        srcStride << shift);
    if (Checks.nothing(rows, cols)) {
      return;
    }
    int status;
    try {
      status =
          (int)
              Handles.WidenF32.HANDLE.invokeExact(
                  src.asSlice(srcOffset),
                  dtype,
                  srcStride,
                  rows,
                  cols,
                  dst.asSlice(dstOffset),
                  dstStride);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
    if (status != OK) {
      throw refused("widen", status, "dtype " + dtype);
    }
  }

  /**
   * Stores rows of float in the type of a cache: {@code dst[r,c] = (dtype) src[r,c]}, bfloat16
   * rounded to nearest, ties to even.
   *
   * <p>Contract: {@code gk_narrow} in gk_narrow.h.
   *
   * @param src float [rows, cols]
   * @param srcOffset bytes from the start of {@code src} to its first element
   * @param srcStride elements from one row to the next
   * @param rows number of rows
   * @param cols elements of a row
   * @param dst written: [rows, cols] of {@code dtype}, at any byte offset
   * @param dstOffset bytes from the start of {@code dst} to its first element
   * @param dtype element type of {@code dst}: {@link #F32} or {@link #BF16}
   * @param dstStride elements from one row to the next
   * @throws IllegalArgumentException if {@code dtype} is another one, a size is out of range, a
   *     stride is smaller than a row, or a segment is on the heap, misaligned, read-only though
   *     written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void narrow(
      MemorySegment src,
      long srcOffset,
      long srcStride,
      long rows,
      long cols,
      MemorySegment dst,
      long dstOffset,
      int dtype,
      long dstStride) {
    NativeLibraries.load();
    int shift = cacheShift("dtype", dtype);
    Checks.size("rows", rows);
    Checks.size("cols", cols);
    long srcAt = Checks.words("src", src, srcOffset, rows, cols, srcStride);
    long dstAt = Checks.writableMatrix("dst", dst, dstOffset, rows, cols, dstStride, shift);
    Checks.disjoint(
        "dst",
        dstAt,
        rows,
        cols << shift,
        dstStride << shift,
        "src",
        srcAt,
        rows,
        cols * 4,
        srcStride * 4);
    if (Checks.nothing(rows, cols)) {
      return;
    }
    int status;
    try {
      status =
          (int)
              Handles.Narrow.HANDLE.invokeExact(
                  src.asSlice(srcOffset),
                  srcStride,
                  rows,
                  cols,
                  dst.asSlice(dstOffset),
                  dtype,
                  dstStride);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
    if (status != OK) {
      throw refused("narrow", status, "dtype " + dtype);
    }
  }

  /**
   * Reads every byte once, as fast as loads go, to measure the machine's read bandwidth.
   *
   * <p>Contract: {@code gk_probe_read} in gk_probe.h.
   *
   * @param data bytes, at any offset
   * @param dataOffset bytes from the start of {@code data} to its first element
   * @param bytes how many to read
   * @return the exclusive or of all 8-byte words, a last partial one padded with zeros
   * @throws IllegalArgumentException if {@code bytes} is negative or {@code data} is on the heap
   * @throws IndexOutOfBoundsException if {@code data} holds fewer bytes
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static long probeRead(MemorySegment data, long dataOffset, long bytes) {
    NativeLibraries.load();
    Checks.size("bytes", bytes);
    Checks.matrix("data", data, dataOffset, 1, bytes, bytes, 0);
    try {
      return (long) Handles.ProbeRead.HANDLE.invokeExact(data.asSlice(dataOffset), bytes);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
  }

  /**
   * Multiply-adds on registers alone, to measure the peak of the active tier's float unit.
   *
   * <p>Contract: {@code gk_probe_fma_f32} in gk_probe.h.
   *
   * @param iterations how often to go round, less than 2^31
   * @return the floating-point operations done; a multiply-add counts two
   * @throws IllegalArgumentException if {@code iterations} is out of range
   */
  public static long probeFma(long iterations) {
    NativeLibraries.load();
    Checks.inInt("iterations", iterations, 0);
    try (Arena arena = Arena.ofConfined()) {
      return gk_probe_fma_f32(iterations, arena.allocate(ValueLayout.JAVA_FLOAT));
    }
  }

  /**
   * As {@link #probeFma}, for the unit that multiplies bfloat16 matrices.
   *
   * <p>Contract: {@code gk_probe_bf16} in gk_probe.h.
   *
   * @param iterations how often to go round, less than 2^31
   * @return the floating-point operations done, 0 where the active tier has no such unit
   * @throws IllegalArgumentException if {@code iterations} is out of range
   */
  public static long probeBf16(long iterations) {
    NativeLibraries.load();
    Checks.inInt("iterations", iterations, 0);
    try (Arena arena = Arena.ofConfined()) {
      return gk_probe_bf16(iterations, arena.allocate(ValueLayout.JAVA_FLOAT));
    }
  }

  /** The base-2 logarithm of the bytes of an element. */
  private static int shift(int dtype) {
    if (dtype == BF16 || dtype == F16) {
      return 1;
    }
    if (dtype != F32) {
      throw new IllegalArgumentException(
          "dtype: %d is none of F32 (%d), F16 (%d), BF16 (%d)".formatted(dtype, F32, F16, BF16));
    }
    return 2;
  }

  /** As {@link #shift}, of what a cache can hold. */
  private static int cacheShift(String name, int dtype) {
    if (dtype != F32 && dtype != BF16) {
      throw new IllegalArgumentException(
          "%s: %d is neither F32 (%d) nor BF16 (%d)".formatted(name, dtype, F32, BF16));
    }
    return dtype == F32 ? 2 : 1;
  }

  private static void knownActivation(int activation) {
    if (activation != GELU
        && activation != GELU_TANH
        && activation != QUICK_GELU
        && activation != RELU
        && activation != RELU2) {
      throw new IllegalArgumentException(
          "activation: %d is none of GELU (%d), GELU_TANH (%d), QUICK_GELU (%d), RELU (%d), RELU2 (%d)"
              .formatted(activation, GELU, GELU_TANH, QUICK_GELU, RELU, RELU2));
    }
  }

  private static IllegalArgumentException refused(String kernel, int status, String operands) {
    return new IllegalArgumentException(
        "%s: refused %s (status %d)".formatted(kernel, operands, status));
  }

  private static IndexOutOfBoundsException badId(
      MemorySegment ids, long idsOffset, long rows, long vocab) {
    for (long r = 0; r < rows; r++) {
      int id = ids.get(ValueLayout.JAVA_INT, idsOffset + r * 4);
      if (id < 0 || id >= vocab) {
        return new IndexOutOfBoundsException(
            "ids: element %d is %d, not in [0, %d)".formatted(r, id, vocab));
      }
    }
    return new IndexOutOfBoundsException("ids: an element is not in [0, %d)".formatted(vocab));
  }
}
