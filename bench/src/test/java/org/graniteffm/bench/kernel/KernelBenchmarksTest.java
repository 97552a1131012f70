package org.graniteffm.bench.kernel;

import static org.graniteffm.bench.Agreement.assertAgree;
import static org.graniteffm.bench.Agreement.floats;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;
import java.util.function.Supplier;
import org.graniteffm.bench.Rates;
import org.graniteffm.bench.Residency;
import org.graniteffm.bench.Tier;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.bindings.UnsupportedIsaException;
import org.graniteffm.runtime.tensor.DType;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Runs each benchmark small, and compares its implementations with the loop in Java. */
class KernelBenchmarksTest {
  private static final double EPS = 0x1p-23; // of f32
  private static final List<DType> WEIGHT_TYPES = List.of(DType.BF16, DType.F16, DType.F32);
  private static final List<DType> CACHE_TYPES = List.of(DType.F32, DType.BF16);

  @BeforeEach
  void forgetRates() {
    Rates.clear();
  }

  /** One way to do the job of a benchmark. */
  private interface Body<B> {
    MemorySegment run(B benchmark);
  }

  /** The kernel on every tier that this CPU has. */
  private static <B> List<Body<B>> tiers(KernelBody<B> kernel) {
    List<Body<B>> bodies = new ArrayList<>();
    for (String name : NativeLibraries.availableIsas()) {
      bodies.add(benchmark -> {
        Tier tier = new Tier();
        tier.tier = name;
        tier.select();
        try {
          assertEquals(name, NativeLibraries.activeIsa());
          return kernel.run(benchmark, tier);
        } finally {
          tier.restore();
        }
      });
    }
    return bodies;
  }

  private interface KernelBody<B> {
    MemorySegment run(B benchmark, Tier tier);
  }

  /**
   * Compares all ways with the first, each on operands of its own; and each with itself on another
   * copy of the operands.
   */
  private static <B extends KernelBenchmark> void compare(
      Supplier<B> setUp,
      Body<B> plainJava,
      List<Body<B>> others,
      Function<B, float[]> alsoWritten,
      double bound,
      String what) {
    float[] expected;
    float[] expectedToo;
    try (B benchmark = setUp.get()) {
      expected = floats(plainJava.run(benchmark));
      expectedToo = alsoWritten.apply(benchmark);
    }
    for (int i = 0; i < others.size(); i++) {
      try (B benchmark = setUp.get()) {
        String which = what + " by " + i;
        assertAgree(expected, floats(others.get(i).run(benchmark)), bound, which);
        assertAgree(expectedToo, alsoWritten.apply(benchmark), bound, which + ", also written");
      }
    }
    assertTrue(others.size() >= NativeLibraries.availableIsas().size());
    assertTrue(Rates.perOperation().get("GB/s") > 0);
    assertTrue(Rates.perOperation().get("GFLOP/s") > 0);
  }

  private static <B extends KernelBenchmark> void compare(
      Supplier<B> setUp, Body<B> plainJava, List<Body<B>> others, double bound, String what) {
    compare(setUp, plainJava, others, _ -> new float[] {1}, bound, what);
  }

  @ParameterizedTest
  @EnumSource
  void gemvAgrees(Residency residency) {
    List<Body<GemvBenchmark>> others = tiers(GemvBenchmark::kernel);
    others.add(GemvBenchmark::openblas);
    others.add(GemvBenchmark::vectorApi);
    // |x| and |w| are at most 1, and both sides add 1100 products
    double bound = 2.0 * 1100 * 1100 * EPS;
    for (DType dtype : WEIGHT_TYPES) {
      for (int rows : new int[] {1, 4, 5}) {
        compare(
            () -> gemv(dtype, residency, rows),
            GemvBenchmark::plainJava,
            others,
            bound,
            dtype + " " + rows);
      }
    }
    long rows = residency.rows(300, 1100 * 4);
    assertEquals(rows * 1100 * 4 / 1e9, Rates.perOperation().get("GB/s"), 1e-12);
    assertEquals(2 * 5 * rows * 1100 / 1e9, Rates.perOperation().get("GFLOP/s"), 1e-12);
  }

  private static GemvBenchmark gemv(DType dtype, Residency residency, int rows) {
    GemvBenchmark benchmark = new GemvBenchmark();
    benchmark.shape = "test:300x1100"; // more than a panel either way
    benchmark.dtype = dtype;
    benchmark.rows = rows;
    benchmark.residency = residency;
    benchmark.setup();
    return benchmark;
  }

  @Test
  void copiesOfOperandsAreTakenInTurnAndAreTheSame() {
    try (GemvBenchmark benchmark = gemv(DType.BF16, Residency.DRAM, 1)) {
      float[] first = floats(benchmark.plainJava());
      for (int i = 0; i < 5; i++) { // there are fewer copies
        assertAgree(first, floats(benchmark.plainJava()), 0, "copy");
      }
    }
  }

  @Test
  void gemmAgrees() {
    List<Body<GemmBenchmark>> others = tiers(GemmBenchmark::kernel);
    others.add(GemmBenchmark::openblas);
    others.add(GemmBenchmark::vectorApi);
    for (DType dtype : List.of(DType.BF16, DType.F32)) {
      compare(
          () -> {
            GemmBenchmark benchmark = new GemmBenchmark();
            benchmark.shape = "300x1100";
            benchmark.dtype = dtype;
            benchmark.tokens = 33;
            benchmark.residency = Residency.DRAM;
            benchmark.setup();
            return benchmark;
          },
          GemmBenchmark::plainJava,
          others,
          2.0 * 1100 * 1100 * EPS,
          dtype.toString());
    }
    assertEquals(2.0 * 33 * 300 * 1100 / 1e9, Rates.perOperation().get("GFLOP/s"), 1e-12);
  }

  @ParameterizedTest
  @EnumSource
  void packAgrees(Residency residency) {
    compare(
        () -> {
          PackBf16Benchmark benchmark = new PackBf16Benchmark();
          benchmark.rowsByCols = "32x64"; // nothing fills up
          benchmark.residency = residency;
          benchmark.setup();
          return benchmark;
        },
        PackBf16Benchmark::plainJava,
        tiers(PackBf16Benchmark::kernel),
        0,
        "pack");
  }

  @Test
  void packedGemmAgrees() {
    List<Body<GemmBf16Benchmark>> others = tiers(GemmBf16Benchmark::kernel);
    others.add(GemmBf16Benchmark::openblas);
    others.add(GemmBf16Benchmark::vectorApi);
    compare(
        () -> {
          GemmBf16Benchmark benchmark = new GemmBf16Benchmark();
          benchmark.shape = "70x110";
          benchmark.tokens = 33;
          benchmark.residency = Residency.DRAM;
          benchmark.setup();
          return benchmark;
        },
        GemmBf16Benchmark::plainJava,
        others,
        2.0 * 110 * 110 * EPS,
        "packed");
  }

  @Test
  void groupedGemmAgrees() {
    List<Body<GemmGroupedBf16Benchmark>> others = tiers(GemmGroupedBf16Benchmark::kernel);
    others.addAll(tiers(GemmGroupedBf16Benchmark::oneByOne));
    compare(
        () -> {
          GemmGroupedBf16Benchmark benchmark = new GemmGroupedBf16Benchmark();
          benchmark.residency = Residency.DRAM;
          benchmark.shape = "70x110";
          benchmark.tokens = 21;
          benchmark.setup();
          return benchmark;
        },
        GemmGroupedBf16Benchmark::plainJava,
        others,
        2.0 * 110 * 110 * EPS,
        "grouped");
  }

  @Test
  void packedGateAgrees() {
    compare(
        () -> {
          SiluMulGemmBf16Benchmark benchmark = new SiluMulGemmBf16Benchmark();
          benchmark.shape = "70x16";
          benchmark.tokens = 33;
          benchmark.residency = Residency.DRAM;
          benchmark.setup();
          return benchmark;
        },
        SiluMulGemmBf16Benchmark::plainJava,
        tiers(SiluMulGemmBf16Benchmark::kernel),
        0x1p-4, // a bfloat16 below 16 is so far from the next; results are pairs of them
        "packed gate");
  }

  @Test
  void groupedGateAgrees() {
    compare(
        () -> {
          SiluMulGemmGroupedBf16Benchmark benchmark = new SiluMulGemmGroupedBf16Benchmark();
          benchmark.residency = Residency.DRAM;
          benchmark.shape = "64x16";
          benchmark.tokens = 21;
          benchmark.setup();
          return benchmark;
        },
        SiluMulGemmGroupedBf16Benchmark::plainJava,
        tiers(SiluMulGemmGroupedBf16Benchmark::kernel),
        0x1p-4,
        "grouped gate");
  }

  @ParameterizedTest
  @EnumSource
  void rmsNormAgrees(Residency residency) {
    List<Body<RmsNormBenchmark>> others = tiers(RmsNormBenchmark::kernel);
    others.add(RmsNormBenchmark::vectorApi);
    compare(
        () -> {
          RmsNormBenchmark benchmark = new RmsNormBenchmark();
          benchmark.rowsByCols = "3x70";
          benchmark.residency = residency;
          benchmark.setup();
          return benchmark;
        },
        RmsNormBenchmark::plainJava,
        others,
        2 * (70 + 4) * 4 * EPS,
        "rmsNorm");
  }

  @ParameterizedTest
  @EnumSource
  void addRmsNormAgrees(Residency residency) {
    List<Body<AddRmsNormBenchmark>> others = tiers(AddRmsNormBenchmark::kernel);
    others.add(AddRmsNormBenchmark::vectorApi);
    compare(
        () -> {
          AddRmsNormBenchmark benchmark = new AddRmsNormBenchmark();
          benchmark.rowsByCols = "3x70";
          benchmark.residency = residency;
          benchmark.setup();
          return benchmark;
        },
        AddRmsNormBenchmark::plainJava,
        others,
        benchmark -> floats(benchmark.x.last()),
        2 * (70 + 4) * 4 * EPS,
        "addRmsNorm");
  }

  @ParameterizedTest
  @EnumSource
  void addScaledAgrees(Residency residency) {
    List<Body<AddScaledBenchmark>> others = tiers(AddScaledBenchmark::kernel);
    others.add(AddScaledBenchmark::vectorApi);
    compare(
        () -> {
          AddScaledBenchmark benchmark = new AddScaledBenchmark();
          benchmark.rowsByCols = "3x70";
          benchmark.residency = residency;
          benchmark.setup();
          return benchmark;
        },
        AddScaledBenchmark::plainJava,
        others,
        2 * EPS,
        "addScaled");
  }

  @ParameterizedTest
  @EnumSource
  void siluMulAgrees(Residency residency) {
    List<Body<SiluMulBenchmark>> others = tiers(SiluMulBenchmark::kernel);
    others.add(SiluMulBenchmark::vectorApi);
    compare(
        () -> {
          SiluMulBenchmark benchmark = new SiluMulBenchmark();
          benchmark.rowsByCols = "3x70";
          benchmark.residency = residency;
          benchmark.setup();
          return benchmark;
        },
        SiluMulBenchmark::plainJava,
        others,
        16 * EPS,
        "siluMul");
  }

  @ParameterizedTest
  @EnumSource
  void actMulAgrees(ActMulBenchmark.Activation activation) {
    compare(
        () -> {
          ActMulBenchmark benchmark = new ActMulBenchmark();
          benchmark.activation = activation;
          benchmark.rowsByCols = "3x70";
          benchmark.residency = Residency.DRAM;
          benchmark.setup();
          return benchmark;
        },
        ActMulBenchmark::plainJava,
        tiers(ActMulBenchmark::kernel),
        16 * EPS,
        activation.toString());
  }

  @ParameterizedTest
  @EnumSource
  void widenAgrees(Residency residency) {
    List<Body<WidenBenchmark>> others = tiers(WidenBenchmark::kernel);
    others.add(WidenBenchmark::vectorApi);
    for (DType dtype : WEIGHT_TYPES) {
      compare(
          () -> {
            WidenBenchmark benchmark = new WidenBenchmark();
            benchmark.rowsByCols = "40x1030";
            benchmark.dtype = dtype;
            benchmark.residency = residency;
            benchmark.setup();
            return benchmark;
          },
          WidenBenchmark::plainJava,
          others,
          0,
          dtype.toString());
    }
  }

  @ParameterizedTest
  @EnumSource
  void narrowAgrees(Residency residency) {
    for (DType dtype : CACHE_TYPES) {
      compare(
          () -> {
            NarrowBenchmark benchmark = new NarrowBenchmark();
            benchmark.rowsByCols = "40x1030"; // an even number: results are read as floats
            benchmark.dtype = dtype;
            benchmark.residency = residency;
            benchmark.setup();
            return benchmark;
          },
          NarrowBenchmark::plainJava,
          tiers(NarrowBenchmark::kernel),
          0,
          dtype.toString());
    }
  }

  @ParameterizedTest
  @EnumSource
  void ropeAgrees(Residency residency) {
    List<Body<RopeBenchmark>> others = tiers(RopeBenchmark::kernel);
    others.add(RopeBenchmark::vectorApi);
    compare(
        () -> {
          RopeBenchmark benchmark = new RopeBenchmark();
          benchmark.positions = 3;
          benchmark.heads = "4x2x22";
          benchmark.residency = residency;
          benchmark.setup();
          return benchmark;
        },
        RopeBenchmark::plainJava,
        others,
        benchmark -> floats(benchmark.q.last()),
        8 * EPS,
        "rope");
  }

  @ParameterizedTest
  @EnumSource
  void attentionAgrees(Residency residency) {
    for (DType dtype : CACHE_TYPES)
      for (String size : List.of("1after20", "9after0", "3after70")) {
        compare(
            () -> {
              AttentionBenchmark benchmark = new AttentionBenchmark();
              benchmark.rowsAfterPast = size;
              benchmark.heads = "3x20";
              benchmark.dtype = dtype;
              benchmark.residency = residency;
              benchmark.setup();
              return benchmark;
            },
            AttentionBenchmark::plainJava,
            tiers(AttentionBenchmark::kernel),
            2 * (20 + 73 + 16) * EPS * (1 + 1), // as the contract has it
            dtype + " " + size);
      }
  }

  @ParameterizedTest
  @EnumSource
  void roundedAttentionAgrees(Residency residency) {
    for (DType dtype : CACHE_TYPES)
      for (String size : List.of("1after20", "9after0", "33after70")) {
        compare(
            () -> {
              AttentionBf16Benchmark benchmark = new AttentionBf16Benchmark();
              benchmark.rowsAfterPast = size;
              benchmark.heads = "3x20";
              benchmark.dtype = dtype;
              benchmark.residency = residency;
              benchmark.setup();
              return benchmark;
            },
            AttentionBf16Benchmark::plainJava,
            tiers(AttentionBf16Benchmark::kernel),
            Math.expm1(1 / 128.0) + 1 / 128.0 + 1e-4, // as the contract has it: scores are below 1
            dtype + " " + size);
      }
  }

  @ParameterizedTest
  @EnumSource
  void attentionProbsAgree(Residency residency) {
    for (String size : List.of("1after20", "9after0")) {
      compare(
          () -> {
            AttentionProbsBenchmark benchmark = new AttentionProbsBenchmark();
            benchmark.rowsAfterPast = size;
            benchmark.heads = "3x20";
            benchmark.residency = residency;
            benchmark.setup();
            return benchmark;
          },
          AttentionProbsBenchmark::plainJava,
          tiers(AttentionProbsBenchmark::kernel),
          2 * (20 + 16) * EPS,
          size);
    }
  }

  @Test
  void cachedAttentionKeepsItsRows() {
    try (AttentionBenchmark benchmark = new AttentionBenchmark()) {
      benchmark.rowsAfterPast = "512after9000"; // of 512 bytes a key: 256 would fit
      benchmark.heads = "1x64";
      benchmark.dtype = DType.F32;
      benchmark.residency = Residency.CACHED;
      benchmark.setup();
      assertEquals(512 * 512 / 1e9, Rates.perOperation().get("GB/s"), 1e-12);
    }
  }

  @Test
  void topKAgrees() {
    compare(
        () -> {
          TopKBenchmark benchmark = new TopKBenchmark();
          benchmark.tokens = 5;
          benchmark.chosenByExperts = "3x11";
          benchmark.residency = Residency.CACHED;
          benchmark.setup();
          return benchmark;
        },
        TopKBenchmark::plainJava,
        tiers(TopKBenchmark::kernel),
        KernelBenchmarksTest::ids,
        16 * EPS,
        "weights");
  }

  private static float[] ids(TopKBenchmark benchmark) {
    int[] ids = benchmark.ids.toArray(ValueLayout.JAVA_INT);
    float[] floats = new float[ids.length];
    for (int i = 0; i < ids.length; i++) {
      floats[i] = ids[i]; // exact
    }
    return floats;
  }

  @ParameterizedTest
  @EnumSource
  void embedAgrees(Residency residency) {
    for (DType dtype : WEIGHT_TYPES) {
      compare(
          () -> {
            EmbedBenchmark benchmark = new EmbedBenchmark();
            benchmark.table = "50x70";
            benchmark.dtype = dtype;
            benchmark.tokens = 9;
            benchmark.residency = residency;
            benchmark.setup();
            return benchmark;
          },
          EmbedBenchmark::plainJava,
          tiers(EmbedBenchmark::kernel),
          0,
          dtype.toString());
    }
  }

  @Test
  void tiersReadTheSame() {
    for (Residency residency : Residency.values()) {
      List<Long> sums = new ArrayList<>();
      for (Body<BandwidthBenchmark> body :
          tiers((BandwidthBenchmark benchmark, Tier tier) -> {
            sums.add(benchmark.read(tier));
            return MemorySegment.NULL;
          })) {
        try (BandwidthBenchmark benchmark = new BandwidthBenchmark()) {
          benchmark.residency = residency;
          benchmark.setup();
          body.run(benchmark);
        }
      }
      assertEquals(1, sums.stream().distinct().count(), residency + ": " + sums);
    }
  }

  @ParameterizedTest
  @EnumSource
  void copyCopies(Residency residency) {
    try (CopyBenchmark benchmark = new CopyBenchmark()) {
      benchmark.residency = residency;
      benchmark.setup();
      float[] copy = floats(benchmark.copy());
      assertArrayEquals(floats(benchmark.original()), copy);
      assertTrue(copy.length > 0);
    }
  }

  @Test
  void peakCountsOperations() {
    List<Double> counts = new ArrayList<>();
    for (Body<PeakBenchmark> body :
        tiers((PeakBenchmark benchmark, Tier tier) -> {
          benchmark.setup(tier);
          counts.add(benchmark.fma(tier) / 1e9);
          assertEquals(counts.getLast(), Rates.perOperation().get("GFLOP/s"), 1e-12);
          return MemorySegment.NULL;
        })) {
      try (PeakBenchmark benchmark = new PeakBenchmark()) {
        body.run(benchmark);
      }
    }
    assertTrue(counts.stream().allMatch(count -> count > 0), counts.toString());
  }

  @Test
  void peakOfBf16IsThatOfAMatrixUnit() {
    for (Body<PeakBf16Benchmark> body :
        tiers((PeakBf16Benchmark benchmark, Tier tier) -> {
          benchmark.setup(tier);
          double count = benchmark.multiply(tier) / 1e9;
          assertEquals(count, Rates.perOperation().get("GFLOP/s"), 1e-12);
          assertEquals(NativeLibraries.hasMatrixUnit(), count > 0);
          return MemorySegment.NULL;
        })) {
      try (PeakBf16Benchmark benchmark = new PeakBf16Benchmark()) {
        body.run(benchmark);
      }
    }
  }

  @Test
  void emptyCallsAreAllowed() {
    try (DowncallBenchmark benchmark = new DowncallBenchmark()) {
      benchmark.setup();
      assertTrue(benchmark.nothing().isNative());
      assertTrue(benchmark.bare() > 0);
      benchmark.bareThreeOperands();
      assertEquals(0, benchmark.oneOperand());
      benchmark.threeOperands();
    }
  }

  @Test
  void tiersAreUndone() {
    String active = NativeLibraries.activeIsa();
    Tier tier = new Tier();
    tier.tier = "scalar";
    tier.select();
    assertEquals("scalar", NativeLibraries.activeIsa());
    tier.restore();
    assertEquals(active, NativeLibraries.activeIsa());
    tier.tier = "avx9";
    assertThrows(UnsupportedIsaException.class, tier::select);
    assertEquals(active, NativeLibraries.activeIsa());
  }
}
