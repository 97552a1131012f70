package org.graniteffm.runtime.score;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.util.Arrays;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.json.JsonReader;
import org.graniteffm.runtime.model.ForwardInput;
import org.graniteffm.runtime.model.ForwardOutput;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.Precision;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ScorerTest {
  private static GraniteForCausalLM model;
  private static JsonNode passages;

  @BeforeAll
  static void load() throws IOException {
    // what it is compared with is in single precision
    model = GraniteForCausalLM.load(DemoModel.directory()).withPrecision(Precision.F32);
    try (InputStream in = DemoModel.class.getResourceAsStream("reference.json")) {
      passages =
          JsonReader.parseObject(ByteBuffer.wrap(in.readAllBytes()), "reference.json")
              .get("passages");
    }
  }

  @AfterAll
  static void close() {
    model.close();
  }

  private static int[] ids(int passage) {
    JsonNode list = passages.get(passage).get("ids");
    int[] ids = new int[list.size()];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = list.get(i).intValue();
    }
    return ids;
  }

  @Test
  void oneWindowHasTheMeanThatTransformersHas() {
    try (Scorer scorer = new Scorer(model)) {
      for (int i = 0; i < passages.size(); i++) {
        Score score = scorer.score(ids(i));
        double expected = passages.get(i).get("mean_nll").doubleValue();
        assertEquals(expected, score.meanNegativeLogLikelihood(), 1e-3);
        assertEquals(Math.exp(score.meanNegativeLogLikelihood()), score.perplexity());
        assertEquals(200, score.tokens());
        assertEquals(199, score.predicted());
        assertEquals(1, score.windows());
      }
    }
  }

  /** The guide's program, with labels of -100 where an earlier window has counted a token. */
  @ParameterizedTest
  @CsvSource({
    "64,32,6",
    "64,64,4",
    "50,7,23",
    "199,1,2",
    "199,199,1",
    "200,100,1",
    "30,29,7",
    "2,1,199"
  })
  void windowsCountEachTokenOnceInItsWindow(int window, int stride, int windows) {
    int[] ids = ids(0);
    double sum = 0;
    int count = 0;
    int done = 0;
    for (int begin = 0; done < ids.length; begin += stride) {
      int end = Math.min(begin + window, ids.length);
      int[] part = Arrays.copyOfRange(ids, begin, end);
      int[] labels = part.clone();
      Arrays.fill(labels, 0, Math.max(done - begin, 0), -100);
      int counted = (int) Arrays.stream(labels).skip(1).filter(label -> label != -100).count();
      if (counted > 0) {
        int[][] rows = {labels};
        try (ForwardOutput out = model.forward(ForwardInput.ofIds(part).labels(rows).build())) {
          sum += out.loss().orElseThrow() * counted;
          count += counted;
        }
      }
      done = end;
    }
    try (Scorer scorer = new Scorer(model, window, stride)) {
      Score score = scorer.score(ids);
      assertEquals(count, score.predicted());
      assertEquals(sum / count, score.meanNegativeLogLikelihood(), 1e-4);
      assertEquals(windows, score.windows());
    }
  }

  @Test
  void longWindowsGoThroughInBlocks() {
    int[] ids = new int[900]; // more than a block has rows
    for (int i = 0; i < ids.length; i++) {
      ids[i] = ids(i / 200 % 3)[i % 200];
    }
    int[][] labels = {ids};
    try (Scorer scorer = new Scorer(model, 1000, 1000);
        ForwardOutput out = model.forward(ForwardInput.ofIds(ids).labels(labels).build())) {
      Score score = scorer.score(ids);
      assertEquals(out.loss().orElseThrow(), score.meanNegativeLogLikelihood(), 1e-5);
      assertEquals(899, score.predicted());
    }
  }

  @Test
  void tokensHaveTheirOwnFigures() {
    int[] ids = Arrays.copyOf(ids(1), 20);
    try (Scorer scorer = new Scorer(model, 10, 10)) {
      Score score = scorer.score(ids);
      double[] losses = score.negativeLogLikelihoods();
      assertTrue(Double.isNaN(losses[0]) && Double.isNaN(losses[10]));
      assertEquals(18, score.predicted());
      double[] second = scorer.score(Arrays.copyOfRange(ids, 10, 20)).negativeLogLikelihoods();
      assertArrayEquals(second, Arrays.copyOfRange(losses, 10, 20), 1e-6);
      losses[3] = 99; // a copy
      assertTrue(score.negativeLogLikelihoods()[3] < 99);
    }
  }

  @Test
  void whatCannotBeScoredIsRefusedByName() {
    assertRefused("window: 1", () -> new Scorer(model, 1, 1));
    assertRefused("stride: 0", () -> new Scorer(model, 8, 0));
    assertRefused("stride: 9", () -> new Scorer(model, 8, 9));
    try (Scorer scorer = new Scorer(model)) {
      assertRefused("text: 0 tokens", () -> scorer.score(new int[0]));
      assertRefused("text: 1 tokens", () -> scorer.score(new int[1]));
      assertRefused("token id 4096 at 1", () -> scorer.score(new int[] {0, 4096}));
    }
  }

  private static void assertRefused(String reason, Runnable call) {
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, call::run);
    assertTrue(e.getMessage().startsWith(reason) || e.getMessage().contains(reason), e.toString());
  }
}
