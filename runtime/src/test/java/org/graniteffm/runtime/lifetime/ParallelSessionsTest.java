package org.graniteffm.runtime.lifetime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.lifetime.Work.Answer;
import org.graniteffm.runtime.lifetime.Work.Call;
import org.graniteffm.runtime.lifetime.Work.Subject;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.ops.Workers;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Who else computes, and on how many threads, changes no id and no bit of a score. */
class ParallelSessionsTest {
  private static final int CALLERS = 4;
  private static final int TIMES = 3;

  @TempDir private Path folder;
  private final List<AutoCloseable> opened = new ArrayList<>();

  static Stream<GraniteConfig> configs() {
    return Stream.of(TinyModels.dense(2), TinyModels.experts());
  }

  @AfterEach
  void close() throws Exception {
    for (AutoCloseable each : opened.reversed()) {
      each.close();
    }
  }

  private <T extends AutoCloseable> T own(T resource) {
    opened.add(resource);
    return resource;
  }

  /** A model on so many threads, its weights the same each time. */
  private GraniteForCausalLM open(GraniteConfig config, int threads) throws Exception {
    Path checkpoint = folder.resolve(config.modelType());
    if (opened.isEmpty()) {
      TinyModels.save(config, checkpoint);
    }
    return own(GraniteForCausalLM.load(checkpoint, own(Workers.of(threads))));
  }

  private static Answer answer(Work work, GraniteForCausalLM model) {
    try (Subject subject = work.subject(model, model)) {
      return subject.run(new Call());
    }
  }

  private static Map<Work, Answer> answers(GraniteForCausalLM model) {
    Map<Work, Answer> answers = new EnumMap<>(Work.class);
    for (Work work : Work.values()) {
      answers.put(work, answer(work, model));
      assertFalse(answers.get(work).isCut());
    }
    return answers;
  }

  @ParameterizedTest
  @MethodSource("configs")
  void answersDoNotDependOnTheNumberOfThreads(GraniteConfig config) throws Exception {
    Map<Work, Answer> want = answers(open(config, 1));
    for (int threads : new int[] {2, 3, 5}) {
      assertEquals(want, answers(open(config, threads)), threads + " threads");
    }
  }

  @ParameterizedTest
  @MethodSource("configs")
  void answersAreThoseOfASessionAlone(GraniteConfig config) throws Exception {
    Map<Work, Answer> want = answers(open(config, 1));
    for (int threads : new int[] {1, 3}) {
      GraniteForCausalLM model = open(config, threads);
      CyclicBarrier together = new CyclicBarrier(CALLERS);
      try (ExecutorService callers = Executors.newFixedThreadPool(CALLERS)) {
        List<Future<?>> done = new ArrayList<>();
        for (int caller = 0; caller < CALLERS; caller++) {
          int first = caller;
          done.add(
              callers.submit(() -> {
                together.await();
                List<Work> all = List.of(Work.values());
                for (int i = 0; i < TIMES * all.size(); i++) {
                  Work work = all.get((i + first) % all.size());
                  assertEquals(want.get(work), answer(work, model), work.name());
                }
                return null;
              }));
        }
        for (Future<?> each : done) {
          each.get();
        }
      }
    }
  }

  /** Else the tests above would compare constants. */
  @Test
  void answersDiffer() throws Exception {
    Map<Work, Answer> dense = answers(open(TinyModels.dense(2), 1));
    for (Work work : Work.values()) {
      long ids = dense.get(work).rows().stream().flatMap(List::stream).distinct().count();
      assertTrue(ids > 3, work + " has " + ids);
    }
  }
}
