package org.graniteffm.runtime.lifetime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.BrokenBarrierException;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.graniteffm.bindings.MappedFiles;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.ConcurrentUseException;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.lifetime.Work.Answer;
import org.graniteffm.runtime.lifetime.Work.Call;
import org.graniteffm.runtime.lifetime.Work.Subject;
import org.graniteffm.runtime.model.ForwardInput;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.safetensors.OpenFiles;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * All kinds of work, disturbed in all ways at random moments: what comes out is documented, what
 * was not disturbed is right to the last bit, and nothing stays behind.
 *
 * <p>{@code -Dgranite.race.rounds=50000} makes more rounds; {@code -Dgranite.race.seed} repeats the
 * choices of a run, though not its moments.
 */
class RaceTest {
  private static final int ROUNDS = Integer.getInteger("granite.race.rounds", 600);
  private static final long SEED = Long.getLong("granite.race.seed", 1);
  private static final Duration PATIENCE = Duration.ofMinutes(2);
  private static final int WARM_UP = 150;

  /** What happens while the work is under way. */
  private enum Disturbance {
    NONE,
    CLOSE,
    CLOSE_BY_TWO,
    CLOSE_ASSISTANT,
    CLOSE_CHECKPOINT,
    CANCEL,
    INTERRUPT,
    CALLBACK_THROWS,
    CALLBACK_CLOSES_MODEL,
    CALLBACK_CLOSES_SUBJECT,
    CLOSE_SUBJECT,
    SECOND_CALLER;

    boolean closes() {
      return this == CLOSE || this == CLOSE_BY_TWO;
    }

    boolean cancels() {
      return this == CANCEL || this == INTERRUPT;
    }
  }

  @TempDir private static Path folder;
  private static List<Path> checkpoints; // dense, experts
  private static Path small;
  private static List<Workers> pools;
  private static final List<Map<Work, Answer>> WANTED =
      List.of(new EnumMap<>(Work.class), new EnumMap<>(Work.class));

  @BeforeAll
  static void prepare() throws IOException {
    checkpoints =
        List.of(
            TinyModels.save(TinyModels.dense(2), folder.resolve("dense")),
            TinyModels.save(TinyModels.experts(), folder.resolve("experts")));
    small = TinyModels.save(TinyModels.dense(1), folder.resolve("small"));
    pools = List.of(Workers.of(1), Workers.of(2), Workers.of(3));
    for (int i = 0; i < 2; i++) {
      try (GraniteForCausalLM model = GraniteForCausalLM.load(checkpoints.get(i), pools.get(0));
          GraniteForCausalLM assistant = GraniteForCausalLM.load(small, pools.get(0))) {
        for (Work work : Work.values()) {
          try (Subject subject = work.subject(model, assistant)) {
            Answer answer = subject.run(new Call());
            assertFalse(answer.isCut());
            WANTED.get(i).put(work, answer);
          }
        }
      }
    }
  }

  @AfterAll
  static void closePools() {
    pools.forEach(Workers::close);
  }

  private static <T> T any(Random random, List<T> of) {
    return of.get(random.nextInt(of.size()));
  }

  /** Any time up to some milliseconds, short ones as likely as long ones. */
  private static void pause(Random random) {
    long end = System.nanoTime() + (long) Math.pow(2, 10 + 12 * random.nextDouble());
    while (System.nanoTime() < end) {
      Thread.onSpinWait();
    }
  }

  /** A thread, and what came of it. */
  private static final class Task {
    private interface Body {
      Answer run() throws Exception;
    }

    private final Thread thread;
    private volatile Throwable error;
    private volatile Answer answer;

    Task(Body body) {
      thread =
          Thread.ofPlatform()
              .start(() -> {
                try {
                  answer = body.run();
                } catch (Throwable t) {
                  error = t;
                }
              });
    }

    void await() throws InterruptedException {
      if (!thread.join(PATIENCE)) {
        AssertionError stuck = new AssertionError("does not end");
        stuck.setStackTrace(thread.getStackTrace());
        throw stuck;
      }
    }

    /** Its error is of a kind that is allowed, or there is none. */
    void check(Class<?>... allowed) {
      if (error != null && List.of(allowed).stream().noneMatch(kind -> kind == error.getClass())) {
        throw new AssertionError(error);
      }
      assertTrue(error != null || answer != null);
    }
  }

  @Test
  void disturbedWorkEndsCleanly() throws Exception {
    assumeTrue(ProcessState.isKnown(), "needs Linux's /proc");
    Random random = new Random(SEED);
    ProcessState before = null;
    long start = System.nanoTime();
    for (int round = 0; round < WARM_UP + ROUNDS; round++) {
      if (round == WARM_UP) {
        before = ProcessState.now();
      }
      Work work = any(random, List.of(Work.values()));
      Disturbance disturbance = any(random, List.of(Disturbance.values()));
      try {
        new Round(random, work, disturbance).run();
      } catch (Throwable t) {
        throw new AssertionError(
            "round %d of seed %d: %s, %s".formatted(round, SEED, work, disturbance), t);
      }
    }
    System.out.printf(
        "races: %d rounds in %d s, seed %d%n",
        WARM_UP + ROUNDS, (System.nanoTime() - start) / 1_000_000_000, SEED);
    assertEquals(List.of(), OpenFiles.below(folder));
    before.assertNothingIsLeft();
  }

  private static final class Round {
    private final Random random;
    private final Work work;
    private final Disturbance disturbance;
    private final Answer wanted;
    private final GraniteForCausalLM model;
    private final GraniteForCausalLM assistant;
    private final Subject subject;
    private final RuntimeException mine = new RuntimeException("of the callback");
    private final AtomicInteger callbacks = new AtomicInteger();
    private boolean subjectClosed;

    Round(Random random, Work work, Disturbance disturbance) throws IOException {
      this.random = random;
      this.work = work;
      this.disturbance = disturbance;
      int which = random.nextInt(2);
      wanted = WANTED.get(which).get(work);
      model = GraniteForCausalLM.load(checkpoints.get(which), any(random, pools));
      assistant = GraniteForCausalLM.load(small, any(random, pools));
      subject = work.subject(model, assistant);
    }

    void run() throws Exception {
      try (model;
          assistant;
          subject) {
        Call call = new Call();
        call.callback(random.nextInt(12), callback());
        Task worker = new Task(() -> subject.run(call));
        pause(random);
        switch (disturbance) {
          case CLOSE -> closeAndCheck();
          case CLOSE_BY_TWO -> {
            Task other = new Task(this::closeAndCheck);
            closeAndCheck();
            other.await();
            other.check();
          }
          case CLOSE_ASSISTANT -> assistant.close();
          case CLOSE_CHECKPOINT -> model.checkpoint().close(); // the model has its own
          case CANCEL -> call.cancel();
          case INTERRUPT -> worker.thread.interrupt();
          case CLOSE_SUBJECT -> closeSubject();
          case SECOND_CALLER -> {
            Task second = new Task(() -> subject.run(new Call()));
            second.await();
            worker.await();
            second.check(ConcurrentUseException.class);
            worker.check(ConcurrentUseException.class);
            assertTrue(second.error == null || worker.error == null);
            if (second.error == null) {
              assertEquals(wanted, second.answer);
            }
          }
          default -> {}
        }
        worker.await();
        check(worker);
        if (disturbance.closes()) {
          assertModelIsClosed();
        } else if (subjectClosed) {
          assertThrows(ClosedException.class, () -> subject.run(new Call()));
        } else if (disturbance == Disturbance.CLOSE_ASSISTANT && work == Work.ASSISTED) {
          assertThrows(ClosedException.class, () -> subject.run(new Call()));
        } else {
          assertEquals(wanted, subject.run(new Call()), "afterwards");
        }
      }
    }

    private Runnable callback() {
      return switch (disturbance) {
        case CALLBACK_THROWS ->
            () -> {
              callbacks.getAndIncrement();
              throw mine;
            };
        case CALLBACK_CLOSES_MODEL ->
            () -> {
              callbacks.getAndIncrement();
              assertThrows(ClosedException.class, model::close);
            };
        case CALLBACK_CLOSES_SUBJECT ->
            () -> {
              callbacks.getAndIncrement();
              assertThrows(ConcurrentUseException.class, subject::close);
            };
        default -> () -> {};
      };
    }

    private Answer closeAndCheck() {
      model.close();
      assertThrows(ClosedException.class, model::use);
      return wanted;
    }

    private void closeSubject() {
      try {
        subject.close();
        subjectClosed = true;
      } catch (ConcurrentUseException e) {
        subjectClosed = false; // it was in use
      }
    }

    private void check(Task worker) {
      switch (disturbance) {
        case CLOSE, CLOSE_BY_TWO -> worker.check(ClosedException.class);
        case CLOSE_SUBJECT -> worker.check(ClosedException.class, ConcurrentUseException.class);
        case CLOSE_ASSISTANT ->
            worker.check(work == Work.ASSISTED ? ClosedException.class : Void.class);
        case CANCEL, INTERRUPT -> worker.check(CancellationException.class);
        case CALLBACK_THROWS -> {
          if (callbacks.get() > 0) {
            assertSame(mine, worker.error);
          } else {
            assertNull(worker.error);
          }
        }
        case SECOND_CALLER -> worker.check(ConcurrentUseException.class);
        default -> worker.check();
      }
      if (worker.error == null) {
        if (disturbance.cancels()) {
          assertTrue(worker.answer.isBeginningOf(wanted), worker.answer + " of " + wanted);
        } else {
          assertEquals(wanted, worker.answer);
        }
      }
    }

    private void assertModelIsClosed() {
      assertThrows(ClosedException.class, () -> subject.run(new Call()));
      assertThrows(ClosedException.class, model::newSession);
      assertThrows(ClosedException.class, () -> new Generator(model));
      assertThrows(ClosedException.class, () -> new Generator(assistant, model));
      ForwardInput input = ForwardInput.ofIds(new int[] {1}).build();
      assertThrows(ClosedException.class, () -> model.forward(input));
      assertThrows(ClosedException.class, () -> model.model().forward(input));
      assertThrows(ClosedException.class, model::checkOpen);
      model.close();
      model.model().close();
    }
  }

  /** Both are in a callback when each closes the other's model. */
  @Test
  void callbacksThatCloseEachOthersModelsEnd() throws Exception {
    Random random = new Random(SEED);
    for (int round = 0; round < ROUNDS / 20; round++) {
      List<Work> works =
          List.of(any(random, List.of(Work.values())), any(random, List.of(Work.values())));
      CyclicBarrier bothWithin = new CyclicBarrier(2);
      AtomicInteger refusals = new AtomicInteger();
      List<GraniteForCausalLM> models = new ArrayList<>();
      List<Task> tasks = new ArrayList<>();
      for (int i = 0; i < 2; i++) {
        models.add(GraniteForCausalLM.load(checkpoints.get(i), any(random, pools)));
      }
      try (GraniteForCausalLM first = models.get(0);
          GraniteForCausalLM second = models.get(1);
          GraniteForCausalLM assistant = GraniteForCausalLM.load(small, pools.get(0));
          Subject one = works.get(0).subject(first, assistant);
          Subject two = works.get(1).subject(second, assistant)) {
        for (int i = 0; i < 2; i++) {
          Subject subject = i == 0 ? one : two;
          GraniteForCausalLM other = models.get(1 - i);
          Call call = new Call();
          call.callback(
              0,
              () -> {
                await(bothWithin);
                try {
                  other.close();
                } catch (ClosedException e) {
                  assertTrue(e.getMessage().contains("cannot be closed here"), e.getMessage());
                  refusals.getAndIncrement();
                }
              });
          tasks.add(new Task(() -> subject.run(call)));
        }
        int closed = 0;
        for (int i = 0; i < 2; i++) {
          tasks.get(i).await();
          tasks.get(i).check(ClosedException.class);
          if (tasks.get(i).error == null) {
            assertEquals(WANTED.get(i).get(works.get(i)), tasks.get(i).answer);
          } else {
            closed++;
          }
        }
        assertEquals(1, refusals.get(), works::toString);
        assertEquals(1, closed, works::toString);
      }
    }
    assertEquals(List.of(), OpenFiles.below(folder));
  }

  private static void await(CyclicBarrier barrier) {
    try {
      barrier.await(PATIENCE.toSeconds(), TimeUnit.SECONDS);
    } catch (InterruptedException | BrokenBarrierException | TimeoutException e) {
      throw new AssertionError(e);
    }
  }

  /** The JDK's own map loses one mapping in some hundred here. */
  @Test
  void interruptsLoseNoMapping() throws Exception {
    assumeTrue(ProcessState.isKnown(), "needs Linux's /proc");
    Path file = checkpoints.get(0).resolve("model.safetensors");
    Random random = new Random(SEED);
    Task mapper =
        new Task(() -> {
          for (int round = 0; round < 5 * ROUNDS; round++) {
            try (FileChannel channel = FileChannel.open(file);
                Arena arena = Arena.ofShared()) {
              MappedFiles.mapReadOnly(channel, 0, 100, arena);
            } catch (ClosedByInterruptException e) {
              assertTrue(Thread.interrupted());
            }
          }
          return WANTED.get(0).get(Work.GREEDY);
        });
    while (mapper.thread.isAlive()) {
      pause(random);
      mapper.thread.interrupt();
    }
    mapper.await();
    mapper.check();
    assertEquals(List.of(), OpenFiles.below(folder));
  }

  @Test
  void interruptedLoadLeavesNothing() throws Exception {
    assumeTrue(ProcessState.isKnown(), "needs Linux's /proc");
    Random random = new Random(SEED);
    ProcessState before = null;
    int interrupted = 0;
    for (int round = 0; round < WARM_UP + ROUNDS; round++) {
      if (round == WARM_UP) {
        before = ProcessState.now();
      }
      Path checkpoint = any(random, checkpoints);
      GraniteForCausalLM other = GraniteForCausalLM.load(checkpoint, pools.get(0));
      Task loader =
          new Task(() -> {
            try (GraniteForCausalLM model = GraniteForCausalLM.load(checkpoint, pools.get(1))) {
              Thread.interrupted();
              try (Subject subject = Work.GREEDY.subject(model, null)) {
                return subject.run(new Call());
              }
            }
          });
      pause(random);
      if (random.nextBoolean()) {
        loader.thread.interrupt();
      }
      other.close(); // of the same files
      loader.await();
      try {
        if (loader.error == null) {
          int which = checkpoints.indexOf(checkpoint);
          assertTrue(loader.answer.isBeginningOf(WANTED.get(which).get(Work.GREEDY)));
        } else {
          assertInstanceOf(ClosedByInterruptException.class, loader.error);
          interrupted++;
        }
      } catch (Throwable t) {
        t.addSuppressed(loader.error == null ? t : loader.error);
        throw new AssertionError("round %d of seed %d".formatted(round, SEED), t);
      }
    }
    System.out.printf("loads: %d, of which %d interrupted%n", WARM_UP + ROUNDS, interrupted);
    assertEquals(List.of(), OpenFiles.below(folder));
    before.assertNothingIsLeft();
  }
}
