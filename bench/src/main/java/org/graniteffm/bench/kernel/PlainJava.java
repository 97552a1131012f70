package org.graniteffm.bench.kernel;

import static java.lang.foreign.ValueLayout.JAVA_FLOAT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.graniteffm.runtime.tensor.DType;

/**
 * The kernels as plain loops in Java over contiguous operands: what one gets without native code,
 * and without effort. A method that says where to begin also finishes what {@link VectorApi}
 * leaves.
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

  /** {@code y[i,j] = Σ_c x[i,c] * w[j,c]}. */
  static void gemv(
      DType dtype, MemorySegment w, long n, long k, MemorySegment x, long m, MemorySegment y) {
    for (long i = 0; i < m; i++) {
      for (long j = 0; j < n; j++) {
        set(y, i * n + j, dot(dtype, w, j * k, x, i * k, k));
      }
    }
  }

  /** The product of {@code k} elements of each, with a loop for each type as in the kernels. */
  static float dot(DType dtype, MemorySegment w, long wAt, MemorySegment x, long xAt, long k) {
    long row = wAt * dtype.byteSize();
    return switch (dtype) {
      case F32 -> dotF32(w, row, x, xAt, k);
      case F16 -> dotF16(w, row, x, xAt, k);
      case BF16 -> dotBf16(w, row, x, xAt, k);
      default -> throw new IllegalArgumentException("dtype: " + dtype + " is no weight type");
    };
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
      scale(x, scale, weight, r * cols, 0, cols, out);
    }
  }

  /** {@code out[at+c] = x[at+c] * scale * weight[c]}, from column {@code from} on. */
  static void scale(
      MemorySegment x,
      float scale,
      MemorySegment weight,
      long at,
      long from,
      long cols,
      MemorySegment out) {
    for (long c = from; c < cols; c++) {
      set(out, at + c, get(x, at + c) * scale * get(weight, c));
    }
  }

  /** Rounds to nearest even and packs, as gk_gemm.h has it; for memory that is zero before. */
  static void packBf16(MemorySegment x, long rows, long cols, MemorySegment packed) {
    for (long r = 0; r < rows; r++) {
      for (long c = 0; c < cols; c++) {
        pack(get(x, r * cols + c), packed, r, c, cols);
      }
    }
  }

  private static void pack(float value, MemorySegment packed, long row, long col, long cols) {
    int bits = Float.floatToRawIntBits(value);
    int rounded = (bits + 0x7fff + (bits >>> 16 & 1)) >>> 16;
    long tile = row / 16 * ((cols + 31) / 32) + col / 32;
    long at = tile * 512 + col % 32 / 2 * 32 + row % 16 * 2 + col % 2;
    packed.setAtIndex(JAVA_SHORT_UNALIGNED, at, (short) rounded);
  }

  /** {@code out(i,j) = silu(Σ_c x[i,c] * gate[j,c]) * Σ_c x[i,c] * up[j,c]}, packed. */
  static void siluMulGemmBf16(
      MemorySegment gate,
      MemorySegment up,
      long n,
      long k,
      MemorySegment x,
      long m,
      MemorySegment out) {
    for (long i = 0; i < m; i++) {
      for (long j = 0; j < n; j++) {
        float z = dotBf16(gate, j * k * Short.BYTES, x, i * k, k);
        float factor = dotBf16(up, j * k * Short.BYTES, x, i * k, k);
        pack((float) (z / (1 + Math.exp(-z))) * factor, out, i, j, n);
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
    addScaled(x, residual, scale, 0, rows * cols);
    rmsNorm(x, weight, eps, rows, cols, out);
  }

  /** {@code x[i] += scale * y[i]}. */
  static void addScaled(MemorySegment x, MemorySegment y, float scale, long from, long to) {
    for (long i = from; i < to; i++) {
      set(x, i, get(x, i) + scale * get(y, i));
    }
  }

  /** {@code out[i] = silu(gate[i]) * up[i]}. */
  static void siluMul(MemorySegment gate, MemorySegment up, long from, long to, MemorySegment out) {
    for (long i = from; i < to; i++) {
      float z = get(gate, i);
      set(out, i, (float) (z / (1 + Math.exp(-z))) * get(up, i));
    }
  }

  /** {@code out[i] = activation(gate[i]) * up[i]}, with a loop for each activation. */
  static void actMul(
      ActMulBenchmark.Activation activation,
      MemorySegment gate,
      MemorySegment up,
      long count,
      MemorySegment out) {
    switch (activation) {
      case GELU_TANH -> {
        double scale = Math.sqrt(2 / Math.PI);
        for (long i = 0; i < count; i++) {
          float z = get(gate, i);
          double tanh = Math.tanh(scale * (z + 0.044715 * z * z * z));
          set(out, i, (float) (z * (1 + tanh) / 2) * get(up, i));
        }
      }
      case QUICK_GELU -> {
        for (long i = 0; i < count; i++) {
          float z = get(gate, i);
          set(out, i, (float) (z / (1 + Math.exp(-1.702 * z))) * get(up, i));
        }
      }
      case RELU -> {
        for (long i = 0; i < count; i++) {
          set(out, i, Math.max(get(gate, i), 0) * get(up, i));
        }
      }
      case RELU2 -> {
        for (long i = 0; i < count; i++) {
          float positive = Math.max(get(gate, i), 0);
          set(out, i, positive * positive * get(up, i));
        }
      }
    }
  }

  /** One element of any type of weights. */
  private static float weight(DType dtype, MemorySegment memory, long index) {
    return switch (dtype) {
      case F32 -> get(memory, index);
      case F16 -> Float.float16ToFloat(memory.getAtIndex(JAVA_SHORT_UNALIGNED, index));
      case BF16 -> bfloat16(memory.getAtIndex(JAVA_SHORT_UNALIGNED, index));
      default -> throw new IllegalArgumentException("dtype: " + dtype + " is no weight type");
    };
  }

  /** {@code out[i] = (float) in[i]}. */
  static void widen(DType dtype, MemorySegment in, long from, long to, MemorySegment out) {
    for (long i = from; i < to; i++) {
      set(out, i, weight(dtype, in, i));
    }
  }

  /** {@code out[i] = (dtype) in[i]}, rounded to nearest even. */
  static void narrow(DType dtype, MemorySegment in, long count, MemorySegment out) {
    for (long i = 0; i < count; i++) {
      float value = get(in, i);
      if (dtype == DType.BF16) {
        out.setAtIndex(JAVA_SHORT_UNALIGNED, i, DType.floatToBfloat16(value));
      } else {
        set(out, i, value);
      }
    }
  }

  /** {@code out[r,c] = multiplier * table[ids[r], c]}. */
  static void embed(
      DType dtype,
      MemorySegment table,
      MemorySegment ids,
      long idsOffset,
      long rows,
      long cols,
      float multiplier,
      MemorySegment out) {
    for (long r = 0; r < rows; r++) {
      long row = ids.get(JAVA_INT_UNALIGNED, idsOffset + r * Integer.BYTES) * cols;
      for (long c = 0; c < cols; c++) {
        set(out, r * cols + c, multiplier * weight(dtype, table, row + c));
      }
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
        rotate(q, at, cos, sin, r, 0, headDim, q, at);
      }
      for (long h = 0; h < kHeads; h++) {
        long from = (r * kHeads + h) * headDim;
        rotate(k, from, cos, sin, r, 0, headDim, kOut, (h * rows + r) * headDim);
      }
    }
  }

  /** Rotates the pairs of one head, from pair {@code first} on. */
  static void rotate(
      MemorySegment in,
      long from,
      MemorySegment cos,
      MemorySegment sin,
      long row,
      long first,
      long headDim,
      MemorySegment out,
      long to) {
    long half = headDim / 2;
    for (long i = first; i < half; i++) {
      float c = get(cos, row * half + i);
      float s = get(sin, row * half + i);
      float a = get(in, from + i);
      float b = get(in, from + half + i);
      set(out, to + i, a * c - b * s);
      set(out, to + half + i, b * c + a * s);
    }
  }

  /** Causal attention of heads that share one key/value head; {@code p} is scratch. */
  static void attention(
      DType dtype,
      MemorySegment q,
      long heads,
      long rows,
      MemorySegment kv,
      long valuesAt,
      long past,
      long headDim,
      float scale,
      float[] p,
      MemorySegment out) {
    long firstValue = valuesAt / dtype.byteSize();
    for (long r = 0; r < rows; r++) {
      int keys = (int) (past + r + 1);
      for (long h = 0; h < heads; h++) {
        long at = (r * heads + h) * headDim;
        softmaxOfScores(dtype, q, at, kv, keys, headDim, scale, p);
        for (long i = 0; i < headDim; i++) {
          set(out, at + i, 0);
        }
        for (int j = 0; j < keys; j++) {
          for (long i = 0; i < headDim; i++) {
            set(
                out,
                at + i,
                get(out, at + i) + p[j] * weight(dtype, kv, firstValue + j * headDim + i));
          }
        }
      }
    }
  }

  /** The probabilities of {@link #attention}, {@code [heads, rows, past + rows]}. */
  static void attentionProbs(
      DType dtype,
      MemorySegment q,
      long heads,
      long rows,
      MemorySegment k,
      long past,
      long headDim,
      float scale,
      float[] p,
      MemorySegment out) {
    long keys = past + rows;
    for (long h = 0; h < heads; h++) {
      for (long r = 0; r < rows; r++) {
        int seen = (int) (past + r + 1);
        softmaxOfScores(dtype, q, (r * heads + h) * headDim, k, seen, headDim, scale, p);
        for (int j = 0; j < keys; j++) {
          set(out, (h * rows + r) * keys + j, j < seen ? p[j] : 0);
        }
      }
    }
  }

  private static void softmaxOfScores(
      DType dtype,
      MemorySegment q,
      long at,
      MemorySegment k,
      int keys,
      long headDim,
      float scale,
      float[] p) {
    float largest = Float.NEGATIVE_INFINITY;
    for (int j = 0; j < keys; j++) {
      p[j] = scale * dot(dtype, k, j * headDim, q, at, headDim);
      largest = Math.max(largest, p[j]);
    }
    float total = 0;
    for (int j = 0; j < keys; j++) {
      p[j] = (float) Math.exp(p[j] - largest);
      total += p[j];
    }
    for (int j = 0; j < keys; j++) {
      p[j] /= total;
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
