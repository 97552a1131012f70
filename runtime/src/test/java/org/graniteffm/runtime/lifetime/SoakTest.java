package org.graniteffm.runtime.lifetime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.ToLongFunction;
import org.graniteffm.runtime.lifetime.Work.Call;
import org.graniteffm.runtime.lifetime.Work.Subject;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.safetensors.OpenFiles;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Mixed load for as long as one likes: {@code -Dgranite.soak.minutes=60}, by default some seconds.
 *
 * <p>Several callers load models, work in all ways, are cancelled now and then, and close. After a
 * third of the time for warming up (compilers, the heap), the samples of the second third are
 * compared with those of the last: the median of each figure may not have grown by more than {@link
 * #SLACK} of it, or than an allowance where that is larger. A leak of one segment, mapping or
 * descriptor in fifty answers would be seen within a minute.
 */
class SoakTest {
  private static final List<Work> WORK = List.of(Work.values());
  private static final double MINUTES =
      Double.parseDouble(System.getProperty("granite.soak.minutes", "0.1"));
  private static final long SEED = Long.getLong("granite.soak.seed", 1);
  private static final int CALLERS = 3;
  private static final int SAMPLES = 60;
  private static final int PRINTED = 20;
  private static final double SLACK = 0.05;

  @TempDir private Path folder;
  private final AtomicLong answers = new AtomicLong();
  private volatile boolean stop;

  @Test
  void loadLeavesMemoryFilesAndMappingsFlat() throws Exception {
    assumeTrue(ProcessState.isKnown(), "needs Linux's /proc");
    Path dense = TinyModels.save(TinyModels.dense(2), folder.resolve("dense"));
    Path experts = TinyModels.save(TinyModels.experts(), folder.resolve("experts"));
    List<ProcessState> curve = new ArrayList<>();
    try (Workers workers = Workers.of(2);
        ExecutorService callers = Executors.newFixedThreadPool(CALLERS)) {
      List<Future<?>> ends = new ArrayList<>();
      for (int caller = 0; caller < CALLERS; caller++) {
        Random random = new Random(SEED + caller);
        ends.add(
            callers.submit(() -> {
              while (!stop) {
                useModels(random, List.of(dense, experts), workers);
              }
              return null;
            }));
      }
      try {
        curve.addAll(sample());
      } finally {
        stop = true;
      }
      for (Future<?> end : ends) {
        end.get();
      }
    }
    assertEquals(List.of(), OpenFiles.below(folder));
    // in its first minute the JVM still spreads over the heap that it was given
    assertFlat("RssAnon KiB", curve, ProcessState::anonymousKib, MINUTES < 1 ? 64 << 10 : 8 << 10);
    assertFlat("descriptors", curve, ProcessState::descriptors, 4);
    assertFlat("mappings", curve, ProcessState::mappings, 30);
    assertFlat("segments", curve, ProcessState::segments, 60);
  }

  /** Loads a model, lets it answer some times, and closes it. */
  private void useModels(Random random, List<Path> checkpoints, Workers workers)
      throws IOException {
    try (GraniteForCausalLM model =
        GraniteForCausalLM.load(checkpoints.get(random.nextInt(2)), workers)) {
      for (int i = random.nextInt(20); i >= 0 && !stop; i--) {
        Work work = WORK.get(random.nextInt(WORK.size()));
        Call call = new Call();
        if (random.nextInt(4) == 0) {
          call.callback(random.nextInt(8), call::cancel);
        }
        try (Subject subject = work.subject(model, model)) {
          subject.run(call);
        } catch (CancellationException e) {
          // a session's way to end a call
        }
        answers.getAndIncrement();
      }
    }
  }

  private List<ProcessState> sample() throws IOException, InterruptedException {
    List<ProcessState> curve = new ArrayList<>();
    System.out.println(
        "soak: percent of time, answers, RssAnon KiB, descriptors, mappings, segments");
    for (int i = 1; i <= SAMPLES; i++) {
      Thread.sleep((long) (MINUTES * 60_000 / SAMPLES));
      ProcessState now = ProcessState.now();
      curve.add(now);
      if (i % (SAMPLES / PRINTED) == 0) {
        System.out.printf(
            "soak: %3d%% %8d %7d %4d %5d %5d%n",
            100 * i / SAMPLES,
            answers.get(),
            now.anonymousKib(),
            now.descriptors(),
            now.mappings(),
            now.segments());
      }
    }
    return curve;
  }

  private static void assertFlat(
      String name, List<ProcessState> curve, ToLongFunction<ProcessState> figure, long allowance) {
    long second = median(curve.subList(SAMPLES / 3, 2 * SAMPLES / 3), figure);
    long last = median(curve.subList(2 * SAMPLES / 3, SAMPLES), figure);
    System.out.printf("soak: median %s: %d, then %d%n", name, second, last);
    assertTrue(
        last - second <= Math.max(allowance, (long) (SLACK * second)),
        "%s: %d, then %d; seed %d".formatted(name, second, last, SEED));
  }

  private static long median(List<ProcessState> samples, ToLongFunction<ProcessState> figure) {
    return samples.stream().mapToLong(figure).sorted().toArray()[samples.size() / 2];
  }
}
