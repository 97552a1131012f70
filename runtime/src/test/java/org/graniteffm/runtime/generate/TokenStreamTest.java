package org.graniteffm.runtime.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.OptionalInt;
import java.util.Queue;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Flow;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.ConcurrentUseException;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.tokenizer.Tokenizer;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Tokens as they are taken, and as they are asked for. */
class TokenStreamTest {
  private static final int[] PROMPT = {310, 420, 530, 640, 750};
  private static final int[][] PROMPTS = {PROMPT};
  private static final GenerationConfig GREEDY =
      GenerationConfig.builder().maxNewTokens(20).build();
  private static GraniteForCausalLM model;
  private static List<Integer> greedy;

  private final AtomicInteger computed = new AtomicInteger();
  private final GenerationHooks counting =
      GenerationHooks.NONE.with(
          (LogitsProcessor) (row, tokens, scores) -> computed.incrementAndGet());
  private Generator generator;

  @BeforeAll
  static void load() throws IOException {
    model = GraniteForCausalLM.load(DemoModel.directory());
    try (Generator generator = new Generator(model)) {
      greedy = generator.generate(PROMPT, GREEDY, (row, id) -> true).sequences().get(0).ids();
    }
  }

  @AfterAll
  static void close() {
    model.close();
  }

  @BeforeEach
  void makeGenerator() {
    generator = new Generator(model);
  }

  @AfterEach
  void closeGenerator() {
    generator.close();
  }

  /** The generator can be used, and says what it says. */
  private void assertFree() {
    assertEquals(
        greedy, generator.generate(PROMPT, GREEDY, (row, id) -> true).sequences().get(0).ids());
  }

  private static List<Integer> ids(Stream<GeneratedToken> tokens) {
    return tokens.map(GeneratedToken::id).toList();
  }

  @Test
  void tokensAreThoseOfGenerate() {
    try (TokenStream tokens = generator.stream(PROMPT, GREEDY)) {
      assertThrows(IllegalStateException.class, tokens::result);
      assertEquals(greedy, ids(tokens.stream()));
      assertFalse(tokens.hasNext());
      assertThrows(NoSuchElementException.class, tokens::next);
      Generation result = tokens.result();
      assertEquals(greedy, result.sequences().get(0).ids());
      assertEquals(FinishReason.LENGTH, result.sequences().get(0).finishReason());
      assertEquals(19, result.steps());
      assertFree(); // once all are taken, closed or not
    }
  }

  @Test
  void nothingIsComputedBeforeItIsTaken() {
    try (TokenStream tokens = generator.stream(PROMPTS, null, GREEDY, counting)) {
      assertEquals(0, computed.get());
      for (int i = 0; i < 20; i++) {
        assertEquals(greedy.get(i), tokens.next().id());
        assertEquals(i + 1, computed.get());
      }
      assertTrue(tokens.isExhausted());
    }
  }

  @Test
  void guessesRunAheadByOnePass() {
    GenerationConfig lookup = GREEDY.toBuilder().promptLookupNumTokens(OptionalInt.of(3)).build();
    try (TokenStream tokens = generator.stream(PROMPTS, null, lookup, counting)) {
      for (int i = 0; i < 20; i++) {
        assertEquals(greedy.get(i), tokens.next().id());
        assertTrue(computed.get() <= i + 4, computed + " computed after " + i);
      }
    }
  }

  @Test
  void sequencesOfABatchComeInTurn() {
    GenerationConfig config =
        GREEDY.toBuilder().doSample(true).seed(1).numReturnSequences(40).maxNewTokens(3).build();
    Generation want = generator.generate(PROMPT, config, (row, id) -> true);
    try (TokenStream tokens = generator.stream(PROMPT, config)) {
      for (int step = 0; step < 3; step++) {
        for (int row = 0; row < 40; row++) {
          int id = want.sequences().get(row).ids().get(step);
          assertEquals(new GeneratedToken(row, id), tokens.next());
        }
      }
      assertFalse(tokens.hasNext());
    }
  }

  @Test
  void beamsComeWhenTheSearchHasEnded() {
    GenerationConfig beams = GREEDY.toBuilder().numBeams(3).build();
    Generation want = generator.generate(PROMPT, beams, (row, id) -> true);
    try (TokenStream tokens = generator.stream(PROMPT, beams)) {
      assertEquals(want.sequences().get(0).ids(), ids(tokens.stream()));
      assertEquals(want.sequences(), tokens.result().sequences());
    }
  }

  @Test
  void closingEarlyFreesTheGenerator() {
    TokenStream tokens = generator.stream(PROMPTS, null, GREEDY, counting);
    assertEquals(greedy.get(0), tokens.next().id());
    assertThrows(ConcurrentUseException.class, () -> generator.stream(PROMPT, GREEDY));
    assertThrows(
        ConcurrentUseException.class, () -> generator.generate(PROMPT, GREEDY, (r, id) -> true));
    tokens.close();
    tokens.close();
    assertFalse(tokens.hasNext());
    assertEquals(1, computed.get());
    Generation.Sequence sequence = tokens.result().sequences().get(0);
    assertEquals(greedy.subList(0, 1), sequence.ids());
    assertEquals(FinishReason.CANCELLED, sequence.finishReason());
    assertFree();
    try (Stream<GeneratedToken> some = generator.stream(PROMPT, GREEDY).stream()) {
      assertEquals(greedy.subList(0, 5), ids(some.limit(5)));
    }
    assertFree();
  }

  @Test
  void refusedArgumentsAndExceptionsFreeTheGenerator() {
    assertThrows(IllegalArgumentException.class, () -> generator.stream(new int[] {-1}, GREEDY));
    assertFree();
    IllegalStateException mine = new IllegalStateException("mine");
    GenerationHooks failing =
        GenerationHooks.NONE.with(
            (LogitsProcessor)
                (row, tokens, scores) -> {
                  if (tokens.remaining() == PROMPT.length + 2) {
                    throw mine;
                  }
                });
    try (TokenStream tokens = generator.stream(PROMPTS, null, GREEDY, failing)) {
      tokens.next();
      tokens.next();
      assertSame(mine, assertThrows(IllegalStateException.class, tokens::next));
      assertFalse(tokens.hasNext());
      assertFree();
    }
  }

  @Test
  void interruptEndsTheTokens() {
    try (TokenStream tokens = generator.stream(PROMPT, GREEDY)) {
      tokens.next();
      Thread.currentThread().interrupt();
      assertFalse(tokens.hasNext());
      assertTrue(Thread.interrupted(), "the interrupt is left for the caller to see");
      assertEquals(FinishReason.CANCELLED, tokens.result().sequences().get(0).finishReason());
    }
  }

  @Test
  void modelMayBeClosedBetweenTokens() throws IOException {
    GraniteForCausalLM own = GraniteForCausalLM.load(DemoModel.directory());
    try (Generator ofOwn = new Generator(own);
        TokenStream tokens = ofOwn.stream(PROMPT, GREEDY)) {
      tokens.next();
      own.close();
      assertThrows(ClosedException.class, tokens::next);
    }
  }

  @Test
  void generatorClosesBetweenTokensButNotWithinThem() {
    Generator own = new Generator(model);
    GenerationHooks closing =
        GenerationHooks.NONE.with(
            (LogitsProcessor)
                (row, tokens, scores) -> assertThrows(ConcurrentUseException.class, own::close));
    try (TokenStream tokens = own.stream(PROMPTS, null, GREEDY, closing)) {
      assertEquals(greedy.get(0), tokens.next().id());
      assertEquals(greedy.get(1), tokens.next().id());
      own.close();
      own.close();
      assertThrows(ClosedException.class, tokens::next);
      assertFalse(tokens.hasNext());
    }
    assertThrows(ClosedException.class, () -> own.stream(PROMPT, GREEDY));
    assertThrows(ClosedException.class, () -> own.generate(PROMPT, GREEDY, (row, id) -> true));
  }

  @Test
  void listenerCannotCloseItsGenerator() {
    List<Integer> ids = new ArrayList<>();
    generator.generate(
        PROMPT,
        GREEDY,
        (row, id) -> {
          assertThrows(ConcurrentUseException.class, generator::close);
          return ids.add(id);
        });
    assertEquals(greedy, ids);
    assertFree();
  }

  /** Whoever comes second is told so; no token is taken twice, and none is lost. */
  @Test
  void twoTakersShareTheTokens() throws InterruptedException {
    GenerationConfig many = GREEDY.toBuilder().doSample(true).numReturnSequences(60).build();
    try (TokenStream tokens = generator.stream(PROMPT, many)) {
      AtomicInteger taken = new AtomicInteger();
      Queue<Throwable> errors = new ConcurrentLinkedQueue<>();
      Runnable take =
          () -> {
            try {
              while (true) {
                try {
                  tokens.next();
                  taken.getAndIncrement();
                } catch (ConcurrentUseException e) {
                  Thread.onSpinWait(); // it is the other's turn
                }
              }
            } catch (NoSuchElementException e) {
              // all are taken
            } catch (Throwable t) {
              errors.add(t);
            }
          };
      Thread other = Thread.ofPlatform().start(take);
      take.run();
      other.join();
      assertEquals(List.of(), List.copyOf(errors));
      assertEquals(20 * 60, taken.get());
    }
  }

  @Test
  void failedStepOfASearchAddsNoToken() {
    GenerationConfig beams = GREEDY.toBuilder().numBeams(2).build();
    GenerationHooks failing =
        GenerationHooks.NONE.with(
            (LogitsProcessor)
                (row, tokens, scores) -> {
                  if (tokens.remaining() == PROMPT.length + 4) {
                    throw new IllegalStateException("mine");
                  }
                });
    try (TokenStream tokens = generator.stream(PROMPTS, null, beams, failing)) {
      assertThrows(IllegalStateException.class, tokens::hasNext);
      assertEquals(4, tokens.result().sequences().get(0).ids().size());
      assertFree();
    }
  }

  @Test
  void textIsWhatTheTokensMean() throws IOException {
    try (Tokenizer tokenizer = Tokenizers.open(DemoModel.directory())) {
      String want = tokenizer.decode(greedy.stream().mapToInt(Integer::intValue).toArray(), true);
      try (Stream<String> text = generator.stream(PROMPT, GREEDY).text(tokenizer)) {
        List<String> pieces = text.toList();
        assertEquals(want, pieces.stream().collect(Collectors.joining()));
        assertTrue(pieces.size() > 5 && !pieces.contains(""), pieces.toString());
      }
      GenerationConfig two = GREEDY.toBuilder().doSample(true).numReturnSequences(2).build();
      try (TokenStream tokens = generator.stream(PROMPT, two)) {
        assertThrows(IllegalArgumentException.class, () -> tokens.text(tokenizer));
      }
    }
  }

  /** Writes down what it is told; asks for nothing by itself. */
  private static final class Subscriber implements Flow.Subscriber<GeneratedToken> {
    final List<Integer> ids = new ArrayList<>();
    Flow.Subscription subscription;
    Throwable error;
    int completions;

    @Override
    public void onSubscribe(Flow.Subscription newSubscription) {
      subscription = newSubscription;
    }

    @Override
    public void onNext(GeneratedToken token) {
      ids.add(token.id());
    }

    @Override
    public void onError(Throwable t) {
      assertNull(error);
      error = t;
    }

    @Override
    public void onComplete() {
      completions++;
    }
  }

  // runs tasks when a test says so: what is in here is all that could hold a thread
  private final Queue<Runnable> tasks = new ArrayDeque<>();

  private Subscriber subscribe(GenerationHooks hooks) {
    Subscriber subscriber = new Subscriber();
    generator.publisher(PROMPTS, null, GREEDY, hooks, tasks::add).subscribe(subscriber);
    return subscriber;
  }

  private void runTasks() {
    while (!tasks.isEmpty()) {
      tasks.remove().run();
    }
  }

  @Test
  void subscriberGetsWhatItAsksForAndNoMoreIsComputed() {
    Subscriber subscriber = subscribe(counting);
    runTasks();
    assertEquals(0, computed.get());
    assertFree(); // not yet in use
    for (int asked : new int[] {1, 4, 2}) {
      int before = subscriber.ids.size();
      subscriber.subscription.request(asked);
      runTasks(); // returns: no thread waits for the next request
      assertEquals(before + asked, subscriber.ids.size());
      assertEquals(before + asked, computed.get());
    }
    subscriber.subscription.request(5);
    subscriber.subscription.request(8);
    assertEquals(1, tasks.size(), "one task at a time");
    runTasks();
    assertEquals(greedy, subscriber.ids);
    assertEquals(1, subscriber.completions, "without another request");
    subscriber.subscription.request(1);
    subscriber.subscription.cancel();
    runTasks();
    assertEquals(1, subscriber.completions);
    assertNull(subscriber.error);
    assertFree();
  }

  @Test
  void cancellingFreesTheGenerator() {
    Subscriber subscriber = subscribe(counting);
    subscriber.subscription.request(Long.MAX_VALUE);
    subscriber.subscription.request(Long.MAX_VALUE);
    subscriber.subscription.cancel();
    runTasks();
    assertEquals(List.of(), subscriber.ids);

    subscriber = subscribe(counting);
    subscriber.subscription.request(3);
    runTasks();
    subscriber.subscription.cancel(); // no task runs: this thread does it
    assertFree();
    subscriber.subscription.request(3);
    runTasks();
    assertEquals(greedy.subList(0, 3), subscriber.ids);
    assertEquals(0, subscriber.completions);
    assertNull(subscriber.error);
  }

  @Test
  void cancellingFreesTheGeneratorThoughTheExecutorWasShutDown() {
    Subscriber subscriber = subscribe(counting);
    subscriber.subscription.request(2);
    runTasks();
    subscriber.subscription.request(2);
    List<Runnable> dropped = List.copyOf(tasks);
    tasks.clear();
    assertEquals(1, dropped.size());
    assertThrows(ConcurrentUseException.class, () -> generator.stream(PROMPT, GREEDY));
    subscriber.subscription.cancel();
    assertFree();
    dropped.forEach(Runnable::run); // or later after all
    assertEquals(greedy.subList(0, 2), subscriber.ids);
    assertEquals(0, subscriber.completions);
    assertNull(subscriber.error);
    assertFree();
  }

  @Test
  void subscriberMayCancelOrAskForMoreFromWithin() {
    Subscriber[] self = new Subscriber[1];
    List<Integer> heard = new ArrayList<>();
    Flow.Subscriber<GeneratedToken> wrapper =
        new Flow.Subscriber<>() {
          @Override
          public void onSubscribe(Flow.Subscription subscription) {
            self[0] = new Subscriber();
            self[0].onSubscribe(subscription);
            subscription.request(1);
          }

          @Override
          public void onNext(GeneratedToken token) {
            heard.add(token.id());
            if (heard.size() < 6) {
              self[0].subscription.request(1);
            } else {
              self[0].subscription.cancel();
            }
          }

          @Override
          public void onError(Throwable t) {
            throw new AssertionError(t);
          }

          @Override
          public void onComplete() {
            throw new AssertionError("completed");
          }
        };
    generator.publisher(PROMPT, GREEDY, Runnable::run).subscribe(wrapper);
    assertEquals(greedy.subList(0, 6), heard);
    assertFree();
  }

  @Test
  void failuresReachOnErrorAndFreeTheGenerator() {
    IllegalStateException mine = new IllegalStateException("mine");
    GenerationHooks failing =
        GenerationHooks.NONE.with(
            (LogitsProcessor)
                (row, tokens, scores) -> {
                  throw mine;
                });
    Subscriber failed = subscribe(failing);
    failed.subscription.request(9);
    runTasks();
    assertSame(mine, failed.error);
    assertFree();

    Subscriber illegal = subscribe(counting);
    illegal.subscription.request(0);
    runTasks();
    assertInstanceOf(IllegalArgumentException.class, illegal.error);

    Subscriber running = subscribe(counting);
    running.subscription.request(1);
    runTasks();
    Subscriber second = subscribe(counting);
    second.subscription.request(1);
    runTasks();
    assertInstanceOf(ConcurrentUseException.class, second.error);
    running.subscription.cancel();
    assertFree();

    Subscriber rejected = new Subscriber();
    generator
        .publisher(
            PROMPT,
            GREEDY,
            task -> {
              throw new RejectedExecutionException("full");
            })
        .subscribe(rejected);
    rejected.subscription.request(1);
    assertInstanceOf(RejectedExecutionException.class, rejected.error);

    Subscriber interrupted = subscribe(counting);
    interrupted.subscription.request(9);
    Thread.currentThread().interrupt();
    runTasks();
    assertTrue(Thread.interrupted());
    assertInstanceOf(CancellationException.class, interrupted.error);
    assertFree();
  }

  @Test
  void whatASubscriberThrowsReachesTheExecutorAndFreesTheGenerator() {
    IllegalStateException mine = new IllegalStateException("mine");
    Subscriber subscriber = new Subscriber();
    generator
        .publisher(PROMPT, GREEDY, tasks::add)
        .subscribe(
            new Flow.Subscriber<>() {
              @Override
              public void onSubscribe(Flow.Subscription subscription) {
                subscriber.onSubscribe(subscription);
              }

              @Override
              public void onNext(GeneratedToken token) {
                throw mine;
              }

              @Override
              public void onError(Throwable t) {
                throw new AssertionError(t);
              }

              @Override
              public void onComplete() {
                throw new AssertionError("completed");
              }
            });
    subscriber.subscription.request(3);
    assertSame(mine, assertThrows(IllegalStateException.class, this::runTasks));
    subscriber.subscription.request(3);
    runTasks();
    assertFree();
  }

  /** A consumer that is slower than the model, on threads; cancelled at every possible token. */
  @Test
  void slowSubscribersOnOtherThreads() throws Exception {
    try (ExecutorService executor = Executors.newFixedThreadPool(2)) {
      for (int stop = 1; stop <= 21; stop++) {
        int last = stop;
        List<Integer> heard = new ArrayList<>();
        AtomicInteger ahead = new AtomicInteger();
        CountDownLatch end = new CountDownLatch(1);
        computed.set(0);
        generator
            .publisher(PROMPTS, null, GREEDY, counting, executor)
            .subscribe(
                new Flow.Subscriber<>() {
                  private Flow.Subscription subscription;

                  @Override
                  public void onSubscribe(Flow.Subscription newSubscription) {
                    subscription = newSubscription;
                    subscription.request(1);
                  }

                  @Override
                  public void onNext(GeneratedToken token) {
                    heard.add(token.id());
                    Thread.onSpinWait();
                    ahead.accumulateAndGet(computed.get() - heard.size(), Math::max);
                    if (heard.size() == last) {
                      subscription.cancel();
                      end.countDown();
                    } else {
                      executor.execute(() -> subscription.request(1)); // from any thread
                    }
                  }

                  @Override
                  public void onError(Throwable t) {
                    heard.add(-1);
                    end.countDown();
                  }

                  @Override
                  public void onComplete() {
                    heard.add(-2);
                    end.countDown();
                  }
                });
        end.await();
        List<Integer> want = new ArrayList<>(greedy.subList(0, Math.min(stop, 20)));
        if (stop == 21) {
          want.add(-2);
        }
        assertEquals(want, heard);
        assertEquals(0, ahead.get(), "computed before it was asked for");
        awaitFree();
      }
    }
  }

  /** The task that was told to stop may still be closing. */
  private void awaitFree() throws InterruptedException {
    while (true) {
      try {
        generator.stream(PROMPT, GREEDY).close();
        return;
      } catch (ConcurrentUseException e) {
        Thread.sleep(1);
      }
    }
  }
}
