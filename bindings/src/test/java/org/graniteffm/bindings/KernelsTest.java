package org.graniteffm.bindings;

import static org.graniteffm.bindings.Buffers.matrix;
import static org.graniteffm.bindings.Buffers.onEveryTier;
import static org.graniteffm.bindings.Buffers.weights;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.Random;
import java.util.function.DoubleUnaryOperator;
import java.util.stream.IntStream;
import org.graniteffm.bindings.Buffers.Matrix;
import org.graniteffm.bindings.Buffers.Weights;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Every method of {@link Kernels} does what its contract says, on operands at odd offsets with
 * padded rows. The kernels' own tests are in C: here the question is whether each operand arrives
 * where it should.
 */
class KernelsTest {
  /** Some 100 times what sums of up to 50 random numbers of size 1 need in float. */
  private static final double TOLERANCE = 1e-4;

  private final Arena arena = Arena.ofConfined();
  private final Random random = new Random(42);

  @AfterEach
  void close() {
    arena.close();
  }

  @ParameterizedTest
  @CsvSource({"1, 1", "1, 37", "3, 8", "5, 33"})
  void rmsNormMatchesReference(int rows, int cols) {
    Matrix x = matrix(arena, rows, cols, 3).fill(random);
    Matrix weight = matrix(arena, 1, cols, 0).fill(random);
    double[][] expected = rmsNorm(x.copy(), weight.copy()[0], 1e-3f);
    onEveryTier(() -> {
      Matrix out = matrix(arena, rows, cols, 2);
      rmsNorm(x, weight, 1e-3f, out);
      out.assertNear(expected, TOLERANCE, "out");
    });
  }

  @Test
  void rmsNormWorksInPlace() {
    Matrix x = matrix(arena, 3, 20, 4).fill(random);
    Matrix weight = matrix(arena, 1, 20, 0).fill(random);
    double[][] expected = rmsNorm(x.copy(), weight.copy()[0], 1e-5f);
    rmsNorm(x, weight, 1e-5f, x);
    x.assertNear(expected, TOLERANCE, "x");
  }

  @Test
  void zeroRowsDoNothing() {
    Matrix x = matrix(arena, 2, 8, 0).fill(random);
    Matrix weight = matrix(arena, 1, 8, 0).fill(random);
    Matrix out = matrix(arena, 2, 8, 0);
    double[][] before = out.copy();
    Kernels.rmsNorm(
        MemorySegment.NULL, 0, 8, weight.segment(), 0, 1e-5f, 0, 8, out.segment(), 0, 8);
    Kernels.addScaled(x.segment(), 0, 8, MemorySegment.NULL, 0, 8, 1, 0, 8);
    out.assertNear(before, 0, "out");
  }

  @Test
  void addRmsNormMatchesReference() {
    onEveryTier(() -> {
      Matrix x = matrix(arena, 3, 21, 3).fill(random);
      Matrix residual = matrix(arena, 3, 21, 1).fill(random);
      Matrix weight = matrix(arena, 1, 21, 0).fill(random);
      double[][] sum = x.copy();
      for (int r = 0; r < 3; r++) {
        for (int c = 0; c < 21; c++) {
          sum[r][c] += 0.25 * residual.get(r, c);
        }
      }
      double[][] expected = rmsNorm(sum, weight.copy()[0], 1e-5f);
      // The output takes the residual's place, which is the one alias allowed.
      Kernels.addRmsNorm(
          x.segment(),
          x.offset(),
          x.stride(),
          residual.segment(),
          residual.offset(),
          residual.stride(),
          0.25f,
          weight.segment(),
          weight.offset(),
          1e-5f,
          3,
          21,
          residual.segment(),
          residual.offset(),
          residual.stride());
      x.assertNear(sum, TOLERANCE, "x");
      residual.assertNear(expected, TOLERANCE, "out");
    });
  }

  @ParameterizedTest
  @ValueSource(booleans = {false, true})
  void addScaledMatchesReference(boolean sameRowEverywhere) {
    onEveryTier(() -> {
      Matrix x = matrix(arena, 4, 19, 2).fill(random);
      Matrix y = matrix(arena, sameRowEverywhere ? 1 : 4, 19, 5).fill(random);
      double[][] expected = x.copy();
      for (int r = 0; r < 4; r++) {
        for (int c = 0; c < 19; c++) {
          expected[r][c] -= 1.5 * y.get(sameRowEverywhere ? 0 : r, c);
        }
      }
      long yStride = sameRowEverywhere ? 0 : y.stride();
      Kernels.addScaled(
          x.segment(), x.offset(), x.stride(), y.segment(), y.offset(), yStride, -1.5f, 4, 19);
      x.assertNear(expected, TOLERANCE, "x");
    });
  }

  /** Rotated by no angle, so that what is left is the rounding. */
  @Test
  void ropeRoundsKeysIntoTheCache() {
    Matrix q = matrix(arena, 3, 10, 3).fill(random);
    Matrix k = matrix(arena, 3, 10, 1).fill(random);
    Matrix cos = matrix(arena, 3, 5, 0);
    Matrix sin = matrix(arena, 3, 5, 0);
    for (int r = 0; r < 3; r++) {
      for (int i = 0; i < 5; i++) {
        cos.set(r, i, 1);
        sin.set(r, i, 0);
      }
    }
    onEveryTier(() -> {
      Weights kOut = weights(arena, random, Kernels.BF16, 1, 30, 2);
      Kernels.rope(
          q.segment(),
          q.offset(),
          q.stride(),
          1,
          k.segment(),
          k.offset(),
          k.stride(),
          1,
          10,
          cos.segment(),
          cos.offset(),
          sin.segment(),
          sin.offset(),
          3,
          kOut.segment(),
          kOut.offset(),
          Kernels.BF16,
          kOut.stride());
      for (int r = 0; r < 3; r++) {
        for (int i = 0; i < 10; i++) {
          assertNearest(k.get(r, i), kOut.values()[0][r * 10 + i]);
        }
      }
    });
  }

  @ParameterizedTest
  @ValueSource(strings = {"F32", "BF16"})
  void narrowRoundsToNearest(String dtype) {
    Matrix src = matrix(arena, 5, 35, 2).fill(random);
    onEveryTier(() -> {
      Weights dst = weights(arena, random, dtype(dtype), 5, 35, 3);
      Kernels.narrow(
          src.segment(),
          src.offset(),
          src.stride(),
          5,
          35,
          dst.segment(),
          dst.offset(),
          dst.dtype(),
          dst.stride());
      for (int r = 0; r < 5; r++) {
        for (int c = 0; c < 35; c++) {
          if (dst.dtype() == Kernels.F32) {
            assertEquals(src.get(r, c), dst.values()[r][c]);
          } else {
            assertNearest(src.get(r, c), dst.values()[r][c]);
          }
        }
      }
    });
  }

  /** No bfloat16 is nearer to the number than this one. */
  private static void assertNearest(float number, double rounded) {
    int bits = Float.floatToRawIntBits((float) rounded);
    assertEquals(0, bits & 0xffff, "more bits than a bfloat16 has");
    for (int next : new int[] {bits - 0x10000, bits + 0x10000}) {
      double other = Math.abs(Float.intBitsToFloat(next) - number);
      assertTrue(Math.abs(rounded - number) <= other, number + " became " + rounded);
    }
  }

  @Test
  void ropeMatchesReferenceOnOneBufferOfQueriesAndKeys() {
    int rows = 3;
    int qHeads = 4;
    int kHeads = 2;
    int dim = 10;
    int half = dim / 2;
    onEveryTier(() -> {
      // Rows hold queries, then keys: the operands interleave, and share no element.
      Matrix qk = matrix(arena, rows, (qHeads + kHeads) * dim, 3).fill(random);
      Matrix cos = matrix(arena, rows, half, 0);
      Matrix sin = matrix(arena, rows, half, 0);
      for (int r = 0; r < rows; r++) {
        for (int i = 0; i < half; i++) {
          double angle = (r + 5) * Math.pow(10000, -i / (double) half);
          cos.set(r, i, Math.cos(angle));
          sin.set(r, i, Math.sin(angle));
        }
      }
      double[][] in = qk.copy();
      double[][] rotated = qk.copy();
      for (int r = 0; r < rows; r++) {
        for (int h = 0; h < qHeads + kHeads; h++) {
          for (int i = 0; i < half; i++) {
            double first = in[r][h * dim + i];
            double second = in[r][h * dim + i + half];
            rotated[r][h * dim + i] = first * cos.get(r, i) - second * sin.get(r, i);
            rotated[r][h * dim + i + half] = second * cos.get(r, i) + first * sin.get(r, i);
          }
        }
      }
      Matrix kOut = matrix(arena, kHeads, rows * dim, 7);
      long kOffset = qk.offset() + 4L * qHeads * dim;
      Kernels.rope(
          qk.segment(),
          qk.offset(),
          qk.stride(),
          qHeads,
          qk.segment(),
          kOffset,
          qk.stride(),
          kHeads,
          dim,
          cos.segment(),
          cos.offset(),
          sin.segment(),
          sin.offset(),
          rows,
          kOut.segment(),
          kOut.offset(),
          Kernels.F32,
          kOut.stride());
      double[][] expectedKeys = new double[kHeads][rows * dim];
      for (int r = 0; r < rows; r++) {
        for (int h = 0; h < kHeads; h++) {
          System.arraycopy(rotated[r], (qHeads + h) * dim, expectedKeys[h], r * dim, dim);
        }
        // The keys themselves stay as they were.
        System.arraycopy(in[r], qHeads * dim, rotated[r], qHeads * dim, kHeads * dim);
      }
      qk.assertNear(rotated, TOLERANCE, "q");
      kOut.assertNear(expectedKeys, TOLERANCE, "kOut");
    });
  }

  @ParameterizedTest
  @CsvSource({"F32, 1", "F32, 9", "F16, 1", "F16, 3", "BF16, 1", "BF16, 8"})
  void gemvMatchesReference(String dtype, int m) {
    productMatchesReference(dtype, m, false);
  }

  @ParameterizedTest
  @CsvSource({"F32, 1", "F32, 9", "F16, 3", "F16, 20", "BF16, 6", "BF16, 13"})
  void gemmMatchesReference(String dtype, int m) {
    productMatchesReference(dtype, m, true);
  }

  private void productMatchesReference(String dtype, int m, boolean many) {
    int n = 7;
    int k = 45;
    Weights w = weights(arena, random, dtype(dtype), n, k, 3);
    double[][] values = w.values();
    Matrix x = matrix(arena, m, k, 2).fill(random);
    MemorySegment scratch = arena.allocate(Kernels.GEMM_SCRATCH, 4);
    onEveryTier(() -> {
      Matrix y = matrix(arena, m, n, 4).fill(random);
      double[][] expected = new double[m][n];
      for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
          double sum = 0;
          for (int c = 0; c < k; c++) {
            sum += x.get(i, c) * values[j][c];
          }
          expected[i][j] = 0.5 * sum + 2 * y.get(i, j);
        }
      }
      if (many) {
        Kernels.gemm(
            w.dtype(),
            w.segment(),
            w.offset(),
            w.stride(),
            n,
            k,
            x.segment(),
            x.offset(),
            x.stride(),
            m,
            0.5f,
            2,
            y.segment(),
            y.offset(),
            y.stride(),
            scratch);
      } else {
        Kernels.gemv(
            w.dtype(),
            w.segment(),
            w.offset(),
            w.stride(),
            n,
            k,
            x.segment(),
            x.offset(),
            x.stride(),
            m,
            0.5f,
            2,
            y.segment(),
            y.offset(),
            y.stride());
      }
      y.assertNear(expected, TOLERANCE, "y");
    });
  }

  @Test
  void siluMulMatchesReferenceInPlaceOnOneBufferOfGateAndUp() {
    onEveryTier(() -> {
      Matrix both = matrix(arena, 3, 34, 2).fill(random);
      double[][] expected = both.copy();
      for (double[] row : expected) {
        for (int c = 0; c < 17; c++) {
          row[c] = row[c] / (1 + Math.exp(-row[c])) * row[17 + c];
        }
      }
      Kernels.siluMul(
          both.segment(),
          both.offset(),
          both.stride(),
          both.segment(),
          both.offset() + 17 * 4,
          both.stride(),
          3,
          17,
          both.segment(),
          both.offset(),
          both.stride());
      both.assertNear(expected, TOLERANCE, "gate and up");
    });
  }

  @ParameterizedTest
  @ValueSource(strings = {"GELU_TANH", "QUICK_GELU", "RELU", "RELU2"})
  void actMulMatchesReference(String name) {
    int activation;
    DoubleUnaryOperator reference;
    switch (name) {
      case "GELU_TANH" -> {
        activation = Kernels.GELU_TANH;
        reference =
            z -> z * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (z + 0.044715 * z * z * z))) / 2;
      }
      case "QUICK_GELU" -> {
        activation = Kernels.QUICK_GELU;
        reference = z -> z / (1 + Math.exp(-1.702 * z));
      }
      case "RELU" -> {
        activation = Kernels.RELU;
        reference = z -> Math.max(z, 0);
      }
      default -> {
        activation = Kernels.RELU2;
        reference = z -> Math.max(z, 0) * Math.max(z, 0);
      }
    }
    Matrix gate = matrix(arena, 2, 11, 1).fill(random);
    Matrix up = matrix(arena, 2, 11, 2).fill(random);
    Matrix out = matrix(arena, 2, 11, 3);
    double[][] expected = new double[2][11];
    for (int r = 0; r < 2; r++) {
      for (int c = 0; c < 11; c++) {
        expected[r][c] = reference.applyAsDouble(gate.get(r, c)) * up.get(r, c);
      }
    }
    actMul(activation, gate, up, out);
    out.assertNear(expected, TOLERANCE, "out");
  }

  @Test
  void geluKnowsItsTableValues() {
    Matrix gate = matrix(arena, 1, 3, 0);
    Matrix up = matrix(arena, 1, 3, 0);
    Matrix out = matrix(arena, 1, 3, 0);
    double[] z = {-1, 0, 2};
    for (int c = 0; c < 3; c++) {
      gate.set(0, c, z[c]);
      up.set(0, c, 1);
    }
    actMul(Kernels.GELU, gate, up, out);
    // z times the standard normal distribution function at z
    out.assertNear(new double[][] {{-0.1586552539, 0, 1.9544997361}}, 1e-6, "out");
  }

  @Test
  void topKSoftmaxMatchesReference() {
    int rows = 5;
    int experts = 13;
    int k = 4;
    Matrix logits = matrix(arena, rows, experts, 3).fill(random);
    logits.set(2, 7, logits.get(2, 3)); // a tie: the lower column first
    Matrix weights = matrix(arena, rows, k, 0);
    MemorySegment ids = arena.allocate(ValueLayout.JAVA_INT, 1 + rows * k);
    Kernels.topKSoftmax(
        logits.segment(),
        logits.offset(),
        logits.stride(),
        rows,
        experts,
        k,
        ids,
        4,
        weights.segment(),
        weights.offset());
    double[][] expected = new double[rows][k];
    for (int r = 0; r < rows; r++) {
      int row = r;
      int[] order =
          IntStream.range(0, experts)
              .boxed()
              .sorted((a, b) -> Float.compare(logits.get(row, b), logits.get(row, a)))
              .mapToInt(Integer::intValue)
              .limit(k)
              .toArray();
      double sum = 0;
      for (int i = 0; i < k; i++) {
        assertEquals(order[i], ids.getAtIndex(ValueLayout.JAVA_INT, 1 + r * k + i), "row " + r);
        expected[r][i] = Math.exp(logits.get(r, order[i]) - logits.get(r, order[0]));
        sum += expected[r][i];
      }
      for (int i = 0; i < k; i++) {
        expected[r][i] /= sum;
      }
    }
    weights.assertNear(expected, TOLERANCE, "weights");
  }

  @ParameterizedTest
  @CsvSource({
    "F32, 1, 0, false",
    "F32, 1, 9, false",
    "F32, 3, 5, false",
    "BF16, 3, 5, true",
    "BF16, 7, 0, true",
    "BF16, 20, 9, false"
  })
  void attentionAndItsProbabilitiesMatchReference(
      String dtype, int rows, int past, boolean masked) {
    int heads = 2;
    int dim = 12;
    int keys = past + rows;
    Matrix q = matrix(arena, rows, heads * dim, 4).fill(random);
    Weights k = weights(arena, random, dtype(dtype), keys, dim, 5);
    Weights v = weights(arena, random, dtype(dtype), keys, dim, 5);
    double[][] keyValues = k.values();
    double[][] valueValues = v.values();
    MemorySegment mask = null;
    if (masked) {
      mask = arena.allocate(3 + keys);
      for (int j = 0; j < keys; j++) {
        mask.set(ValueLayout.JAVA_BYTE, 3 + j, (byte) (j == 0 || j == 3 ? 0 : 1));
      }
    }
    double[][] p = new double[heads][rows * keys];
    double[][] expected = new double[rows][heads * dim];
    for (int r = 0; r < rows; r++) {
      for (int h = 0; h < heads; h++) {
        double sum = 0;
        for (int j = 0; j <= past + r; j++) {
          if (mask != null && mask.get(ValueLayout.JAVA_BYTE, 3 + j) == 0) {
            continue;
          }
          double score = 0;
          for (int i = 0; i < dim; i++) {
            score += q.get(r, h * dim + i) * keyValues[j][i];
          }
          p[h][r * keys + j] = Math.exp(0.3 * score);
          sum += p[h][r * keys + j];
        }
        for (int j = 0; j < keys && sum > 0; j++) {
          p[h][r * keys + j] /= sum;
          for (int i = 0; i < dim; i++) {
            expected[r][h * dim + i] += p[h][r * keys + j] * valueValues[j][i];
          }
        }
      }
    }
    MemorySegment keyMask = mask;
    onEveryTier(() -> {
      Matrix out = matrix(arena, rows, heads * dim, 1);
      Kernels.attention(
          q.segment(),
          q.offset(),
          q.stride(),
          heads,
          rows,
          k.segment(),
          k.offset(),
          v.segment(),
          v.offset(),
          k.dtype(),
          k.stride(),
          past,
          keyMask,
          3,
          dim,
          0.3f,
          out.segment(),
          out.offset(),
          out.stride());
      out.assertNear(expected, TOLERANCE, "out");
    });
    Matrix probabilities = matrix(arena, heads, rows * keys, 6);
    Kernels.attentionProbs(
        q.segment(),
        q.offset(),
        q.stride(),
        heads,
        rows,
        k.segment(),
        k.offset(),
        k.dtype(),
        k.stride(),
        past,
        keyMask,
        3,
        dim,
        0.3f,
        probabilities.segment(),
        probabilities.offset(),
        probabilities.stride());
    probabilities.assertNear(p, TOLERANCE, "p");
  }

  @ParameterizedTest
  @ValueSource(strings = {"F32", "F16", "BF16"})
  void embedAndWidenAreExact(String dtype) {
    int vocab = 6;
    int cols = 35;
    Weights table = weights(arena, random, dtype(dtype), vocab, cols, 2);
    int[] chosen = {5, 0, 3, 3};
    MemorySegment ids = arena.allocateFrom(ValueLayout.JAVA_INT, 99, 5, 0, 3, 3);
    double[][] rows =
        Arrays.stream(chosen)
            .mapToObj(id -> Arrays.stream(table.values()[id]).map(value -> value * 4).toArray())
            .toArray(double[][]::new);
    onEveryTier(() -> {
      Matrix out = matrix(arena, chosen.length, cols, 3);
      Kernels.embed(
          table.segment(),
          table.offset(),
          table.dtype(),
          table.stride(),
          vocab,
          ids,
          4,
          chosen.length,
          cols,
          4,
          out.segment(),
          out.offset(),
          out.stride());
      out.assertNear(rows, 0, "embed");
      Matrix wide = matrix(arena, vocab, cols, 1);
      Kernels.widen(
          table.segment(),
          table.offset(),
          table.dtype(),
          table.stride(),
          vocab,
          cols,
          wide.segment(),
          wide.offset(),
          wide.stride());
      wide.assertNear(table.values(), 0, "widen");
    });
  }

  @Test
  void probeReadIsTheExclusiveOrOfAllWords() {
    byte[] bytes = new byte[1003];
    random.nextBytes(bytes);
    MemorySegment data = arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes);
    long[] words = new long[(1000 + 7) / 8];
    for (int i = 0; i < 1000; i++) {
      words[i / 8] |= (bytes[3 + i] & 0xffL) << (i % 8 * 8);
    }
    long expected = Arrays.stream(words).reduce(0, (a, b) -> a ^ b);
    onEveryTier(() -> assertEquals(expected, Kernels.probeRead(data, 3, 1000)));
  }

  @Test
  void probeFmaCountsItsOperations() {
    onEveryTier(() -> {
      long one = Kernels.probeFma(1);
      assertTrue(one > 0);
      assertEquals(1000 * one, Kernels.probeFma(1000));
    });
  }

  private static int dtype(String name) {
    return switch (name) {
      case "F32" -> Kernels.F32;
      case "F16" -> Kernels.F16;
      default -> Kernels.BF16;
    };
  }

  private static void rmsNorm(Matrix x, Matrix weight, float eps, Matrix out) {
    Kernels.rmsNorm(
        x.segment(),
        x.offset(),
        x.stride(),
        weight.segment(),
        weight.offset(),
        eps,
        x.rows(),
        x.cols(),
        out.segment(),
        out.offset(),
        out.stride());
  }

  private static void actMul(int activation, Matrix gate, Matrix up, Matrix out) {
    Kernels.actMul(
        activation,
        gate.segment(),
        gate.offset(),
        gate.stride(),
        up.segment(),
        up.offset(),
        up.stride(),
        gate.rows(),
        gate.cols(),
        out.segment(),
        out.offset(),
        out.stride());
  }

  private static double[][] rmsNorm(double[][] x, double[] weight, float eps) {
    double[][] out = new double[x.length][];
    for (int r = 0; r < x.length; r++) {
      double squares = Arrays.stream(x[r]).map(value -> value * value).sum();
      double factor = 1 / Math.sqrt(squares / x[r].length + eps);
      out[r] = new double[x[r].length];
      for (int c = 0; c < x[r].length; c++) {
        out[r][c] = x[r][c] * factor * weight[c];
      }
    }
    return out;
  }
}
