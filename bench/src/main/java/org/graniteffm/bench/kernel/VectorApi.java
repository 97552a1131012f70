package org.graniteffm.bench.kernel;

import static java.nio.ByteOrder.LITTLE_ENDIAN;
import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.EXP;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.ZERO_EXTEND_S2I;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.ShortVector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;
import org.graniteffm.runtime.tensor.DType;

/**
 * The kernels that are worth it with the Vector API, over contiguous operands: what one gets
 * without native code, but with effort. Elements that fill no vector are left to {@link PlainJava}.
 */
final class VectorApi {
  private static final VectorSpecies<Float> FLOATS = FloatVector.SPECIES_PREFERRED;
  private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  private static final VectorSpecies<Short> SHORTS = // as many
      VectorSpecies.of(short.class, VectorShape.forBitSize(FLOATS.vectorBitSize() / 2));
  private static final long LANES = FLOATS.length();

  private VectorApi() {}

  private static FloatVector get(MemorySegment memory, long index) {
    return FloatVector.fromMemorySegment(FLOATS, memory, index * Float.BYTES, LITTLE_ENDIAN);
  }

  private static void set(MemorySegment memory, long index, FloatVector value) {
    value.intoMemorySegment(memory, index * Float.BYTES, LITTLE_ENDIAN);
  }

  private static IntVector halves(MemorySegment memory, long index) {
    return (IntVector)
        ShortVector.fromMemorySegment(SHORTS, memory, index * Short.BYTES, LITTLE_ENDIAN)
            .convertShape(ZERO_EXTEND_S2I, INTS, 0);
  }

  private static FloatVector bfloat16s(MemorySegment memory, long index) {
    return halves(memory, index).lanewise(LSHL, 16).reinterpretAsFloats();
  }

  /** Finite ones: exponent and fraction move into place, and a factor corrects the bias. */
  private static FloatVector float16s(MemorySegment memory, long index) {
    IntVector bits = halves(memory, index);
    IntVector sign = bits.and(0x8000).lanewise(LSHL, 16);
    return bits.and(0x7fff)
        .lanewise(LSHL, 13)
        .reinterpretAsFloats()
        .mul(0x1p112f)
        .reinterpretAsInts()
        .or(sign)
        .reinterpretAsFloats();
  }

  /** Loads weights. A fork has one type of them, so the compiler sees through this. */
  private interface Load {
    FloatVector at(MemorySegment memory, long index);

    static Load of(DType dtype) {
      return switch (dtype) {
        case F32 -> VectorApi::get;
        case F16 -> VectorApi::float16s;
        case BF16 -> VectorApi::bfloat16s;
        default -> throw new IllegalArgumentException("dtype: " + dtype + " is no weight type");
      };
    }
  }

  /** {@code y[i,j] = Σ_c x[i,c] * w[j,c]}; weights are loaded once for up to four rows of x. */
  static void gemv(
      DType dtype, MemorySegment w, long n, long k, MemorySegment x, long m, MemorySegment y) {
    Load load = Load.of(dtype);
    for (long j = 0; j < n; j++) {
      long i = 0;
      for (; i <= m - 4; i += 4) {
        dot4(load, dtype, w, j * k, x, i * k, k, y, i * n + j, n);
      }
      for (; i < m; i++) {
        y.setAtIndex(ValueLayout.JAVA_FLOAT, i * n + j, dot(load, dtype, w, j * k, x, i * k, k));
      }
    }
  }

  /** One row: four sums, because an addition takes four cycles. */
  private static float dot(
      Load load, DType dtype, MemorySegment w, long wAt, MemorySegment x, long xAt, long k) {
    FloatVector a = FloatVector.zero(FLOATS);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    long i = 0;
    for (; i <= k - 4 * LANES; i += 4 * LANES) {
      a = load.at(w, wAt + i).fma(get(x, xAt + i), a);
      b = load.at(w, wAt + i + LANES).fma(get(x, xAt + i + LANES), b);
      c = load.at(w, wAt + i + 2 * LANES).fma(get(x, xAt + i + 2 * LANES), c);
      d = load.at(w, wAt + i + 3 * LANES).fma(get(x, xAt + i + 3 * LANES), d);
    }
    for (; i <= k - LANES; i += LANES) {
      a = load.at(w, wAt + i).fma(get(x, xAt + i), a);
    }
    return a.add(b).add(c.add(d)).reduceLanes(ADD)
        + PlainJava.dot(dtype, w, wAt + i, x, xAt + i, k - i);
  }

  /** Four rows, with a sum each. */
  private static void dot4(
      Load load,
      DType dtype,
      MemorySegment w,
      long wAt,
      MemorySegment x,
      long xAt,
      long k,
      MemorySegment y,
      long yAt,
      long yStride) {
    FloatVector a = FloatVector.zero(FLOATS);
    FloatVector b = a;
    FloatVector c = a;
    FloatVector d = a;
    long i = 0;
    for (; i <= k - LANES; i += LANES) {
      FloatVector weights = load.at(w, wAt + i);
      a = weights.fma(get(x, xAt + i), a);
      b = weights.fma(get(x, xAt + k + i), b);
      c = weights.fma(get(x, xAt + 2 * k + i), c);
      d = weights.fma(get(x, xAt + 3 * k + i), d);
    }
    float[] sums = {a.reduceLanes(ADD), b.reduceLanes(ADD), c.reduceLanes(ADD), d.reduceLanes(ADD)};
    for (int r = 0; r < 4; r++) {
      float rest = PlainJava.dot(dtype, w, wAt + i, x, xAt + r * k + i, k - i);
      y.setAtIndex(ValueLayout.JAVA_FLOAT, yAt + r * yStride, sums[r] + rest);
    }
  }

  /** {@code out[r,c] = x[r,c] / sqrt(mean_c(x[r,c]²) + eps) * weight[c]}. */
  static void rmsNorm(
      MemorySegment x, MemorySegment weight, float eps, long rows, long cols, MemorySegment out) {
    for (long r = 0; r < rows; r++) {
      float squares = dot(VectorApi::get, DType.F32, x, r * cols, x, r * cols, cols);
      float scale = (float) (1 / Math.sqrt(squares / cols + eps));
      long c = 0;
      for (; c <= cols - LANES; c += LANES) {
        set(out, r * cols + c, get(x, r * cols + c).mul(scale).mul(get(weight, c)));
      }
      PlainJava.scale(x, scale, weight, r * cols, c, cols, out);
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
    addScaled(x, residual, scale, rows * cols);
    rmsNorm(x, weight, eps, rows, cols, out);
  }

  /** {@code x[i] += scale * y[i]}. */
  static void addScaled(MemorySegment x, MemorySegment y, float scale, long count) {
    FloatVector factor = FloatVector.broadcast(FLOATS, scale);
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      set(x, i, get(y, i).fma(factor, get(x, i)));
    }
    PlainJava.addScaled(x, y, scale, i, count);
  }

  /** {@code out[i] = silu(gate[i]) * up[i]}. */
  static void siluMul(MemorySegment gate, MemorySegment up, long count, MemorySegment out) {
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      FloatVector z = get(gate, i);
      set(out, i, z.mul(get(up, i)).div(z.neg().lanewise(EXP).add(1)));
    }
    PlainJava.siluMul(gate, up, i, count, out);
  }

  /** {@code out[i] = (float) in[i]}. */
  static void widen(DType dtype, MemorySegment in, long count, MemorySegment out) {
    Load load = Load.of(dtype);
    long i = 0;
    for (; i <= count - LANES; i += LANES) {
      set(out, i, load.at(in, i));
    }
    PlainJava.widen(dtype, in, i, count, out);
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
    long i = 0;
    for (; i <= half - LANES; i += LANES) {
      FloatVector c = get(cos, row * half + i);
      FloatVector s = get(sin, row * half + i);
      FloatVector a = get(in, from + i);
      FloatVector b = get(in, from + half + i);
      set(out, to + i, a.mul(c).sub(b.mul(s)));
      set(out, to + half + i, b.mul(c).add(a.mul(s)));
    }
    PlainJava.rotate(in, from, cos, sin, row, i, headDim, out, to);
  }
}
