package org.graniteffm.runtime.generate;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.Session;

/**
 * A generation under way: what has come and what has ended. Each {@link #advance} is one pass over
 * the weights, and chooses a token for each row, or for one row those that were guessed right and
 * one more.
 */
final class Decoding implements AutoCloseable {
  private final GraniteForCausalLM model;
  private final GenerationConfig config;
  private final GenerationHooks hooks;
  private final Feed feed;
  private final Drafter drafter; // null if nothing is guessed
  private final TokenListener listener;
  private final BooleanSupplier cancelled;
  private final ScoreRecorder recorder; // null if nothing is kept
  private final Sampler sampler;
  private final StopRules stops;
  private final RandomGenerator[] random; // one a row; null without sampling
  private final BeamSearch search; // null without beams
  private final FinishReason[] finished;
  private final int[] generated;
  private final int budget;
  private final long start = System.nanoTime();
  private long firstScores = start;
  private long end = start;
  private int step; // tokens that each row has behind its prompt
  private int passes;
  private boolean ended;
  private boolean wasCancelled;

  /**
   * Begins a generation.
   *
   * @param model of the feed
   * @param config options
   * @param hooks what to call
   * @param feed holds the prompts; closed with this
   * @param drafter guesses, where there is one row; or null. Closed with this
   * @param seed of sampling
   * @param listener told of each token
   * @param cancelled asked before each token
   */
  Decoding(
      GraniteForCausalLM model,
      GenerationConfig config,
      GenerationHooks hooks,
      Feed feed,
      Drafter drafter,
      long seed,
      TokenListener listener,
      BooleanSupplier cancelled) {
    this.model = model;
    this.config = config;
    this.hooks = hooks;
    this.feed = feed;
    this.drafter = drafter;
    this.listener = listener;
    this.cancelled = cancelled;
    budget = feed.length - feed.promptLength;
    int vocabulary = model.config().vocabSize();
    ScoreProcessors processors =
        new ScoreProcessors(
            config, vocabulary, feed.promptLength, feed.length, hooks.logitsProcessors());
    boolean records = config.outputScores() || config.outputLogits();
    recorder = records ? new ScoreRecorder(config, feed.promptLength, feed.rows, vocabulary) : null;
    sampler = new Sampler(config, processors, vocabulary, recorder);
    stops = new StopRules(config, hooks, feed.length);
    random = config.doSample() ? new RandomGenerator[feed.rows] : null;
    if (random != null) {
      Arrays.setAll(random, row -> random(seed + row));
    }
    search =
        config.numBeams() > 1
            ? new BeamSearch(
                config, feed, sampler, stops, random == null ? null : random[0], vocabulary)
            : null;
    finished = new FinishReason[feed.rows];
    generated = new int[feed.rows];
    ended = budget == 0;
  }

  /** The source of chance that a seed stands for. */
  static RandomGenerator random(long seed) {
    return RandomGeneratorFactory.of("L64X128MixRandom").create(seed);
  }

  /** Whether there is nothing left to do. */
  boolean ended() {
    return ended;
  }

  /**
   * One pass.
   *
   * @return whether there is more to do
   */
  boolean advance() {
    if (ended) {
      return false;
    }
    boolean goOn = search == null ? chooseTokens() : searchBeams();
    if (!goOn || (search == null && step == budget)) {
      ended = true;
      end = System.nanoTime();
      if (search != null) {
        tell(search.sequences(step, wasCancelled));
      }
    }
    return !ended;
  }

  private boolean chooseTokens() {
    if (isCancelled()) {
      return false;
    }
    int drafts;
    MemorySegment logits;
    try {
      drafts = drafter == null || step == 0 ? 0 : draft();
      logits = pass(drafts);
    } catch (CancellationException e) { // of a session; a callback's own goes to the caller
      return false;
    }
    return drafts == 0 ? choose(logits) : check(logits, drafts);
  }

  private boolean searchBeams() {
    wasCancelled = isCancelled();
    MemorySegment logits = null;
    try {
      logits = wasCancelled ? null : pass(0);
    } catch (CancellationException e) {
      wasCancelled = true;
    }
    if (wasCancelled) {
      return false;
    }
    boolean goOn = search.step(logits, step);
    step++; // not if a callback has thrown: then there is no token of this step
    return goOn;
  }

  private boolean isCancelled() {
    model.checkOpen();
    return cancelled.getAsBoolean() || Thread.currentThread().isInterrupted();
  }

  private MemorySegment pass(int drafts) {
    MemorySegment logits = feed.next(step, drafts);
    if (passes++ == 0) {
      firstScores = System.nanoTime();
    }
    return logits;
  }

  /** Guesses tokens behind the newest one; the model adds one to those that it finds right. */
  private int draft() {
    int most = Math.min(Session.EXACT_ROWS, budget - step) - 1;
    return most == 0 ? 0 : drafter.draft(feed.tokens, feed.promptLength + step, most);
  }

  /** Gives each open row its next token; false if none is open or the listener has enough. */
  private boolean choose(MemorySegment logits) {
    stops.beginStep();
    boolean goOn = true;
    boolean open = false;
    int length = feed.promptLength + step;
    for (int row = 0; row < feed.rows; row++) {
      int first = feed.start(row);
      if (finished[row] != null) {
        feed.tokens[first + length] = config.padToken();
        continue;
      }
      int id = sampler.next(logits, feed.offset(row), row, feed.tokens, first, length, random(row));
      goOn &= take(row, id);
      open |= finished[row] == null;
    }
    step++;
    return goOn && open;
  }

  /**
   * Chooses the one row's tokens as if they came one by one, as long as each is the one that was
   * guessed; false if the row has ended or the listener has enough.
   */
  private boolean check(MemorySegment logits, int drafts) {
    int accepted = 0;
    boolean goOn = true;
    boolean right = true;
    for (int i = 0; i <= drafts && right && goOn; i++) {
      if (i > 0 && isCancelled()) {
        goOn = false;
        break;
      }
      stops.beginStep();
      int length = feed.promptLength + step;
      int draft = i < drafts ? feed.tokens[length] : -1;
      float[] from = i < drafts ? drafter.probabilities(i) : null;
      int id =
          sampler.next(logits, feed.offset(i), 0, feed.tokens, 0, length, random(0), draft, from);
      right = id == draft;
      accepted += right ? 1 : 0;
      goOn = take(0, id) && finished[0] == null;
      step++;
    }
    drafter.checked(drafts, accepted);
    feed.cut(feed.promptLength + step - 1); // the newest token comes with the next pass
    return goOn;
  }

  private RandomGenerator random(int row) {
    return random == null ? null : random[row];
  }

  /** Writes down a row's token; false if the listener has enough. */
  private boolean take(int row, int id) {
    int first = feed.start(row);
    int length = feed.promptLength + step;
    feed.tokens[first + length] = id;
    generated[row] = step + 1;
    finished[row] = stops.check(row, feed.tokens, first, length + 1);
    return listener.onToken(row, id);
  }

  /** Which tokens stay is known only at the end of a search. */
  private void tell(List<Generation.Sequence> sequences) {
    for (int i = 0; i < sequences.size(); i++) {
      for (int id : sequences.get(i).ids()) {
        if (!listener.onToken(i, id)) {
          return;
        }
      }
    }
  }

  /** Tells the listener of metrics, if there is one; may be called once this is closed. */
  void tellMetrics(Generation result) {
    if (hooks.metricsListener().isPresent()) {
      GenerationMetrics metrics = GenerationMetrics.of(result, feed.cacheBytes());
      hooks.metricsListener().get().onGeneration(metrics);
    }
  }

  /** What has come so far; sequences that have not ended count as cancelled. */
  Generation result() {
    int prompts = feed.rows / Math.max(config.numBeams(), config.numReturnSequences());
    long last = ended ? end : System.nanoTime();
    return new Generation(
        search == null ? sequences() : search.sequences(step, wasCancelled || !ended),
        prompts * feed.promptLength,
        firstScores - start,
        last - firstScores,
        Math.max(0, passes - 1),
        Optional.ofNullable(recorder).flatMap(ScoreRecorder::scores),
        Optional.ofNullable(recorder).flatMap(ScoreRecorder::logits));
  }

  private List<Generation.Sequence> sequences() {
    FinishReason open = budget == 0 ? FinishReason.LENGTH : FinishReason.CANCELLED;
    List<Generation.Sequence> sequences = new ArrayList<>();
    for (int row = 0; row < feed.rows; row++) {
      int first = feed.start(row) + feed.promptLength;
      List<Integer> ids =
          Arrays.stream(feed.tokens, first, first + generated[row]).boxed().toList();
      FinishReason reason = finished[row] == null ? open : finished[row];
      sequences.add(new Generation.Sequence(ids, reason, OptionalDouble.empty(), List.of()));
    }
    return List.copyOf(sequences);
  }

  @Override
  public void close() {
    if (drafter != null) {
      drafter.close();
    }
    feed.close();
  }
}
