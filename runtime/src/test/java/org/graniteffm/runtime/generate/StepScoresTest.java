package org.graniteffm.runtime.generate;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.model.ForwardInput;
import org.graniteffm.runtime.model.ForwardOutput;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Scores that are kept against forward passes over all tokens at once. */
class StepScoresTest {
  private static final float TOLERANCE = 2e-4f;
  private static final int NEW_TOKENS = 12;
  private static final int[] PROMPT = {310, 420, 530, 640, 750};
  private static final int[][] BATCH = {PROMPT, {0, 0, 0, 640, 750}};
  private static final int[][] MASK = {{1, 1, 1, 1, 1}, {0, 0, 0, 1, 1}};
  private static GraniteForCausalLM model;
  private static int vocabulary;

  @BeforeAll
  static void load() throws IOException {
    model = GraniteForCausalLM.load(DemoModel.directory());
    vocabulary = model.config().vocabSize();
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static GenerationConfig.Builder both() {
    return GenerationConfig.builder()
        .maxNewTokens(NEW_TOKENS)
        .outputScores(true)
        .outputLogits(true);
  }

  private static Generation generate(int[][] prompts, int[][] mask, GenerationConfig config) {
    try (Generator generator = new Generator(model)) {
      return generator.generate(
          prompts, mask, config, GenerationHooks.NONE, (row, id) -> true, () -> false);
    }
  }

  private static int[] sequence(int[] prompt, List<Integer> ids) {
    int[] all = Arrays.copyOf(prompt, prompt.length + ids.size());
    for (int i = 0; i < ids.size(); i++) {
      all[prompt.length + i] = ids.get(i);
    }
    return all;
  }

  /** What the model says behind each token of a sequence. */
  private static float[][] forward(int[] ids) {
    try (ForwardOutput out = model.forward(ForwardInput.ofIds(ids).build())) {
      float[] all = out.logits().toFloatArray();
      float[][] rows = new float[ids.length][];
      Arrays.setAll(rows, row -> Arrays.copyOfRange(all, row * vocabulary, (row + 1) * vocabulary));
      return rows;
    }
  }

  @Test
  void thereAreNoneUnlessAskedFor() {
    Generation got = generate(BATCH, MASK, GenerationConfig.builder().maxNewTokens(2).build());
    assertTrue(got.scores().isEmpty());
    assertTrue(got.logits().isEmpty());
    Generation scored =
        generate(
            BATCH, MASK, GenerationConfig.builder().maxNewTokens(2).outputScores(true).build());
    assertTrue(scored.scores().isPresent());
    assertTrue(scored.logits().isEmpty());
  }

  @Test
  void logitsAreTheModelsAndScoresWhatProcessorsMakeOfThem() {
    GenerationConfig config =
        both().repetitionPenalty(1.4).noRepeatNgramSize(2).suppressTokens(List.of(14)).build();
    Generation got = generate(BATCH, MASK, config);
    StepScores logits = got.logits().get();
    StepScores scores = got.scores().get();
    assertEquals(NEW_TOKENS, logits.steps());
    assertEquals(2, logits.rows());
    assertEquals(vocabulary, scores.vocabulary());
    for (int row = 0; row < 2; row++) {
      int[] visible = row == 0 ? PROMPT : new int[] {640, 750};
      List<Integer> ids = got.sequences().get(row).ids();
      float[][] want = forward(sequence(visible, ids));
      for (int step = 0; step < NEW_TOKENS; step++) {
        float[] found = logits.row(step, row);
        assertArrayEquals(want[visible.length + step - 1], found, TOLERANCE);
        int[] before = sequence(BATCH[row], ids.subList(0, step));
        LogitsProcessors.apply(config, PROMPT.length, before, found);
        assertArrayEquals(found, scores.row(step, row));
        assertEquals(argmax(found), ids.get(step));
        assertEquals(found[7], scores.score(step, row, 7));
      }
    }
    scores.row(0, 0)[0] = 1e9f;
    assertTrue(scores.score(0, 0, 0) < 1e9f, "a copy was changed");
    assertThrows(IndexOutOfBoundsException.class, () -> scores.row(NEW_TOKENS, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> scores.score(0, 2, 0));
    assertThrows(IndexOutOfBoundsException.class, () -> scores.score(0, 0, vocabulary));
  }

  private static int argmax(float[] scores) {
    int best = 0;
    for (int i = 1; i < scores.length; i++) {
      best = scores[i] > scores[best] ? i : best;
    }
    return best;
  }

  @Test
  void sampledScoresWentThroughTemperatureAndFilters() {
    GenerationConfig config =
        both().doSample(true).temperature(0.5).topK(5).seed(2).renormalizeLogits(true).build();
    Generation got = generate(new int[][] {PROMPT}, null, config);
    List<Integer> ids = got.sequences().get(0).ids();
    for (int step = 0; step < NEW_TOKENS; step++) {
      float[] scores = got.scores().get().row(step, 0);
      double sum = 0;
      int kept = 0;
      for (float score : scores) {
        sum += Math.exp(score);
        kept += score > Float.NEGATIVE_INFINITY ? 1 : 0;
      }
      assertEquals(5, kept);
      assertEquals(1, sum, 1e-5);
      assertTrue(scores[ids.get(step)] > Float.NEGATIVE_INFINITY);
      float[] logits = got.logits().get().row(step, 0);
      int best = argmax(logits);
      int chosen = ids.get(step);
      assertEquals(2 * (logits[best] - logits[chosen]), scores[best] - scores[chosen], 1e-4);
    }
    Generation again =
        generate(
            new int[][] {PROMPT},
            null,
            config.toBuilder().outputScores(false).outputLogits(false).build());
    assertEquals(got.sequences(), again.sequences(), "keeping scores changes no draw");
  }

  @Test
  void rowsThatHadEndedHaveNone() {
    Generation free = generate(BATCH, MASK, both().build());
    int end = free.sequences().get(1).ids().get(3);
    Generation got = generate(BATCH, MASK, both().eosTokenIds(List.of(end)).build());
    int ended = got.sequences().get(1).ids().size();
    assertTrue(got.sequences().get(0).ids().size() > ended, "the first row goes on");
    StepScores scores = got.scores().get();
    assertTrue(Float.isFinite(scores.score(ended - 1, 1, 5)));
    assertTrue(Float.isNaN(scores.score(ended, 1, 5)));
    assertTrue(Float.isNaN(got.logits().get().row(ended, 1)[vocabulary - 1]));
    assertTrue(Float.isFinite(scores.score(ended, 0, 5)));
  }

  /** What transformers' compute_transition_scores does with scores and beam_indices. */
  @Test
  void scoresOfBeamsAddUpToThoseOfTheirSequences() {
    double penalty = 0.7;
    GenerationConfig config =
        both()
            .numBeams(4)
            .numReturnSequences(3)
            .lengthPenalty(penalty)
            .eosTokenIds(List.of(14, 16))
            .build();
    Generation got = generate(new int[][] {{0, 0, 640, 750, 1}, PROMPT}, null, config);
    StepScores scores = got.scores().get();
    assertEquals(8, scores.rows(), "beams of two prompts");
    assertEquals(6, got.sequences().size());
    for (int i = 0; i < 6; i++) {
      Generation.Sequence sequence = got.sequences().get(i);
      List<Integer> ids = sequence.ids();
      assertEquals(ids.size(), sequence.beamIndices().size());
      double sum = 0;
      for (int step = 0; step < ids.size(); step++) {
        int beam = sequence.beamIndices().get(step);
        assertEquals(i / 3, beam / 4, "a beam of its own prompt");
        sum += scores.score(step, beam, ids.get(step));
      }
      double want = sum / Math.pow(ids.size(), penalty);
      assertEquals(want, sequence.score().getAsDouble(), 1e-5);
    }
    // the last step of the best one: log softmax of the model's own scores
    Generation.Sequence best = got.sequences().get(3);
    int last = best.ids().size() - 1;
    int beam = best.beamIndices().get(last);
    float[][] rows = forward(sequence(PROMPT, best.ids()));
    float[] logits = got.logits().get().row(last, beam);
    assertArrayEquals(rows[PROMPT.length + last - 1], logits, TOLERANCE);
    double total = 0;
    for (float logit : logits) {
      total += Math.exp(logit);
    }
    assertEquals(logits[9] - Math.log(total), scores.score(last, beam, 9), 1e-4);
  }
}
