package org.graniteffm.runtime.generate;

import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BooleanSupplier;
import java.util.random.RandomGenerator;
import java.util.random.RandomGeneratorFactory;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.RopeType;
import org.graniteffm.runtime.model.ExclusiveUse;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.GranitePreTrainedModel;
import org.graniteffm.runtime.model.Session;

/**
 * Generates text: prompts in, tokens out, one at a time, greedy or sampled; transformers' {@code
 * generate}.
 *
 * <p>A generator holds a session, so it belongs to one caller at a time; its model may be shared. A
 * batch of prompts of different lengths is padded (on the left, as published tokenizers do) and
 * masked by the caller.
 */
public final class Generator implements AutoCloseable {
  private final GraniteForCausalLM model;
  private final GraniteConfig modelConfig;
  private final Session session;
  private final ExclusiveUse exclusive = new ExclusiveUse("generator");

  /**
   * Makes a generator with a session of its own.
   *
   * @param model to generate with; stays open until it is closed by its owner
   */
  public Generator(GraniteForCausalLM model) {
    this.model = model;
    modelConfig = model.config();
    session = model.newSession();
  }

  /**
   * Continues one prompt.
   *
   * @param prompt token ids, at least one
   * @param config options
   * @param listener told of each token; with beam search at the end, sequence by sequence
   * @return the new tokens
   * @throws IllegalArgumentException if the prompt or an option is out of range, or an option is
   *     not supported
   * @throws NonFiniteLogitsException if the model's scores are not finite
   * @throws org.graniteffm.runtime.model.ClosedException if the model or this generator is closed
   * @throws org.graniteffm.runtime.model.ConcurrentUseException if this generator is generating
   *     already
   */
  public Generation generate(int[] prompt, GenerationConfig config, TokenListener listener) {
    return generate(new int[][] {prompt}, null, config, listener, () -> false);
  }

  /**
   * Continues a batch of prompts.
   *
   * @param inputIds {@code [batch][tokens]}, rows of one length
   * @param attentionMask {@code [batch][tokens]}, 0 for padding; or null
   * @param config options
   * @param listener told of each token; with beam search at the end, sequence by sequence
   * @param cancelled asked between tokens and between blocks of a long prompt; true ends the
   *     generation
   * @return the new tokens
   * @throws IllegalArgumentException if the prompts or an option is out of range, or an option is
   *     not supported
   * @throws NonFiniteLogitsException if the model's scores are not finite
   * @throws org.graniteffm.runtime.model.ClosedException if the model or this generator is closed
   * @throws org.graniteffm.runtime.model.ConcurrentUseException if this generator is generating
   *     already
   */
  public Generation generate(
      int[][] inputIds,
      int[][] attentionMask,
      GenerationConfig config,
      TokenListener listener,
      BooleanSupplier cancelled) {
    return generate(inputIds, attentionMask, config, GenerationHooks.NONE, listener, cancelled);
  }

  /**
   * Continues a batch of prompts, with a caller's own processors and criteria.
   *
   * @param inputIds {@code [batch][tokens]}, rows of one length
   * @param attentionMask {@code [batch][tokens]}, 0 for padding; or null
   * @param config options
   * @param hooks what to call besides the listener; stop_strings need its tokenizer
   * @param listener told of each token; with beam search at the end, sequence by sequence
   * @param cancelled asked between tokens and between blocks of a long prompt; true ends the
   *     generation
   * @return the new tokens
   * @throws IllegalArgumentException if the prompts or an option is out of range, or an option is
   *     not supported
   * @throws NonFiniteLogitsException if the model's scores are not finite
   * @throws org.graniteffm.runtime.model.ClosedException if the model or this generator is closed
   * @throws org.graniteffm.runtime.model.ConcurrentUseException if this generator is generating
   *     already
   */
  public Generation generate(
      int[][] inputIds,
      int[][] attentionMask,
      GenerationConfig config,
      GenerationHooks hooks,
      TokenListener listener,
      BooleanSupplier cancelled) {
    checkSupported(config);
    exclusive.enter();
    try (GranitePreTrainedModel.Use _ = model.use()) {
      int group = Math.max(config.numBeams(), config.numReturnSequences());
      checkPrompts(inputIds, attentionMask, group);
      int promptLength = inputIds[0].length;
      int budget = config.newTokens(promptLength, modelConfig.maxPositionEmbeddings());
      session.setCancellation(cancelled);
      try (Feed feed =
          new Feed(session, inputIds, attentionMask, group, budget, config.useCache())) {
        return new Run(config, hooks, feed, listener, cancelled).generate();
      }
    } finally {
      session.setCancellation(() -> false);
      exclusive.leave();
    }
  }

  private void checkPrompts(int[][] inputIds, int[][] mask, int group) {
    long rows = (long) inputIds.length * group;
    if (rows < 1 || rows > Session.BLOCK_ROWS) {
      throw new IllegalArgumentException(
          "input_ids: %d sequences, with beams and samples %d, legal are 1 to %d"
              .formatted(inputIds.length, rows, Session.BLOCK_ROWS));
    }
    int length = inputIds[0].length;
    if (length < 1) {
      throw new IllegalArgumentException("prompt: has no token");
    }
    int limit = modelConfig.maxPositionEmbeddings();
    // the other types are there to go further
    if (length > limit && modelConfig.ropeParameters().type() == RopeType.DEFAULT) {
      throw new IllegalArgumentException(
          "prompt: %d tokens, the model's max_position_embeddings is %d".formatted(length, limit));
    }
    for (int row = 0; row < inputIds.length; row++) {
      if (inputIds[row].length != length
          || (mask != null && (mask.length != inputIds.length || mask[row].length != length))) {
        throw new IllegalArgumentException(
            "input_ids, attention_mask: rows need one length, row %d differs from %d tokens"
                .formatted(row, length));
      }
      for (int column = 0; column < length; column++) {
        int id = inputIds[row][column];
        if (id < 0 || id >= modelConfig.vocabSize()) {
          throw new IllegalArgumentException(
              "input_ids: token id %d at [%d, %d], legal are 0 to %d"
                  .formatted(id, row, column, modelConfig.vocabSize() - 1));
        }
      }
    }
  }

  private static void checkSupported(GenerationConfig config) {
    if (!config.unsupported().isEmpty()) {
      throw new UnsupportedOptionException(config.unsupported());
    }
  }

  /** Frees the session. */
  @Override
  public void close() {
    session.close();
  }

  /** One generation: what has ended, and what came. */
  private final class Run {
    private final GenerationConfig config;
    private final Feed feed;
    private final TokenListener listener;
    private final BooleanSupplier cancelled;
    private final Sampler sampler;
    private final StopRules stops;
    private final RandomGenerator[] random; // one a row; null without sampling
    private final int budget;
    private long start;
    private long firstScores;

    Run(
        GenerationConfig config,
        GenerationHooks hooks,
        Feed feed,
        TokenListener listener,
        BooleanSupplier cancelled) {
      this.config = config;
      this.feed = feed;
      this.listener = listener;
      this.cancelled = cancelled;
      budget = feed.length - feed.promptLength;
      int vocabulary = modelConfig.vocabSize();
      ScoreProcessors processors =
          new ScoreProcessors(
              config, vocabulary, feed.promptLength, feed.length, hooks.logitsProcessors());
      sampler = new Sampler(config, processors, vocabulary);
      stops = new StopRules(config, hooks, feed.length);
      random = config.doSample() ? new RandomGenerator[feed.rows] : null;
      if (random != null) {
        long seed = config.seed().orElseGet(() -> ThreadLocalRandom.current().nextLong());
        Arrays.setAll(
            random, row -> RandomGeneratorFactory.of("L64X128MixRandom").create(seed + row));
      }
    }

    Generation generate() {
      start = System.nanoTime();
      firstScores = start;
      return config.numBeams() > 1 ? searchBeams() : chooseTokens();
    }

    /** The next scores, or null if the generation was cancelled. */
    private MemorySegment next(int step) {
      model.checkOpen();
      if (cancelled.getAsBoolean() || Thread.currentThread().isInterrupted()) {
        return null;
      }
      try {
        MemorySegment logits = feed.next(step);
        if (step == 0) {
          firstScores = System.nanoTime();
        }
        return logits;
      } catch (CancellationException e) {
        return null;
      }
    }

    private Generation chooseTokens() {
      FinishReason[] finished = new FinishReason[feed.rows];
      int[] generated = new int[feed.rows];
      int step = 0;
      boolean goOn = true;
      while (goOn && step < budget) {
        MemorySegment logits = next(step);
        if (logits == null) {
          break;
        }
        goOn = choose(logits, step, finished, generated);
        step++;
      }
      long end = System.nanoTime();
      FinishReason open = budget == 0 ? FinishReason.LENGTH : FinishReason.CANCELLED;
      List<Generation.Sequence> sequences = new ArrayList<>();
      for (int row = 0; row < feed.rows; row++) {
        int first = feed.start(row) + feed.promptLength;
        List<Integer> ids =
            Arrays.stream(feed.tokens, first, first + generated[row]).boxed().toList();
        FinishReason reason = finished[row] == null ? open : finished[row];
        sequences.add(new Generation.Sequence(ids, reason, OptionalDouble.empty()));
      }
      return result(List.copyOf(sequences), step, end);
    }

    /** Gives each open row its next token; false if none is open or the listener has enough. */
    private boolean choose(
        MemorySegment logits, int step, FinishReason[] finished, int[] generated) {
      stops.beginStep();
      boolean goOn = true;
      boolean open = false;
      int length = feed.promptLength + step;
      for (int row = 0; row < feed.rows; row++) {
        int first = feed.start(row);
        if (finished[row] != null) {
          feed.tokens[first + length] = padToken();
          continue;
        }
        int id =
            sampler.next(
                logits,
                feed.offset(row),
                row,
                feed.tokens,
                first,
                length,
                random == null ? null : random[row]);
        feed.tokens[first + length] = id;
        generated[row] = step + 1;
        finished[row] = stops.check(row, feed.tokens, first, length + 1);
        open |= finished[row] == null;
        goOn &= listener.onToken(row, id);
      }
      return goOn && open;
    }

    private Generation searchBeams() {
      BeamSearch search =
          new BeamSearch(
              config,
              feed,
              sampler,
              stops,
              random == null ? null : random[0],
              modelConfig.vocabSize());
      int step = 0;
      boolean goOn = budget > 0;
      boolean wasCancelled = false;
      while (goOn) {
        MemorySegment logits = next(step);
        wasCancelled = logits == null;
        goOn = !wasCancelled && search.step(logits, step);
        if (!wasCancelled) {
          step++;
        }
      }
      long end = System.nanoTime();
      List<Generation.Sequence> sequences = search.sequences(step, wasCancelled);
      tell(sequences);
      return result(sequences, step, end);
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

    private Generation result(List<Generation.Sequence> sequences, int steps, long end) {
      int prompts = feed.rows / Math.max(config.numBeams(), config.numReturnSequences());
      return new Generation(
          sequences,
          prompts * feed.promptLength,
          firstScores - start,
          end - firstScores,
          Math.max(0, steps - 1));
    }

    /** What finished rows of a batch go on with. */
    private int padToken() {
      return config
          .padTokenId()
          .orElse(config.eosTokenIds().isEmpty() ? 0 : config.eosTokenIds().get(0));
    }
  }
}
