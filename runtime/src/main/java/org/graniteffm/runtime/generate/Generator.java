package org.graniteffm.runtime.generate;

import java.util.List;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BooleanSupplier;
import org.graniteffm.runtime.ClosedException;
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
 * <p>A generator holds a session, so it belongs to one caller at a time; its model may be shared.
 * Prompts of different lengths come as a list, and are padded here; rows of one length come with
 * the caller's mask, where padding belongs on the left, as published tokenizers do it.
 *
 * <p>Tokens come in one of three ways: {@link #generate} hands each to a listener and waits until
 * that returns; {@link #stream} computes them as they are taken; {@link #publisher} sends a
 * subscriber as many as it asks for. None runs ahead of its consumer by more than one pass.
 *
 * <p>With an assistant model, or with prompt_lookup_num_tokens, several tokens are guessed and then
 * checked in one pass over the weights. Greedy text stays what it is, and so does every bit of its
 * scores; sampled text with a look-up stays that of its seed, and with an assistant it is
 * distributed as without one. Guesses are for one sequence at a time, without beams and with a
 * cache, as in transformers.
 */
public final class Generator implements AutoCloseable {
  private final GraniteForCausalLM model;
  private final GraniteConfig modelConfig;
  private final Session session;
  private final GraniteForCausalLM assistant; // or null
  private final Session assistantSession;
  private final ExclusiveUse exclusive = new ExclusiveUse("generator"); // by a generation
  private final ExclusiveUse computing = new ExclusiveUse("generator"); // by a call
  private boolean closed; // read and written while computing
  private int startGuesses; // what the schedule began with, and where it has got to
  private int guesses;

  /**
   * Makes a generator with a session of its own.
   *
   * @param model to generate with; stays open until it is closed by its owner
   */
  public Generator(GraniteForCausalLM model) {
    this(model, null);
  }

  /**
   * Makes a generator that lets another model guess: transformers' {@code assistant_model}.
   *
   * @param model to generate with; stays open until it is closed by its owner
   * @param assistantModel a much smaller one with the same vocabulary, which stays open too; or
   *     null
   * @throws IllegalArgumentException if the vocabularies are of different sizes
   */
  public Generator(GraniteForCausalLM model, GraniteForCausalLM assistantModel) {
    this.model = model;
    modelConfig = model.config();
    assistant = assistantModel;
    if (assistant != null && assistant.config().vocabSize() != modelConfig.vocabSize()) {
      throw new IllegalArgumentException(
          "assistant_model: has a vocabulary of %d tokens, the model one of %d; they must be the same"
              .formatted(assistant.config().vocabSize(), modelConfig.vocabSize()));
    }
    session = model.newSession();
    try {
      assistantSession = assistant == null ? null : assistant.newSession();
    } catch (RuntimeException e) {
      session.close();
      throw e;
    }
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
   * @throws org.graniteffm.runtime.ClosedException if the model or this generator is closed
   * @throws org.graniteffm.runtime.ConcurrentUseException if this generator is generating already
   */
  public Generation generate(int[] prompt, GenerationConfig config, TokenListener listener) {
    return generate(prompt, config, GenerationHooks.NONE, listener);
  }

  /**
   * Continues one prompt, with stop_strings or a caller's own processors and criteria.
   *
   * @param prompt token ids, at least one
   * @param config options
   * @param hooks what to call besides the listener; stop_strings need its tokenizer
   * @param listener told of each token; with beam search at the end, sequence by sequence
   * @return the new tokens
   * @throws IllegalArgumentException if the prompt or an option is out of range, or an option is
   *     not supported
   * @throws NonFiniteLogitsException if the model's scores are not finite
   * @throws org.graniteffm.runtime.ClosedException if the model or this generator is closed
   * @throws org.graniteffm.runtime.ConcurrentUseException if this generator is generating already
   */
  public Generation generate(
      int[] prompt, GenerationConfig config, GenerationHooks hooks, TokenListener listener) {
    return generate(new int[][] {prompt}, null, config, hooks, listener, () -> false);
  }

  /**
   * Continues prompts of any lengths together: each pass over the weights serves them all. The
   * shorter ones are padded on the left, with pad_token_id.
   *
   * @param prompts token ids, at least one each
   * @param config options
   * @param hooks what to call besides the listener; stop_strings need its tokenizer
   * @param listener told of each token; with beam search at the end, sequence by sequence
   * @param cancelled asked between tokens and between blocks of a long prompt; true ends the
   *     generation
   * @return the new tokens
   * @throws IllegalArgumentException if the prompts or an option is out of range, or an option is
   *     not supported
   * @throws NonFiniteLogitsException if the model's scores are not finite
   * @throws org.graniteffm.runtime.ClosedException if the model or this generator is closed
   * @throws org.graniteffm.runtime.ConcurrentUseException if this generator is generating already
   */
  public Generation generate(
      List<int[]> prompts,
      GenerationConfig config,
      GenerationHooks hooks,
      TokenListener listener,
      BooleanSupplier cancelled) {
    PaddedPrompts padded = PaddedPrompts.of(prompts, config.padToken());
    return generate(padded.ids(), padded.mask(), config, hooks, listener, cancelled);
  }

  /**
   * Continues a batch of prompts.
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
   * @throws org.graniteffm.runtime.ClosedException if the model or this generator is closed
   * @throws org.graniteffm.runtime.ConcurrentUseException if this generator is generating already
   */
  public Generation generate(
      int[][] inputIds,
      int[][] attentionMask,
      GenerationConfig config,
      GenerationHooks hooks,
      TokenListener listener,
      BooleanSupplier cancelled) {
    Decoding decoding;
    Generation result;
    exclusive.enter();
    try (GranitePreTrainedModel.Use _ = compute();
        GranitePreTrainedModel.Use _ = model.use();
        GranitePreTrainedModel.Use _ = assistant == null ? null : assistant.use();
        Decoding running = begin(inputIds, attentionMask, config, hooks, listener, cancelled)) {
      while (running.advance()) {
        // the listener hears of it
      }
      result = running.result();
      decoding = running;
    } finally {
      leave();
    }
    decoding.tellMetrics(result); // the generator is free by now
    return result;
  }

  /**
   * Continues one prompt, token by token as they are taken.
   *
   * @param prompt token ids, at least one
   * @param config options
   * @return the tokens to come, to be closed; until then the generator is in use
   * @throws IllegalArgumentException if the prompt or an option is out of range, or an option is
   *     not supported
   * @throws org.graniteffm.runtime.ClosedException if the model or this generator is closed
   * @throws org.graniteffm.runtime.ConcurrentUseException if this generator is generating already
   */
  public TokenStream stream(int[] prompt, GenerationConfig config) {
    return stream(new int[][] {prompt}, null, config, GenerationHooks.NONE);
  }

  /**
   * Continues a batch of prompts, token by token as they are taken. Nothing is computed but by the
   * calls of the stream, on their caller's thread.
   *
   * @param inputIds {@code [batch][tokens]}, rows of one length
   * @param attentionMask {@code [batch][tokens]}, 0 for padding; or null
   * @param config options
   * @param hooks what to call; stop_strings need its tokenizer
   * @return the tokens to come, to be closed; until then the generator is in use
   * @throws IllegalArgumentException if the prompts or an option is out of range, or an option is
   *     not supported
   * @throws org.graniteffm.runtime.ClosedException if the model or this generator is closed
   * @throws org.graniteffm.runtime.ConcurrentUseException if this generator is generating already
   */
  public TokenStream stream(
      int[][] inputIds, int[][] attentionMask, GenerationConfig config, GenerationHooks hooks) {
    exclusive.enter();
    try (GranitePreTrainedModel.Use _ = compute();
        GranitePreTrainedModel.Use _ = model.use();
        GranitePreTrainedModel.Use _ = assistant == null ? null : assistant.use()) {
      return new TokenStream(
          this,
          inputIds.length * config.numReturnSequences(),
          (listener, cancelled) ->
              begin(inputIds, attentionMask, config, hooks, listener, cancelled));
    } catch (Throwable t) {
      leave();
      throw t;
    }
  }

  /**
   * Continues one prompt for a subscriber, which gets as many tokens as it asks for; see {@link
   * #publisher(int[][], int[][], GenerationConfig, GenerationHooks, Executor)}.
   *
   * @param prompt token ids, at least one
   * @param config options
   * @param executor runs the generation whenever tokens are asked for
   * @return a generation for each subscriber
   */
  public Flow.Publisher<GeneratedToken> publisher(
      int[] prompt, GenerationConfig config, Executor executor) {
    return publisher(new int[][] {prompt}, null, config, GenerationHooks.NONE, executor);
  }

  /**
   * Continues a batch of prompts for a subscriber, which gets as many tokens as it asks for.
   *
   * <p>Each subscriber starts a generation of its own with its first request; until that has ended
   * or was cancelled the generator is in use, and another one gets a {@link
   * org.graniteffm.runtime.ConcurrentUseException}. Work is given to the executor only while tokens
   * are asked for, so no thread waits for a slow subscriber. Cancelling ends the generation at its
   * next token, and frees the generator. Whatever {@link #generate} would throw goes to {@code
   * onError}; so does a {@link java.util.concurrent.CancellationException} if the executor's thread
   * is interrupted. What the subscriber itself throws ends the generation and reaches the executor.
   *
   * @param inputIds {@code [batch][tokens]}, rows of one length
   * @param attentionMask {@code [batch][tokens]}, 0 for padding; or null
   * @param config options
   * @param hooks what to call; stop_strings need its tokenizer
   * @param executor runs the generation whenever tokens are asked for
   * @return a generation for each subscriber
   */
  public Flow.Publisher<GeneratedToken> publisher(
      int[][] inputIds,
      int[][] attentionMask,
      GenerationConfig config,
      GenerationHooks hooks,
      Executor executor) {
    return subscriber ->
        subscriber.onSubscribe(
            new TokenSubscription(
                subscriber, () -> stream(inputIds, attentionMask, config, hooks), executor));
  }

  /** Ends a use of this generator. */
  void leave() {
    session.setCancellation(() -> false);
    if (assistantSession != null) {
      assistantSession.setCancellation(() -> false);
    }
    exclusive.leave();
  }

  /** Runs a step of a stream while model and assistant stay open. */
  boolean advance(Decoding decoding) {
    try (GranitePreTrainedModel.Use _ = compute();
        GranitePreTrainedModel.Use _ = model.use();
        GranitePreTrainedModel.Use _ = assistant == null ? null : assistant.use()) {
      return decoding.advance();
    }
  }

  /** Keeps the generator open, callbacks included, until what it returns is closed. */
  private GranitePreTrainedModel.Use compute() {
    computing.enter();
    if (closed) {
      computing.leave();
      throw new ClosedException("generator: is closed");
    }
    return computing::leave;
  }

  private Decoding begin(
      int[][] inputIds,
      int[][] attentionMask,
      GenerationConfig config,
      GenerationHooks hooks,
      TokenListener listener,
      BooleanSupplier cancelled) {
    checkSupported(config);
    int group = Math.max(config.numBeams(), config.numReturnSequences());
    checkPrompts(inputIds, attentionMask, group);
    checkAssistance(inputIds.length, config);
    int budget = config.newTokens(inputIds[0].length, modelConfig.maxPositionEmbeddings());
    long seed = config.seed().orElseGet(() -> ThreadLocalRandom.current().nextLong());
    session.setCancellation(cancelled);
    Feed feed =
        new Feed(
            session,
            inputIds,
            attentionMask,
            group,
            budget,
            config.useCache(),
            hooks.pastKeyValues().orElse(null));
    Drafter drafter = null;
    try {
      if (config.promptLookupNumTokens().isPresent()) {
        drafter = new PromptLookup(config);
      } else if (assistant != null) {
        assistantSession.setCancellation(cancelled);
        drafter = assist(inputIds, attentionMask, config, feed, seed);
      }
      return new Decoding(model, config, hooks, feed, drafter, seed, listener, cancelled);
    } catch (Throwable t) {
      if (drafter != null) {
        drafter.close();
      }
      feed.close();
      throw t;
    }
  }

  private AssistantModel assist(
      int[][] inputIds, int[][] attentionMask, GenerationConfig config, Feed feed, long seed) {
    boolean persists = config.numAssistantTokensSchedule() == AssistantTokensSchedule.HEURISTIC;
    if (!persists || startGuesses != config.numAssistantTokens()) {
      startGuesses = config.numAssistantTokens();
      guesses = startGuesses;
    }
    int budget = feed.length - feed.promptLength;
    Feed own = new Feed(assistantSession, inputIds, attentionMask, 1, budget, true);
    own.tokens = feed.tokens;
    try {
      return new AssistantModel(
          config,
          own,
          modelConfig.vocabSize(),
          guesses,
          config.doSample() ? Decoding.random(seed - 1) : null,
          now -> guesses = now);
    } catch (Throwable t) {
      own.close();
      throw t;
    }
  }

  /** Guesses are for one sequence: several would end up with caches of different lengths. */
  private void checkAssistance(int prompts, GenerationConfig config) {
    boolean looksUp = config.promptLookupNumTokens().isPresent();
    if (assistant == null && !looksUp) {
      return;
    }
    String name = looksUp ? "prompt_lookup_num_tokens" : "assistant_model";
    if (assistant != null && looksUp) {
      throw new IllegalArgumentException("prompt_lookup_num_tokens: not with an assistant_model");
    }
    if (config.numBeams() > 1) {
      throw new IllegalArgumentException(
          "num_beams: %d, with %s legal is 1".formatted(config.numBeams(), name));
    }
    if (config.numReturnSequences() > 1) {
      throw new IllegalArgumentException(
          "num_return_sequences: %d, with %s legal is 1"
              .formatted(config.numReturnSequences(), name));
    }
    if (prompts > 1) {
      throw new IllegalArgumentException(
          "input_ids: %d sequences, with %s legal is 1".formatted(prompts, name));
    }
    if (!config.useCache()) {
      throw new IllegalArgumentException("use_cache: false, with %s legal is true".formatted(name));
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

  /**
   * Frees the session, and the assistant's. A stream whose generation goes on ends with a {@link
   * ClosedException} at its next token; a generator that is closed already stays so.
   *
   * @throws org.graniteffm.runtime.ConcurrentUseException if it is computing: if another thread or
   *     a callback of its own generation calls this
   */
  @Override
  public void close() {
    computing.enter();
    try {
      closed = true;
      session.close();
      if (assistantSession != null) {
        assistantSession.close();
      }
    } finally {
      computing.leave();
    }
  }
}
