package org.graniteffm.runtime.generate;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ThreadLocalRandom;
import java.util.function.BooleanSupplier;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.RopeType;
import org.graniteffm.runtime.model.ExclusiveUse;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.KvCache;
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
   * @param listener told of each token
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
   * @param listener told of each token
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
    checkSupported(config);
    exclusive.enter();
    try {
      Batch batch = new Batch(inputIds, attentionMask, config);
      session.setCancellation(cancelled);
      try (GraniteForCausalLM.Use _ = model.use();
          KvCache cache = new KvCache(modelConfig, batch.rows, batch.firstCapacity());
          Arena arena = Arena.ofShared()) {
        return batch.run(cache, arena, listener, cancelled);
      }
    } finally {
      session.setCancellation(() -> false);
      exclusive.leave();
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

  /** One generation: the rows' tokens so far, and what has ended. */
  private final class Batch {
    private final GenerationConfig config;
    private final int[][] mask;
    private final int rows;
    private final int promptLength;
    private final int budget;
    private final int least;
    private final int[] tokens; // [rows, promptLength + budget]: prompts and what came after
    private final FinishReason[] finished;
    private final int[] generated;
    private final Sampler[] samplers;

    Batch(int[][] inputIds, int[][] mask, GenerationConfig config) {
      this.config = config;
      this.mask = mask;
      rows = inputIds.length;
      if (rows < 1 || rows > Session.BLOCK_ROWS) {
        throw new IllegalArgumentException(
            "input_ids: %d sequences, legal are 1 to %d".formatted(rows, Session.BLOCK_ROWS));
      }
      promptLength = inputIds[0].length;
      checkPrompts(inputIds);
      int contextLimit = modelConfig.maxPositionEmbeddings();
      budget = config.newTokens(promptLength, contextLimit);
      least = config.leastNewTokens(promptLength);
      tokens = new int[Math.multiplyExact(rows, Math.addExact(promptLength, budget))];
      finished = new FinishReason[rows];
      generated = new int[rows];
      samplers = new Sampler[rows];
      long seed = config.seed().orElseGet(() -> ThreadLocalRandom.current().nextLong());
      for (int row = 0; row < rows; row++) {
        System.arraycopy(inputIds[row], 0, tokens, row * length(), promptLength);
        samplers[row] = new Sampler(config, modelConfig.vocabSize(), seed + row);
        for (int id : inputIds[row]) {
          samplers[row].see(id);
        }
      }
    }

    private int length() {
      return promptLength + budget;
    }

    private void checkPrompts(int[][] inputIds) {
      if (promptLength < 1) {
        throw new IllegalArgumentException("prompt: has no token");
      }
      int limit = modelConfig.maxPositionEmbeddings();
      // the other types are there to go further
      if (promptLength > limit && modelConfig.ropeParameters().type() == RopeType.DEFAULT) {
        throw new IllegalArgumentException(
            "prompt: %d tokens, the model's max_position_embeddings is %d"
                .formatted(promptLength, limit));
      }
      for (int row = 0; row < rows; row++) {
        if (inputIds[row].length != promptLength
            || (mask != null && (mask.length != rows || mask[row].length != promptLength))) {
          throw new IllegalArgumentException(
              "input_ids, attention_mask: rows need one length, row %d differs from %d tokens"
                  .formatted(row, promptLength));
        }
        for (int column = 0; column < promptLength; column++) {
          int id = inputIds[row][column];
          if (id < 0 || id >= modelConfig.vocabSize()) {
            throw new IllegalArgumentException(
                "input_ids: token id %d at [%d, %d], legal are 0 to %d"
                    .formatted(id, row, column, modelConfig.vocabSize() - 1));
          }
        }
      }
    }

    /** Room for the prompt and a moderate answer; the cache grows if the answer is long. */
    int firstCapacity() {
      return promptLength + Math.min(budget, 256);
    }

    Generation run(KvCache cache, Arena arena, TokenListener listener, BooleanSupplier cancelled) {
      Feed feed = new Feed(arena);
      long start = System.nanoTime();
      long firstScores = start;
      int step = 0;
      try {
        for (; step < budget; step++) {
          model.checkOpen();
          if (cancelled.getAsBoolean() || Thread.currentThread().isInterrupted()) {
            cancelOpenRows();
            break;
          }
          MemorySegment logits = feed.next(cache, step);
          if (step == 0) {
            firstScores = System.nanoTime();
          }
          if (!choose(logits, step, listener)) {
            cancelOpenRows();
          }
          if (allFinished()) {
            step++;
            break;
          }
        }
      } catch (CancellationException e) {
        cancelOpenRows();
      }
      long end = System.nanoTime();
      int passes = Math.max(0, step - 1);
      return new Generation(
          sequences(), rows * promptLength, firstScores - start, end - firstScores, passes);
    }

    /** Gives each open row its next token; false if the listener wants no more. */
    private boolean choose(MemorySegment logits, int step, TokenListener listener) {
      boolean goOn = true;
      for (int row = 0; row < rows; row++) {
        if (finished[row] != null) {
          tokens[row * length() + promptLength + step] = padToken();
          continue;
        }
        long offset = (long) row * modelConfig.vocabSize() * Float.BYTES;
        int id = samplers[row].next(logits, offset, step >= least);
        samplers[row].see(id);
        tokens[row * length() + promptLength + step] = id;
        generated[row] = step + 1;
        if (isEnd(id)) {
          finished[row] = FinishReason.EOS;
        } else if (step + 1 == budget) {
          finished[row] = FinishReason.LENGTH;
        }
        goOn &= listener.onToken(row, id);
      }
      return goOn;
    }

    private boolean isEnd(int id) {
      List<Integer> ends = config.eosTokenIds();
      for (int i = 0; i < ends.size(); i++) {
        if (ends.get(i) == id) {
          return true;
        }
      }
      return false;
    }

    /** What finished rows of a batch go on with. */
    private int padToken() {
      return config
          .padTokenId()
          .orElse(config.eosTokenIds().isEmpty() ? 0 : config.eosTokenIds().get(0));
    }

    private boolean allFinished() {
      for (FinishReason reason : finished) {
        if (reason == null) {
          return false;
        }
      }
      return true;
    }

    private void cancelOpenRows() {
      for (int row = 0; row < rows; row++) {
        if (finished[row] == null) {
          finished[row] = FinishReason.CANCELLED;
        }
      }
    }

    private List<Generation.Sequence> sequences() {
      List<Generation.Sequence> sequences = new ArrayList<>();
      for (int row = 0; row < rows; row++) {
        List<Integer> ids = new ArrayList<>();
        for (int i = 0; i < generated[row]; i++) {
          ids.add(tokens[row * length() + promptLength + i]);
        }
        FinishReason reason = finished[row] == null ? FinishReason.LENGTH : finished[row];
        sequences.add(new Generation.Sequence(List.copyOf(ids), reason));
      }
      return List.copyOf(sequences);
    }

    /**
     * Hands the session its next tokens: the prompts first, then one token a row, or everything
     * without a cache.
     */
    private final class Feed {
      private final MemorySegment keyMask; // [rows, length()] or null
      private final int[] seenTokens = new int[rows]; // unmasked so far: the next position
      private int[] ids = new int[0];
      private int[] positions = new int[0];

      Feed(Arena arena) {
        keyMask = mask == null ? null : arena.allocate((long) rows * length());
        if (mask == null) {
          return;
        }
        keyMask.fill((byte) 1);
        for (int row = 0; row < rows; row++) {
          for (int column = 0; column < promptLength; column++) {
            byte visible = (byte) (mask[row][column] == 0 ? 0 : 1);
            keyMask.set(ValueLayout.JAVA_BYTE, (long) row * length() + column, visible);
          }
        }
      }

      MemorySegment next(KvCache cache, int step) {
        if (!config.useCache()) {
          cache.truncate(0);
          Arrays.fill(seenTokens, 0);
        }
        int past = cache.length();
        int count = promptLength + step - past;
        if (ids.length != rows * count) {
          ids = new int[rows * count];
          positions = new int[rows * count];
        }
        for (int row = 0; row < rows; row++) {
          for (int i = 0; i < count; i++) {
            int column = past + i;
            ids[row * count + i] = tokens[row * length() + column];
            boolean visible = mask == null || column >= promptLength || mask[row][column] != 0;
            // padding sees nothing that matters; its position only has to be a legal one
            positions[row * count + i] = visible ? seenTokens[row]++ : 0;
          }
        }
        return session.nextLogits(cache, ids, count, positions, keyMask, length());
      }
    }
  }
}
