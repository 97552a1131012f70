package org.graniteffm.bench.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.graniteffm.runtime.tensor.DType;

/**
 * The kernels as plain loops in Java over contiguous operands: what one gets without native code,
 * and without effort.
 */
final class PlainJava {
  private PlainJava() {}

  private static float get(MemorySegment memory, long offset, long index) {
    return memory.get(JAVA_FLOAT_UNALIGNED, offset + index * Float.BYTES);
  }

  private static float get(MemorySegment memory, long index) {
    return memory.getAtIndex(JAVA_FLOAT_UNALIGNED, index);
  }

  private static void set(MemorySegment memory, long index, float value) {
    memory.setAtIndex(JAVA_FLOAT_UNALIGNED, index, value);
  }

  private static float bfloat16(short bits) {
    return Float.intBitsToFloat(bits << 16);
  }

  /** {@code y[i,j] = Σ_c x[i,c] * w[j,c]}, with a loop for each type as in the kernels. */
  static void gemv(
      DType dtype,
      MemorySegment w,
      long wOffset,
      long n,
      long k,
      MemorySegment x,
      long m,
      MemorySegment y) {
    for (long i = 0; i < m; i++) {
      for (long j = 0; j < n; j++) {
        long row = wOffset + j * k * dtype.byteSize();
        set(
            y,
            i * n + j,
            switch (dtype) {
              case F32 -> dotF32(w, row, x, i * k, k);
              case F16 -> dotF16(w, row, x, i * k, k);
              case BF16 -> dotBf16(w, row, x, i * k, k);
              default ->
                  throw new IllegalArgumentException("dtype: " + dtype + " is no weight type");
            });
      }
    }
  }

  private static float dotF32(MemorySegment w, long row, MemorySegment x, long at, long k) {
    float sum = 0;
    for (long c = 0; c < k; c++) {
      sum += get(w, row, c) * get(x, at + c);
    }
    return sum;
  }

  private static float dotF16(MemorySegment w, long row, MemorySegment x, long at, long k) {
    float sum = 0;
    for (long c = 0; c < k; c++) {
      short bits = w.get(JAVA_SHORT_UNALIGNED, row + c * Short.BYTES);
      sum += Float.float16ToFloat(bits) * get(x, at + c);
    }
    return sum;
  }

  private static float dotBf16(MemorySegment w, long row, MemorySegment x, long at, long k) {
    float sum = 0;
    for (long c = 0; c < k; c++) {
      sum += bfloat16(w.get(JAVA_SHORT_UNALIGNED, row + c * Short.BYTES)) * get(x, at + c);
    }
    return sum;
  }

  /** {@code out[r,c] = x[r,c] / sqrt(mean_c(x[r,c]²) + eps) * weight[c]}. */
  static void rmsNorm(
      MemorySegment x, MemorySegment weight, float eps, long rows, long cols, MemorySegment out) {
    for (long r = 0; r < rows; r++) {
      float squares = 0;
      for (long c = 0; c < cols; c++) {
        float value = get(x, r * cols + c);
        squares += value * value;
      }
      float scale = (float) (1 / Math.sqrt(squares / cols + eps));
      for (long c = 0; c < cols; c++) {
        set(out, r * cols + c, get(x, r * cols + c) * scale * get(weight, c));
      }
    }
  }

  /** {@code x[r,c] += scale * residual[r,c]}, then {@link #rmsNorm}. */
  static void addRmsNorm(
      MemorySegment x,
      MemorySegment residual,
      float scale,
      MemorySegment weight,
      float eps,
      long rows,
      long cols,
      MemorySegment out) {
    for (long i = 0; i < rows * cols; i++) {
      set(x, i, get(x, i) + scale * get(residual, i));
    }
    rmsNorm(x, weight, eps, rows, cols, out);
  }

  /** {@code out[i] = silu(gate[i]) * up[i]}. */
  static void siluMul(MemorySegment gate, MemorySegment up, long count, MemorySegment out) {
    for (long i = 0; i < count; i++) {
      float z = get(gate, i);
      set(out, i, (float) (z / (1 + Math.exp(-z))) * get(up, i));
    }
  }

  /** {@code dst[i] = (float) src[i]}. */
  static void widen(MemorySegment src, long srcOffset, DType dtype, long count, MemorySegment dst) {
    if (dtype == DType.BF16) {
      for (long i = 0; i < count; i++) {
        set(dst, i, bfloat16(src.get(JAVA_SHORT_UNALIGNED, srcOffset + i * Short.BYTES)));
      }
    } else if (dtype == DType.F16) {
      for (long i = 0; i < count; i++) {
        set(dst, i, Float.float16ToFloat(src.get(JAVA_SHORT_UNALIGNED, srcOffset + i * 2)));
      }
    } else {
      MemorySegment.copy(src, srcOffset, dst, 0, count * Float.BYTES);
    }
  }

  /** Rotates queries in place and keys {@code [rows, kHeads, headDim]} into {@code kOut}. */
  static void rope(
      MemorySegment q,
      long qHeads,
      MemorySegment k,
      long kHeads,
      long headDim,
      MemorySegment cos,
      MemorySegment sin,
      long rows,
      MemorySegment kOut) {
    for (long r = 0; r < rows; r++) {
      for (long h = 0; h < qHeads; h++) {
        long at = (r * qHeads + h) * headDim;
        rotate(q, at, cos, sin, r, headDim, q, at);
      }
      for (long h = 0; h < kHeads; h++) {
        long from = (r * kHeads + h) * headDim;
        rotate(k, from, cos, sin, r, headDim, kOut, (h * rows + r) * headDim);
      }
    }
  }

  private static void rotate(
      MemorySegment in,
      long from,
      MemorySegment cos,
      MemorySegment sin,
      long row,
      long headDim,
      MemorySegment out,
      long to) {
    long half = headDim / 2;
    for (long i = 0; i < half; i++) {
      float c = get(cos, row * half + i);
      float s = get(sin, row * half + i);
      float first = get(in, from + i);
      float second = get(in, from + half + i);
      set(out, to + i, first * c - second * s);
      set(out, to + half + i, second * c + first * s);
    }
  }

  /** Causal attention of heads that share one key/value head; {@code scores} is scratch. */
  static void attention(
      MemorySegment q,
      long heads,
      long rows,
      MemorySegment kv,
      long kOffset,
      long vOffset,
      long past,
      long headDim,
      float scale,
      float[] scores,
      MemorySegment out) {
    for (long r = 0; r < rows; r++) {
      int keys = (int) (past + r + 1);
      for (long h = 0; h < heads; h++) {
        long at = (r * heads + h) * headDim;
        float largest = Float.NEGATIVE_INFINITY;
        for (int j = 0; j < keys; j++) {
          float sum = 0;
          for (long i = 0; i < headDim; i++) {
            sum += get(q, at + i) * get(kv, kOffset, j * headDim + i);
          }
          scores[j] = scale * sum;
          largest = Math.max(largest, scores[j]);
        }
        float total = 0;
        for (int j = 0; j < keys; j++) {
          scores[j] = (float) Math.exp(scores[j] - largest);
          total += scores[j];
        }
        for (long i = 0; i < headDim; i++) {
          set(out, at + i, 0);
        }
        for (int j = 0; j < keys; j++) {
          float p = scores[j] / total;
          for (long i = 0; i < headDim; i++) {
            set(out, at + i, get(out, at + i) + p * get(kv, vOffset, j * headDim + i));
          }
        }
      }
    }
  }

  /** The k largest logits of each row and the softmax over them, by repeated selection. */
  static void topKSoftmax(
      MemorySegment logits, long rows, int experts, int k, MemorySegment ids, MemorySegment out) {
    boolean[] taken = new boolean[experts];
    for (long r = 0; r < rows; r++) {
      Arrays.fill(taken, false);
      float total = 0;
      float largest = 0;
      for (int i = 0; i < k; i++) {
        int best = -1;
        for (int e = 0; e < experts; e++) {
          if (!taken[e]
              && (best < 0 || get(logits, r * experts + e) > get(logits, r * experts + best))) {
            best = e;
          }
        }
        taken[best] = true;
        ids.setAtIndex(JAVA_INT_UNALIGNED, r * k + i, best);
        float logit = get(logits, r * experts + best);
        largest = i == 0 ? logit : largest;
        float weight = (float) Math.exp(logit - largest);
        set(out, r * k + i, weight);
        total += weight;
      }
      for (int i = 0; i < k; i++) {
        set(out, r * k + i, get(out, r * k + i) / total);
      }
    }
  }
}
