package org.graniteffm.runtime.embed;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.model.BaseModelOutput;
import org.graniteffm.runtime.model.ForwardInput;
import org.graniteffm.runtime.model.GraniteModel;
import org.graniteffm.runtime.model.Precision;
import org.graniteffm.runtime.model.Session;
import org.graniteffm.runtime.tensor.Tensor;
import org.graniteffm.runtime.verify.GoldenFolders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class EmbedderTest {
  private static final String DENSE = "granite_gqa_bf16";
  private static final String EXPERTS = "granitemoe_8x2_bf16";
  private static final float TOLERANCE = 2e-4f; // of elements in the order of 1

  private static Path golden(String name) {
    return GoldenFolders.bundled().resolve(name);
  }

  /** Of all lengths, and of more tokens together than one pass takes. */
  private static List<int[]> texts() {
    Random random = new Random(11);
    List<int[]> texts = new ArrayList<>(List.of(new int[] {7}, new int[] {7}, new int[] {3, 4}));
    for (int i = 0; i < 40; i++) {
      texts.add(random.ints(1 + random.nextInt(30), 0, 90).toArray());
    }
    assertTrue(texts.stream().mapToInt(t -> t.length).sum() > Session.BLOCK_ROWS);
    return texts;
  }

  /** Straight from a pass over one text alone. */
  private static float[] direct(GraniteModel model, int[] ids, Pooling pooling) {
    int width = model.config().hiddenSize();
    try (BaseModelOutput output = model.forward(ForwardInput.ofIds(ids).build())) {
      float[] states = output.lastHiddenState().toFloatArray();
      if (pooling == Pooling.LAST_TOKEN) {
        return Arrays.copyOfRange(states, states.length - width, states.length);
      }
      float[] mean = new float[width];
      for (int i = 0; i < states.length; i++) {
        mean[i % width] += states[i] / ids.length;
      }
      return mean;
    }
  }

  @ParameterizedTest
  @EnumSource
  void vectorsAreThoseOfEachTextAlone(Pooling pooling) throws IOException {
    for (String name : List.of(DENSE, EXPERTS)) {
      try (GraniteModel model = GraniteModel.load(golden(name)).withPrecision(Precision.F32)) {
        Embedder embedder = new Embedder(model, pooling, false);
        List<int[]> texts = texts();
        List<float[]> together = embedder.embed(texts);
        assertEquals(texts.size(), together.size());
        for (int i = 0; i < texts.size(); i++) {
          float[] want = direct(model, texts.get(i), pooling);
          assertEquals(embedder.dimension(), together.get(i).length);
          assertArrayEquals(want, together.get(i), TOLERANCE, name + ", text " + i);
          assertArrayEquals(want, embedder.embed(texts.get(i)), TOLERANCE, name + ", text " + i);
        }
      }
    }
  }

  @Test
  void defaultIsMeanOfLengthOne() throws IOException {
    try (GraniteModel model = GraniteModel.load(golden(DENSE))) {
      int[] ids = {5, 17, 3, 60};
      float[] mean = new Embedder(model, Pooling.MEAN, false).embed(ids);
      float[] normal = new Embedder(model).embed(ids);
      double length = 0;
      double squares = 0;
      for (int i = 0; i < mean.length; i++) {
        length += (double) mean[i] * mean[i];
        squares += (double) normal[i] * normal[i];
      }
      assertEquals(1, squares, 1e-5);
      for (int i = 0; i < mean.length; i++) {
        assertEquals(mean[i] / Math.sqrt(length), normal[i], 1e-6);
      }
    }
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void paddingOnEitherSideCountsForNothing(boolean left) throws IOException {
    int[] text = {5, 17, 3};
    int[] longer = {9, 8, 7, 6, 5};
    int[] padded = left ? new int[] {0, 0, 5, 17, 3} : new int[] {5, 17, 3, 0, 0};
    int[] positions = left ? new int[] {0, 0, 0, 1, 2} : new int[] {0, 1, 2, 3, 4};
    int[][] mask = {left ? new int[] {0, 0, 1, 1, 1} : new int[] {1, 1, 1, 0, 0}, {1, 1, 1, 1, 1}};
    try (GraniteModel model = GraniteModel.load(golden(DENSE));
        BaseModelOutput output =
            model.forward(
                ForwardInput.ofIds(padded, longer)
                    .attentionMask(mask)
                    .positionIds(new int[][] {positions, {0, 1, 2, 3, 4}})
                    .build())) {
      for (Pooling pooling : Pooling.values()) {
        float[][] got = pooling.pool(output.lastHiddenState(), mask);
        assertArrayEquals(direct(model, text, pooling), got[0], TOLERANCE);
        assertArrayEquals(direct(model, longer, pooling), got[1], TOLERANCE);
      }
    }
  }

  @Test
  void meanAndLastTokenOfKnownStates() {
    try (Arena arena = Arena.ofConfined()) {
      Tensor states = Tensor.ofFloats(arena, new float[] {1, 2, 3, 4, 5, 6, 7, 8}, 1, 4, 2);
      assertArrayEquals(new float[] {4, 5}, Pooling.MEAN.pool(states, null)[0]);
      assertArrayEquals(new float[] {7, 8}, Pooling.LAST_TOKEN.pool(states, null)[0]);
      int[][] mask = {{1, 0, 1, 0}};
      assertArrayEquals(new float[] {3, 4}, Pooling.MEAN.pool(states, mask)[0]);
      assertArrayEquals(new float[] {5, 6}, Pooling.LAST_TOKEN.pool(states, mask)[0]);
    }
  }

  @Test
  void whatDoesNotFitIsRefused() throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Tensor states = Tensor.ofFloats(arena, new float[4], 1, 2, 2);
      for (int[][] mask :
          List.of(new int[][] {{1}}, new int[][] {{1, 1}, {1, 1}}, new int[][] {{0, 0}})) {
        IllegalArgumentException e =
            assertThrows(IllegalArgumentException.class, () -> Pooling.MEAN.pool(states, mask));
        assertTrue(e.getMessage().startsWith("attention_mask: "), e.getMessage());
      }
      assertThrows(IllegalArgumentException.class, () -> Pooling.MEAN.pool(states.get(0), null));
    }
    GraniteModel model = GraniteModel.load(golden(DENSE));
    Embedder embedder = new Embedder(model);
    for (int[] ids :
        List.of(new int[0], new int[] {1, -1}, new int[] {model.config().vocabSize()})) {
      IllegalArgumentException e =
          assertThrows(
              IllegalArgumentException.class, () -> embedder.embed(List.of(new int[] {1}, ids)));
      assertTrue(e.getMessage().startsWith("input_ids: "), e.getMessage());
    }
    assertEquals(List.of(), embedder.embed(List.of()));
    model.close();
    assertThrows(ClosedException.class, () -> embedder.embed(new int[] {1}));
  }
}
