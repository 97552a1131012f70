package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.management.ManagementFactory;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.ConcurrentUseException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.tensor.DType;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SessionTest {
  // Different ways to the same numbers go through different kernels (gemv, sgemm), so they agree to
  // f32 rounding only; rounded to bf16 in the cache, that would be seen more.
  private static final float TOLERANCE = 2e-4f;
  private static GraniteForCausalLM model;

  @BeforeAll
  static void load() throws IOException {
    model = GraniteForCausalLM.load(DemoModel.directory()).withPrecision(Precision.F32);
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static int[] ids(int count) {
    return new Random(count).ints(count, 3, 4096).toArray();
  }

  private static float[] row(float[] logits, int row) {
    int vocabulary = model.config().vocabSize();
    return Arrays.copyOfRange(logits, row * vocabulary, (row + 1) * vocabulary);
  }

  private static float[] forward(int... ids) {
    try (ForwardOutput out = model.forward(ForwardInput.ofIds(ids).build())) {
      return out.logits().toFloatArray();
    }
  }

  private static float[] floats(MemorySegment segment, int count) {
    return segment.asSlice(0, count * 4L).toArray(ValueLayout.JAVA_FLOAT);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 7, 40})
  void tokensOneByOneOrInPiecesGiveWhatTheyGiveAtOnce(int piece) {
    int[] ids = ids(40);
    float[] want = row(forward(ids), 39);
    try (Session session = model.newSession();
        KvCache cache = model.newCache(1, 0)) {
      MemorySegment got = null;
      for (int first = 0; first < ids.length; first += piece) {
        int[] next = Arrays.copyOfRange(ids, first, Math.min(first + piece, ids.length));
        got = session.nextLogits(cache, next, next.length, null, null, 0);
      }
      assertEquals(40, cache.length());
      assertArrayEquals(want, floats(got, want.length), TOLERANCE);
    }
  }

  @Test
  void promptsLongerThanABlockGiveWhatTheyGiveInPieces() {
    int[] ids = ids(Session.BLOCK_ROWS + 90);
    try (Session session = model.newSession();
        KvCache whole = model.newCache(1, 0);
        KvCache pieces = model.newCache(1, 0)) {
      float[] want = floats(session.nextLogits(whole, ids, ids.length, null, null, 0), 4096);
      int[] head = Arrays.copyOf(ids, 300);
      int[] tail = Arrays.copyOfRange(ids, 300, ids.length);
      session.nextLogits(pieces, head, head.length, null, null, 0);
      float[] got = floats(session.nextLogits(pieces, tail, tail.length, null, null, 0), 4096);
      assertArrayEquals(want, got, TOLERANCE);
    }
  }

  @Test
  void logitsToKeepAreTheLastOnes() {
    int[] ids = ids(12);
    float[] all = forward(ids);
    try (ForwardOutput out = model.forward(ForwardInput.ofIds(ids).logitsToKeep(2).build())) {
      assertTrue(out.logits().hasShape(1, 2, 4096));
      float[] kept = out.logits().toFloatArray();
      assertArrayEquals(row(all, 10), row(kept, 0), TOLERANCE);
      assertArrayEquals(row(all, 11), row(kept, 1), TOLERANCE);
    }
  }

  /**
   * What checking drafts rests on: dense and experts, with keys in one block of attention or more.
   */
  @ParameterizedTest
  @ValueSource(ints = {2, 3, 8, 9, Session.EXACT_ROWS})
  void rowsOfASmallPassAreBitForBitWhatTheyAreAlone(int rows) {
    GraniteConfig config =
        GraniteConfig.builder()
            .vocabSize(199)
            .hiddenSize(96)
            .intermediateSize(200)
            .numHiddenLayers(2)
            .numAttentionHeads(6)
            .numKeyValueHeads(2)
            .build();
    try (GraniteForCausalLM dense = GraniteForCausalLM.random(config, DType.BF16, 5)) {
      for (GraniteForCausalLM each : List.of(model, dense)) {
        for (int past : new int[] {1, 37, 700}) {
          assertRowsAreWhatTheyAreAlone(each, past, rows);
        }
      }
    }
  }

  private static void assertRowsAreWhatTheyAreAlone(GraniteForCausalLM model, int past, int rows) {
    int vocabulary = model.config().vocabSize();
    int[] before = new Random(past).ints(past, 3, vocabulary).toArray();
    int[] ids = new Random(rows).ints(rows, 3, vocabulary).toArray();
    try (Session session = model.newSession();
        KvCache one = model.newCache(1, 0);
        KvCache all = model.newCache(1, 0)) {
      session.nextLogits(one, before, past, null, null, 0);
      session.nextLogits(all, before, past, null, null, 0);
      float[] got = floats(session.allLogits(all, ids, rows, null, null, 0), rows * vocabulary);
      for (int row = 0; row < rows; row++) {
        int[] id = {ids[row]};
        float[] want = floats(session.nextLogits(one, id, 1, null, null, 0), vocabulary);
        assertArrayEquals(
            want, Arrays.copyOfRange(got, row * vocabulary, (row + 1) * vocabulary), "row " + row);
      }
      all.truncate(past);
      assertThrows(
          IllegalArgumentException.class,
          () -> session.allLogits(all, new int[513], 513, null, null, 0));
    }
  }

  @Test
  void logitsToKeepAreThoseOfTheTokensGiven() {
    int rows = Session.BLOCK_ROWS / 2; // of each of two sequences in a block
    int[] one = ids(rows + 4);
    int[] two = ids(rows + 4);
    two[0] = 77;
    int[] tokens = {rows + 1, rows - 2, rows - 1, rows, rows + 1, 3, 3, 0};
    ForwardInput.Builder input = ForwardInput.ofIds(one, two);
    try (ForwardOutput whole = model.forward(input.build());
        ForwardOutput some = model.forward(input.logitsToKeep(tokens).build())) {
      assertTrue(some.logits().hasShape(2, tokens.length, 4096));
      for (int sequence = 0; sequence < 2; sequence++) {
        for (int i = 0; i < tokens.length; i++) {
          assertArrayEquals(
              whole.logits().get(sequence).get(tokens[i]).toFloatArray(),
              some.logits().get(sequence).get(i).toFloatArray(),
              TOLERANCE);
        }
      }
    }
  }

  @Test
  void packedSequencesDoNotSeeEachOther() {
    int[] a = ids(5);
    int[] b = ids(9);
    int[] packed = new int[14];
    int[] positions = new int[14];
    for (int i = 0; i < 14; i++) {
      packed[i] = i < 5 ? a[i] : b[i - 5];
      positions[i] = i < 5 ? i : i - 5;
    }
    try (ForwardOutput out =
        model.forward(ForwardInput.ofIds(packed).positionIds(new int[][] {positions}).build())) {
      float[] got = out.logits().toFloatArray();
      assertArrayEquals(row(forward(a), 4), row(got, 4), TOLERANCE);
      assertArrayEquals(row(forward(b), 8), row(got, 13), TOLERANCE);
    }
  }

  @Test
  void failedCallLeavesTheGivenCacheAsItWas() {
    try (Session session = model.newSession();
        KvCache cache = model.newCache(1, 0)) {
      session.nextLogits(cache, ids(6), 6, null, null, 0);
      session.setCancellation(() -> true);
      ForwardInput input = ForwardInput.ofIds(ids(3)).pastKeyValues(cache).build();
      assertThrows(CancellationException.class, () -> session.forward(input));
      assertEquals(6, cache.length());
      session.setCancellation(() -> false);
      try (ForwardOutput out = session.forward(input)) {
        assertEquals(9, out.pastKeyValues().length());
      }
    }
  }

  @Test
  void inputsThatDoNotFitAreRefusedByName() {
    int[] ids = ids(4);
    refused("input_ids: row 1 has 2 columns", ForwardInput.ofIds(ids, new int[2]));
    refused("token id 5000 at [0, 0]", ForwardInput.ofIds(new int[] {5000}));
    refused("at least one", ForwardInput.ofIds());
    refused("attention_mask", ForwardInput.ofIds(ids).attentionMask(new int[1][3]));
    refused("position_ids", ForwardInput.ofIds(ids).positionIds(new int[][] {{0, 1, -2, 3}}));
    refused("labels: 4096", ForwardInput.ofIds(ids).labels(new int[][] {{1, 2, 3, 4096}}));
    refused("logits_to_keep", ForwardInput.ofIds(ids).logitsToKeep(-1));
    refused("logits_to_keep: token 4", ForwardInput.ofIds(ids).logitsToKeep(new int[] {0, 4}));
    refused("logits_to_keep: token -1", ForwardInput.ofIds(ids).logitsToKeep(new int[] {-1}));
    refused("logits_to_keep: no tokens", ForwardInput.ofIds(ids).logitsToKeep(new int[0]));
    refused(
        "labels",
        ForwardInput.ofIds(ids).labels(new int[][] {ids}).logitsToKeep(new int[] {0, 1, 2, 3}));
    try (KvCache two = model.newCache(2, 0)) {
      refused("pastKeyValues", ForwardInput.ofIds(ids).pastKeyValues(two));
    }
  }

  private static void refused(String part, ForwardInput.Builder input) {
    IllegalArgumentException e =
        assertThrows(IllegalArgumentException.class, () -> model.forward(input.build()));
    assertTrue(e.getMessage().contains(part), e.getMessage());
  }

  @Test
  @SuppressWarnings("try") // closes early, and twice
  void cacheBelongsToThePassThatIsUnderWay() {
    try (Session session = model.newSession();
        Session other = model.newSession();
        KvCache cache = model.newCache(1, 0)) {
      session.nextLogits(cache, ids(6), 6, null, null, 0);
      session.setCancellation(() -> {
        int[] ids = ids(3);
        ForwardInput input = ForwardInput.ofIds(ids).pastKeyValues(cache).build();
        assertThrows(ConcurrentUseException.class, cache::close);
        assertThrows(ConcurrentUseException.class, cache::copy);
        assertThrows(ConcurrentUseException.class, () -> cache.truncate(0));
        assertThrows(ConcurrentUseException.class, () -> cache.reorder(new int[1], 0));
        assertThrows(ConcurrentUseException.class, () -> cache.select(new int[1], 0));
        assertThrows(ConcurrentUseException.class, () -> other.forward(input));
        assertThrows(
            ConcurrentUseException.class, () -> other.nextLogits(cache, ids, 3, null, null, 0));
        return false;
      });
      session.nextLogits(cache, ids(3), 3, null, null, 0);
      assertEquals(9, cache.length());
      session.setCancellation(() -> false);
      other.nextLogits(cache, ids(3), 3, null, null, 0);
      assertEquals(12, cache.length());
      cache.close();
      cache.close();
      ForwardInput input = ForwardInput.ofIds(ids(3)).pastKeyValues(cache).build();
      assertThrows(ClosedException.class, () -> session.forward(input));
      assertThrows(ClosedException.class, () -> session.allLogits(cache, ids(3), 3, null, null, 0));
      assertThrows(ClosedException.class, cache::copy);
      try (KvCache fresh = model.newCache(1, 0)) {
        session.nextLogits(fresh, ids(3), 3, null, null, 0);
      }
    }
  }

  @Test
  void usedAfterCloseIsRefused() {
    Session session = model.newSession();
    session.close();
    session.close();
    assertThrows(ClosedException.class, () -> session.forward(ForwardInput.ofIds(ids(2)).build()));
  }

  /**
   * What the caller's thread allocates per token once the compilers are done; the pool's threads
   * run the same code.
   */
  @Test
  void decodingAllocatesNothingPerToken() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    int[] one = {77};
    try (Session session = model.newSession();
        KvCache cache = model.newCache(1, 1000)) {
      long least = Long.MAX_VALUE;
      // Ends with the first round that allocates nothing; on a busy machine compilers take long.
      for (int round = 0; round < 600 && least > 0; round++) {
        cache.truncate(0);
        session.nextLogits(cache, one, 1, null, null, 0); // looks at the files
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < 100; i++) {
          session.nextLogits(cache, one, 1, null, null, 0);
        }
        least = Math.min(least, threads.getCurrentThreadAllocatedBytes() - before);
      }
      assertEquals(0, least, "bytes in 100 tokens, least of all rounds");
    }
  }
}
