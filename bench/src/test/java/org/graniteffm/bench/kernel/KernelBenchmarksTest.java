package org.graniteffm.bench.kernel;

import static org.graniteffm.bench.Agreement.assertAgree;
import static org.graniteffm.bench.Agreement.floats;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import org.graniteffm.bench.Implementation;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.runtime.tensor.DType;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Runs each benchmark once, small, and compares its implementations with the loop in Java. */
class KernelBenchmarksTest {
  private static final double EPS = 0x1p-23; // of f32
  private static final List<DType> WEIGHT_TYPES = List.of(DType.BF16, DType.F16, DType.F32);

  @BeforeEach
  void forgetRates() {
    Rates.clear();
  }

  @AfterEach
  void restoreTier() {
    Implementation.ACTIVE.select();
  }

  @ParameterizedTest
  @EnumSource
  void gemvAgrees(Implementation implementation) {
    for (DType dtype : WEIGHT_TYPES) {
      for (Residency residency : Residency.values()) {
        for (int rows : new int[] {1, 4}) {
          float[] expected = gemv(dtype, residency, rows, Implementation.JAVA);
          float[] actual = gemv(dtype, residency, rows, implementation);
          // |x| and |w| are at most 1, and both sides add 1100 products
          double bound = 2.0 * 1100 * 1100 * EPS;
          assertAgree(expected, actual, bound, dtype + " " + residency + " " + rows);
        }
      }
    }
    assertEquals(
        300 * 1100 * 4 / 1e9, Rates.perOperation().get("GB/s"), 1e-12, "all rows from memory");
  }

  private static float[] gemv(
      DType dtype, Residency residency, int rows, Implementation implementation) {
    GemvBenchmark benchmark = new GemvBenchmark();
    benchmark.shape = "test:300x1100"; // more than a panel either way
    benchmark.dtype = dtype;
    benchmark.rows = rows;
    benchmark.weights = residency;
    benchmark.implementation = implementation;
    benchmark.setup();
    try {
      benchmark.gemv();
      return floats(benchmark.gemv()); // another copy of the same weights
    } finally {
      benchmark.close();
    }
  }

  @ParameterizedTest
  @EnumSource
  void sgemmAgrees(Implementation implementation) {
    for (DType dtype : List.of(DType.BF16, DType.F32)) {
      float[] expected = sgemm(dtype, Implementation.JAVA);
      float[] actual = sgemm(dtype, implementation);
      assertAgree(expected, actual, 2.0 * 1100 * 1100 * EPS, dtype.toString());
    }
    assertEquals(2.0 * 33 * 300 * 1100 / 1e9, Rates.perOperation().get("GFLOP/s"), 1e-12);
  }

  private static float[] sgemm(DType dtype, Implementation implementation) {
    SgemmBenchmark benchmark = new SgemmBenchmark();
    benchmark.shape = "300x1100";
    benchmark.dtype = dtype;
    benchmark.rows = 33;
    benchmark.implementation = implementation;
    benchmark.setup();
    try {
      return floats(benchmark.sgemm());
    } finally {
      benchmark.close();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"SCALAR", "ACTIVE"})
  void rmsNormAgrees(Implementation implementation) {
    for (boolean addFirst : new boolean[] {false, true}) {
      List<float[]> expected = rmsNorm(addFirst, Implementation.JAVA);
      List<float[]> actual = rmsNorm(addFirst, implementation);
      for (int i = 0; i < expected.size(); i++) {
        assertAgree(expected.get(i), actual.get(i), 2 * (70 + 4) * 4 * EPS, "addFirst " + addFirst);
      }
    }
  }

  private static List<float[]> rmsNorm(boolean addFirst, Implementation implementation) {
    RmsNormBenchmark benchmark = new RmsNormBenchmark();
    benchmark.rowsByCols = "3x70";
    benchmark.addFirst = addFirst;
    benchmark.implementation = implementation;
    benchmark.setup();
    try {
      return List.of(floats(benchmark.rmsNorm()), floats(benchmark.x));
    } finally {
      benchmark.close();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"SCALAR", "ACTIVE"})
  void siluMulAgrees(Implementation implementation) {
    assertAgree(siluMul(Implementation.JAVA), siluMul(implementation), 16 * EPS, "siluMul");
  }

  private static float[] siluMul(Implementation implementation) {
    SiluMulBenchmark benchmark = new SiluMulBenchmark();
    benchmark.rowsByCols = "3x70";
    benchmark.implementation = implementation;
    benchmark.setup();
    try {
      return floats(benchmark.siluMul());
    } finally {
      benchmark.close();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"SCALAR", "ACTIVE"})
  void widenAgrees(Implementation implementation) {
    for (DType dtype : WEIGHT_TYPES) {
      for (Residency residency : Residency.values()) {
        float[] expected = widen(dtype, residency, Implementation.JAVA);
        assertAgree(expected, widen(dtype, residency, implementation), 0, dtype + " " + residency);
      }
    }
  }

  private static float[] widen(DType dtype, Residency residency, Implementation implementation) {
    WidenBenchmark benchmark = new WidenBenchmark();
    benchmark.rowsByCols = "40x1030";
    benchmark.dtype = dtype;
    benchmark.weights = residency;
    benchmark.implementation = implementation;
    benchmark.setup();
    try {
      return floats(benchmark.widen());
    } finally {
      benchmark.close();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"SCALAR", "ACTIVE"})
  void ropeAgrees(Implementation implementation) {
    List<float[]> expected = rope(Implementation.JAVA);
    List<float[]> actual = rope(implementation);
    assertAgree(expected.get(0), actual.get(0), 8 * EPS, "keys");
    assertAgree(expected.get(1), actual.get(1), 8 * EPS, "queries");
  }

  private static List<float[]> rope(Implementation implementation) {
    RopeBenchmark benchmark = new RopeBenchmark();
    benchmark.rows = 3;
    benchmark.heads = "4x2x22";
    benchmark.implementation = implementation;
    benchmark.setup();
    try {
      return List.of(floats(benchmark.rope()), floats(benchmark.q));
    } finally {
      benchmark.close();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"SCALAR", "ACTIVE"})
  void attentionAgrees(Implementation implementation) {
    for (String size : List.of("1after20", "9after0", "3after70")) {
      float[] expected = attention(size, Implementation.JAVA);
      double bound = 2 * (20 + 73 + 16) * EPS * (1 + 1); // as the contract has it
      assertAgree(expected, attention(size, implementation), bound, size);
    }
  }

  private static float[] attention(String size, Implementation implementation) {
    AttentionBenchmark benchmark = new AttentionBenchmark();
    benchmark.rowsAfterPast = size;
    benchmark.heads = "3x20";
    benchmark.implementation = implementation;
    benchmark.setup();
    try {
      return floats(benchmark.attention());
    } finally {
      benchmark.close();
    }
  }

  @Test
  void topKAgrees() {
    List<int[]> ids = new ArrayList<>();
    List<float[]> weights = new ArrayList<>();
    for (Implementation implementation :
        List.of(Implementation.JAVA, Implementation.ACTIVE, Implementation.SCALAR)) {
      TopKBenchmark benchmark = new TopKBenchmark();
      benchmark.rows = 5;
      benchmark.chosenByExperts = "3x11";
      benchmark.implementation = implementation;
      benchmark.setup();
      try {
        weights.add(floats(benchmark.topK()));
        ids.add(benchmark.ids.toArray(ValueLayout.JAVA_INT));
      } finally {
        benchmark.close();
      }
    }
    for (int i = 1; i < ids.size(); i++) {
      assertArrayEquals(ids.getFirst(), ids.get(i));
      assertAgree(weights.getFirst(), weights.get(i), 16 * EPS, "weights");
    }
  }

  @Test
  void tiersReadTheSame() {
    for (Residency residency : Residency.values()) {
      List<Long> sums = new ArrayList<>();
      for (Implementation implementation : List.of(Implementation.SCALAR, Implementation.ACTIVE)) {
        BandwidthBenchmark benchmark = new BandwidthBenchmark();
        benchmark.data = residency;
        benchmark.implementation = implementation;
        benchmark.setup();
        try {
          sums.add(benchmark.read());
        } finally {
          benchmark.close();
        }
      }
      assertEquals(sums.get(0), sums.get(1), residency.toString());
    }
  }

  @ParameterizedTest
  @EnumSource
  void copyCopies(Residency residency) {
    CopyBenchmark benchmark = new CopyBenchmark();
    benchmark.data = residency;
    benchmark.setup();
    try {
      assertTrue(benchmark.copy().byteSize() > 0);
      assertTrue(benchmark.firstCopyMatches());
    } finally {
      benchmark.close();
    }
  }

  @ParameterizedTest
  @EnumSource(names = {"SCALAR", "ACTIVE"})
  void peakCountsOperations(Implementation implementation) {
    PeakBenchmark benchmark = new PeakBenchmark();
    benchmark.implementation = implementation;
    benchmark.setup();
    assertEquals(benchmark.fma() / 1e9, Rates.perOperation().get("GFLOP/s"), 1e-12);
  }

  @Test
  void emptyCallsAreAllowed() {
    DowncallBenchmark benchmark = new DowncallBenchmark();
    benchmark.setup();
    try {
      assertTrue(benchmark.nothing().isNative());
      assertTrue(benchmark.bare() > 0);
      assertEquals(0, benchmark.oneOperand());
      benchmark.threeOperands();
    } finally {
      benchmark.close();
    }
  }

  @Test
  void scalarIsUndone() {
    String active = NativeLibraries.activeIsa();
    Implementation.SCALAR.select();
    assertEquals("scalar", NativeLibraries.activeIsa());
    Implementation.OPENBLAS.select();
    assertEquals(active, NativeLibraries.activeIsa());
  }
}
