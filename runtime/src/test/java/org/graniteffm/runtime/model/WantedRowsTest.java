package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.stream.IntStream;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.config.GraniteMoeSharedConfig;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The last layer leaves out what nobody wants: what is wanted is what a pass over everything gives,
 * to the last bit where that has no more rows than keep their own bits.
 */
class WantedRowsTest {
  private static final int VOCABULARY = 97;
  private static final int LAYERS = 3;
  private static final float TOLERANCE = 2e-4f; // as in SessionTest
  private static final float EXACT = 0;
  private static final float ROUNDED = 5e-2f; // activations of about 1, to 8 bits

  enum Kind {
    DENSE,
    EXPERTS,
    SHARED
  }

  private static final Map<Kind, GraniteForCausalLM> MODELS = new EnumMap<>(Kind.class);

  @BeforeAll
  static void make() {
    for (Kind kind : Kind.values()) {
      MODELS.put(
          kind,
          GraniteForCausalLM.random(config(kind), DType.BF16, 11).withPrecision(Precision.F32));
    }
  }

  @AfterAll
  static void close() {
    MODELS.values().forEach(GraniteForCausalLM::close);
  }

  private static GraniteConfig config(Kind kind) {
    GraniteConfig.Builder<?> builder =
        switch (kind) {
          case DENSE -> GraniteConfig.builder().intermediateSize(80);
          case EXPERTS ->
              GraniteMoeConfig.builder()
                  .numLocalExperts(6)
                  .numExpertsPerTok(2)
                  .intermediateSize(24);
          case SHARED ->
              GraniteMoeSharedConfig.builder()
                  .sharedIntermediateSize(40)
                  .numLocalExperts(6)
                  .numExpertsPerTok(2)
                  .intermediateSize(24);
        };
    return builder
        .vocabSize(VOCABULARY)
        .hiddenSize(48)
        .numHiddenLayers(LAYERS)
        .numAttentionHeads(6)
        .numKeyValueHeads(2)
        .initializerRange(0.2)
        .build();
  }

  private static int[] ids(int count) {
    return new Random(count).ints(count, 0, VOCABULARY).toArray();
  }

  private static int[][] ids(int batch, int tokens) {
    int[] all = ids(batch * tokens);
    return IntStream.range(0, batch)
        .mapToObj(i -> Arrays.copyOfRange(all, i * tokens, (i + 1) * tokens))
        .toArray(int[][]::new);
  }

  /** Padding on the left, of another length in each sequence; in the last all but one token. */
  private static int[][] mask(int batch, int tokens) {
    int[][] mask = new int[batch][tokens];
    for (int i = 0; i < batch; i++) {
      int padding = batch == 1 ? 0 : i * (tokens - 1) / (batch - 1);
      Arrays.fill(mask[i], padding, tokens, 1);
    }
    return mask;
  }

  private static int[][] positions(int[][] mask) {
    int[][] positions = new int[mask.length][];
    for (int i = 0; i < mask.length; i++) {
      int[] row = mask[i].clone();
      Arrays.parallelPrefix(row, Integer::sum);
      positions[i] = Arrays.stream(row).map(seen -> Math.max(0, seen - 1)).toArray();
    }
    return positions;
  }

  private static ForwardInput.Builder padded(int batch, int tokens) {
    int[][] mask = mask(batch, tokens);
    return ForwardInput.ofIds(ids(batch, tokens)).attentionMask(mask).positionIds(positions(mask));
  }

  /** Compares each sequence's kept rows with those of a pass that keeps all. */
  private static void assertKept(
      Tensor all, GraniteForCausalLM model, ForwardInput input, int[] tokens, float tolerance) {
    try (ForwardOutput some = model.forward(input)) {
      for (int sequence = 0; sequence < all.size(0); sequence++) {
        for (int i = 0; i < tokens.length; i++) {
          assertArrayEquals(
              all.get(sequence).get(tokens[i]).toFloatArray(),
              some.logits().get(sequence).get(i).toFloatArray(),
              tolerance,
              "token %d of sequence %d, with %d".formatted(tokens[i], sequence, tokens.length));
        }
      }
    }
  }

  private static void assertLastKept(
      GraniteForCausalLM model,
      ForwardInput.Builder input,
      int tokens,
      float tolerance,
      int... keep) {
    try (ForwardOutput whole = model.forward(input.build())) {
      for (int count : keep) {
        int[] last = IntStream.range(tokens - count, tokens).toArray();
        assertKept(whole.logits(), model, input.logitsToKeep(count).build(), last, tolerance);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void ofFewRowsTheWantedHaveTheirOwnBits(Kind kind) {
    GraniteForCausalLM exact = MODELS.get(kind);
    for (GraniteForCausalLM model : List.of(exact, exact.withPrecision(Precision.AUTO))) {
      assertLastKept(model, padded(2, 8), 8, EXACT, 1, 2, 3, 7);
      assertLastKept(model, ForwardInput.ofIds(ids(16)), 16, EXACT, 1, 5, 15);
    }
  }

  @ParameterizedTest
  @EnumSource
  void ofPaddedBatchesTheWantedAreTheSame(Kind kind) {
    assertLastKept(MODELS.get(kind), padded(3, 60), 60, TOLERANCE, 1, 5, 6, 40, 59);
  }

  /** Of routed tokens those differ much whose choice of experts was close. */
  @Test
  void whereRowsAreRoundedTheWantedAreAboutTheSame() {
    GraniteForCausalLM model = MODELS.get(Kind.DENSE).withPrecision(Precision.AUTO);
    assertLastKept(model, padded(3, 60), 60, ROUNDED, 1, 5, 6, 40, 59);
  }

  @ParameterizedTest
  @EnumSource
  void ofSeveralBlocksTheWantedAreTheSame(Kind kind) {
    GraniteForCausalLM model = MODELS.get(kind);
    int block = Session.BLOCK_ROWS;
    assertLastKept(
        model, ForwardInput.ofIds(ids(block + 90)), block + 90, TOLERANCE, 1, 90, 91, 300);
    assertLastKept(model, padded(2, block / 2 + 20), block / 2 + 20, TOLERANCE, 1, 20, 21, 100);
    ForwardInput.Builder input = ForwardInput.ofIds(ids(block + 90));
    try (ForwardOutput whole = model.forward(input.build())) {
      for (int[] tokens : new int[][] {{block + 3, block - 3, block, 7}, {block + 1}, {0}}) {
        assertKept(whole.logits(), model, input.logitsToKeep(tokens).build(), tokens, TOLERANCE);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void ofPackedSequencesTheWantedAreTheSame(Kind kind) {
    int[] positions =
        IntStream.range(0, 50).map(i -> i < 20 ? i : i < 41 ? i - 20 : i - 41).toArray();
    ForwardInput.Builder input =
        ForwardInput.ofIds(ids(50)).positionIds(new int[][] {positions}).useCache(false);
    assertLastKept(MODELS.get(kind), input, 50, TOLERANCE, 1, 9, 10, 31, 49);
  }

  @ParameterizedTest
  @EnumSource
  void behindACacheTheWantedAreTheSame(Kind kind) {
    GraniteForCausalLM model = MODELS.get(kind);
    for (int tokens : new int[] {4, 40, Session.BLOCK_ROWS + 5}) {
      int[] head = ids(30);
      int[] tail = ids(tokens);
      try (Session session = model.newSession();
          KvCache one = model.newCache(1, 0);
          KvCache all = model.newCache(1, 0)) {
        session.nextLogits(one, head, head.length, null, null, 0);
        float[] got = last(session.nextLogits(one, tail, tokens, null, null, 0), 1);
        session.allLogits(all, head, head.length, null, null, 0);
        float[] want = null;
        for (int first = 0; first < tokens; first += Session.BLOCK_ROWS) {
          int[] next =
              Arrays.copyOfRange(tail, first, Math.min(first + Session.BLOCK_ROWS, tokens));
          want = last(session.allLogits(all, next, next.length, null, null, 0), next.length);
        }
        assertArrayEquals(want, got, tokens <= Session.EXACT_ROWS ? EXACT : TOLERANCE);
        assertCachesAreTheSame(all, one);
      }
    }
  }

  /** The last of some rows of logits. */
  private static float[] last(MemorySegment logits, int rows) {
    long row = (long) VOCABULARY * Float.BYTES;
    return logits.asSlice((rows - 1) * row, row).toArray(ValueLayout.JAVA_FLOAT);
  }

  /** Keys and values are those of all tokens, whichever are wanted. */
  private static void assertCachesAreTheSame(KvCache want, KvCache got) {
    assertEquals(want.length(), got.length());
    for (int layer = 0; layer < LAYERS; layer++) {
      assertArrayEquals(want.keys(layer).toFloatArray(), got.keys(layer).toFloatArray());
      assertArrayEquals(want.values(layer).toFloatArray(), got.values(layer).toFloatArray());
    }
  }

  @ParameterizedTest
  @EnumSource
  void ofABatchTheNextScoresAreTheLastOnes(Kind kind) {
    GraniteForCausalLM model = MODELS.get(kind);
    int batch = 3;
    int tokens = 200; // in two blocks
    int[] ids = Arrays.stream(ids(batch, tokens)).flatMapToInt(Arrays::stream).toArray();
    try (ForwardOutput whole = model.forward(ForwardInput.ofIds(ids(batch, tokens)).build());
        Session session = model.newSession();
        KvCache cache = model.newCache(batch, 0)) {
      MemorySegment next = session.nextLogits(cache, ids, tokens, null, null, 0);
      for (int sequence = 0; sequence < batch; sequence++) {
        assertArrayEquals(
            whole.logits().get(sequence).get(tokens - 1).toFloatArray(),
            last(next, sequence + 1),
            TOLERANCE);
      }
    }
  }

  @ParameterizedTest
  @EnumSource
  void scoresOfTheEndOfATextAreThoseOfTheWhole(Kind kind) {
    int[] ids = ids(Session.BLOCK_ROWS + 90);
    try (Session session = MODELS.get(kind).newSession()) {
      double[] all = session.negativeLogLikelihoods(ids, 1);
      for (int from : new int[] {300, Session.BLOCK_ROWS, Session.BLOCK_ROWS + 1, ids.length - 1}) {
        double[] want = Arrays.copyOfRange(all, from - 1, all.length);
        assertArrayEquals(want, session.negativeLogLikelihoods(ids, from), TOLERANCE);
      }
    }
  }

  /** What is recorded of a pass is of all tokens, whichever logits are kept. */
  @ParameterizedTest
  @EnumSource
  void recordedResultsAreOfAllTokens(Kind kind) {
    GraniteForCausalLM model = MODELS.get(kind);
    ForwardInput.Builder input = padded(2, 40).useCache(false);
    try (ForwardOutput states = model.forward(input.outputHiddenStates(true).build());
        ForwardOutput some =
            model.forward(
                input.outputAttentions(true).outputRouterLogits(true).logitsToKeep(1).build());
        BaseModelOutput base = model.model().forward(padded(2, 40).useCache(false).build())) {
      assertEquals(LAYERS + 1, some.hiddenStates().size());
      for (int i = 0; i <= LAYERS; i++) {
        assertArrayEquals(
            states.hiddenStates().get(i).toFloatArray(), some.hiddenStates().get(i).toFloatArray());
      }
      assertArrayEquals(
          states.hiddenStates().getLast().toFloatArray(), base.lastHiddenState().toFloatArray());
      assertTrue(some.attentions().getLast().hasShape(2, 6, 40, 40));
      assertEquals(kind == Kind.DENSE ? 0 : LAYERS, some.routerLogits().size());
      assertArrayEquals(
          states.logits().get(1).get(39).toFloatArray(),
          some.logits().get(1).get(0).toFloatArray(),
          TOLERANCE);
    }
  }

  /** Counts the rows that are normalised behind a sublayer: twice in each layer. */
  @Test
  void lastLayerGoesOnWithWantedRowsAlone(@TempDir Path folder) throws IOException {
    int[] ids = ids(Session.BLOCK_ROWS + 90);
    Path file = folder.resolve("rows.jfr");
    try (Recording recording = new Recording();
        Session session = MODELS.get(Kind.EXPERTS).newSession();
        KvCache cache = MODELS.get(Kind.EXPERTS).newCache(1, 0)) {
      recording.enable("granite.Operation").withoutThreshold();
      recording.start();
      session.nextLogits(cache, ids, ids.length, null, null, 0);
      recording.stop();
      recording.dump(file);
    }
    String thread = Thread.currentThread().getName();
    int rows = 0;
    for (RecordedEvent event : RecordingFile.readAllEvents(file)) {
      if (event.getEventType().getName().equals("granite.Operation")
          && event.getThread().getJavaName().equals(thread)
          && event.getString("operation").equals("addRmsNorm")) {
        rows += event.getInt("rows");
      }
    }
    assertEquals(2 * (LAYERS - 1) * ids.length + 2, rows);
  }
}
