package org.graniteffm.runtime.lifetime;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.function.Consumer;
import java.util.stream.IntStream;
import org.graniteffm.runtime.generate.FinishReason;
import org.graniteffm.runtime.generate.GeneratedToken;
import org.graniteffm.runtime.generate.Generation;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.GenerationHooks;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.generate.LogitsProcessor;
import org.graniteffm.runtime.generate.TokenStream;
import org.graniteffm.runtime.model.ForwardInput;
import org.graniteffm.runtime.model.ForwardOutput;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.KvCache;
import org.graniteffm.runtime.model.Session;

/** The ways to use a model, each with an answer that is the same every time. */
@SuppressWarnings("ImmutableEnumChecker") // nobody writes to the prompts
enum Work {
  GREEDY(prompts(1, 9), greedy().outputLogits(true).build()),
  LONG_PROMPT(prompts(1, Session.BLOCK_ROWS + 40), greedy().maxNewTokens(4).build()),
  BATCH(prompts(3, 7), greedy().doSample(true).topK(20).seed(11).numReturnSequences(2).build()),
  BEAMS(prompts(2, 5), greedy().numBeams(3).build()),
  LOOKUP(prompts(1, 12), greedy().promptLookupNumTokens(OptionalInt.of(4)).build()),
  ASSISTED(prompts(1, 8), greedy().doSample(true).seed(5).build()),
  STREAM(prompts(2, 6), greedy().doSample(true).seed(3).build()),
  PUBLISHER(prompts(1, 6), greedy().build()),
  PUBLISHER_ON_THREADS(prompts(1, 6), greedy().build()),
  FORWARD(prompts(2, Session.BLOCK_ROWS / 2 + 20), null),
  NEXT_LOGITS(prompts(1, 30), null);

  private static final long SCORE_BYTES = (long) TinyModels.VOCABULARY * Float.BYTES;

  private final int[][] prompts;
  private final GenerationConfig config; // null for a session alone

  Work(int[][] prompts, GenerationConfig config) {
    this.prompts = prompts;
    this.config = config;
  }

  private static GenerationConfig.Builder greedy() {
    return GenerationConfig.builder().maxNewTokens(20);
  }

  private static int[][] prompts(int rows, int tokens) {
    int[][] prompts = new int[rows][];
    for (int row = 0; row < rows; row++) {
      int first = row;
      prompts[row] =
          IntStream.range(0, tokens).map(i -> (first + i * i) % TinyModels.VOCABULARY).toArray();
    }
    return prompts;
  }

  /** Something that does a kind of work again and again. */
  Subject subject(GraniteForCausalLM model, GraniteForCausalLM assistant) {
    return config == null
        ? new SessionSubject(this, model.newSession())
        : new GeneratorSubject(this, new Generator(model, this == ASSISTED ? assistant : null));
  }

  /**
   * What came out.
   *
   * @param rows ids of tokens, or bits of scores
   * @param isCut whether it was cancelled
   * @param isOrdered whether what is cut is the beginning of the whole
   */
  record Answer(List<List<Integer>> rows, boolean isCut, boolean isOrdered) {
    boolean isBeginningOf(Answer whole) {
      if (!isCut) {
        return equals(whole);
      }
      for (int row = 0; isOrdered && row < rows.size(); row++) {
        List<Integer> all = whole.rows.get(row);
        List<Integer> some = rows.get(row);
        if (some.size() > all.size() || !all.subList(0, some.size()).equals(some)) {
          return false;
        }
      }
      return true;
    }
  }

  /** One run of some work: may be cancelled by any thread, and calls back. */
  static final class Call {
    private volatile boolean cancelled;
    private volatile Flow.Subscription subscription;
    private Runnable callback = () -> {};
    private int countdown;

    /** Sets what to call, at the first chance after so many. */
    void callback(int after, Runnable action) {
      countdown = after;
      callback = action;
    }

    void cancel() {
      cancelled = true;
      Flow.Subscription running = subscription;
      if (running != null) {
        running.cancel();
      }
    }

    private boolean isCancelled() {
      if (countdown-- == 0) {
        callback.run();
      }
      return cancelled;
    }

    private GenerationHooks hooks() {
      return GenerationHooks.NONE.with((LogitsProcessor) (_, _, _) -> isCancelled());
    }
  }

  /** Holds what a kind of work needs. */
  interface Subject extends AutoCloseable {
    Answer run(Call call);

    @Override
    void close();
  }

  private record GeneratorSubject(Work work, Generator generator) implements Subject {
    @Override
    public Answer run(Call call) {
      GenerationHooks hooks = call.hooks();
      return switch (work) {
        case STREAM -> stream(call, hooks);
        case PUBLISHER -> publish(call, hooks, Runnable::run, _ -> {});
        case PUBLISHER_ON_THREADS -> publishOnThreads(call, hooks);
        default ->
            answer(
                generator.generate(
                    work.prompts, null, work.config, hooks, (_, _) -> true, () -> call.cancelled));
      };
    }

    @SuppressWarnings("try") // ends early, for the sake of its result
    private Answer stream(Call call, GenerationHooks hooks) {
      try (TokenStream tokens = generator.stream(work.prompts, null, work.config, hooks)) {
        while (!call.cancelled && tokens.hasNext()) {
          tokens.next();
        }
        tokens.close();
        return answer(tokens.result());
      }
    }

    /** Each task has a thread of its own; returns when the last has ended. */
    private Answer publishOnThreads(Call call, GenerationHooks hooks) {
      Queue<Thread> tasks = new ConcurrentLinkedQueue<>();
      Executor executor =
          task -> {
            Thread thread = Thread.ofPlatform().unstarted(task);
            tasks.add(thread);
            thread.start();
          };
      return publish(
          call,
          hooks,
          executor,
          collector -> {
            while (!tasks.isEmpty() || !(collector.ended || call.cancelled)) {
              tasks.removeIf(thread -> thread.getState() == Thread.State.TERMINATED);
              Thread.onSpinWait();
            }
          });
    }

    private Answer publish(
        Call call, GenerationHooks hooks, Executor executor, Consumer<Collector> await) {
      Collector collector = new Collector(call);
      generator.publisher(work.prompts, null, work.config, hooks, executor).subscribe(collector);
      await.accept(collector);
      collector.rethrow();
      return new Answer(List.of(collector.ids), !collector.completed, true);
    }

    private Answer answer(Generation generation) {
      List<List<Integer>> rows =
          new ArrayList<>(generation.sequences().stream().map(Generation.Sequence::ids).toList());
      boolean cut =
          generation.sequences().stream()
              .anyMatch(sequence -> sequence.finishReason() == FinishReason.CANCELLED);
      generation
          .logits()
          .ifPresent(logits -> {
            for (int step = 0; step < logits.steps(); step++) {
              rows.add(bits(logits.row(step, 0)));
            }
          });
      return new Answer(rows, cut, !cut || (work != BEAMS && work != GREEDY));
    }

    @Override
    public void close() {
      generator.close();
    }
  }

  private static List<Integer> bits(float[] values) {
    return IntStream.range(0, values.length)
        .mapToObj(i -> Float.floatToRawIntBits(values[i]))
        .toList();
  }

  /** Asks for one token after the other. */
  private static final class Collector implements Flow.Subscriber<GeneratedToken> {
    private final Call call;
    private final List<Integer> ids = new ArrayList<>();
    private boolean completed;
    private Throwable error;
    private volatile boolean ended;

    Collector(Call call) {
      this.call = call;
    }

    @Override
    public void onSubscribe(Flow.Subscription subscription) {
      call.subscription = subscription;
      if (call.cancelled) {
        subscription.cancel();
      }
      subscription.request(2);
    }

    @Override
    public void onNext(GeneratedToken token) {
      ids.add(token.id());
      call.subscription.request(1);
    }

    @Override
    public void onError(Throwable t) {
      error = t;
      ended = true;
    }

    @Override
    public void onComplete() {
      completed = true;
      ended = true;
    }

    void rethrow() {
      switch (error) {
        case null -> {}
        case RuntimeException e -> throw e;
        default -> throw new AssertionError(error);
      }
    }
  }

  private record SessionSubject(Work work, Session session) implements Subject {
    @Override
    public Answer run(Call call) {
      session.setCancellation(call::isCancelled);
      List<List<Integer>> rows = new ArrayList<>();
      if (work == FORWARD) {
        ForwardInput input = ForwardInput.ofIds(work.prompts).logitsToKeep(1).build();
        try (ForwardOutput output = session.forward(input)) {
          rows.add(bits(output.logits().toFloatArray()));
        }
      } else {
        try (KvCache cache = session.model().newCache(1, 4)) {
          for (int id : work.prompts[0]) {
            MemorySegment scores = session.nextLogits(cache, new int[] {id}, 1, null, null, 0);
            rows.add(bits(scores.asSlice(0, SCORE_BYTES).toArray(ValueLayout.JAVA_FLOAT)));
          }
        }
      }
      return new Answer(rows, false, true);
    }

    @Override
    public void close() {
      session.close();
    }
  }
}
