package org.graniteffm.runtime.model;

import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import java.util.List;
import java.util.OptionalDouble;
import java.util.concurrent.CancellationException;
import java.util.function.BooleanSupplier;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.ConcurrentUseException;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.ops.Matrix;
import org.graniteffm.runtime.ops.Ops;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.NativeMemory;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * The scratch state of one caller's forward passes. The model behind it is shared; a session
 * belongs to one caller at a time, and a second thread gets a {@link ConcurrentUseException}.
 *
 * <p>{@link #forward} has every input and output of transformers' forward; {@link #nextLogits} is
 * the quick way for decoding: it allocates nothing once it has seen its largest block.
 */
public final class Session implements AutoCloseable {
  /**
   * Rows (sequences times tokens) that go through the layers together; longer prompts are cut into
   * such blocks.
   */
  public static final int BLOCK_ROWS = 512;

  /**
   * Up to so many rows in a pass, what a row gets does not depend on the others, not in a single
   * bit: all sums are in the order they have for one row.
   */
  public static final int EXACT_ROWS = Ops.GEMV_ROWS;

  /** Rows of logits at a time where they are not kept. */
  private static final int SCORED_ROWS = 64;

  private final GranitePreTrainedModel model;
  private final GraniteConfig config;
  private final Decoder decoder;
  private final Decoder.Block block = new Decoder.Block();
  private final ExclusiveUse use = new ExclusiveUse("session");
  private final PassEvents events;
  private BooleanSupplier cancellation = () -> false;
  private Arena logitsArena;
  private Matrix logits;
  private boolean closed; // read and written within a use

  Session(GranitePreTrainedModel model, Decoder decoder) {
    this.model = model;
    this.config = model.config();
    this.decoder = decoder;
    events = new PassEvents(model.checkpoint().directory().toString());
  }

  /**
   * The model this session computes with.
   *
   * @return the model
   */
  public GraniteForCausalLM model() {
    return (GraniteForCausalLM) model; // sessions of others are not given away
  }

  /**
   * Sets what is asked before each block of rows whether to stop.
   *
   * @param cancelled true ends the running call with a {@link CancellationException}
   */
  public void setCancellation(BooleanSupplier cancelled) {
    cancellation = cancelled;
  }

  /**
   * One forward pass.
   *
   * @param input what to compute, and what to return
   * @return the results, to be closed
   * @throws IllegalArgumentException if the input does not fit the model or itself; the message
   *     names the argument
   * @throws ClosedException if the session, the cache or the model is closed
   * @throws ConcurrentUseException if another thread is using this session or the cache
   * @throws InsufficientMemoryException if cache or results find no memory
   * @throws UncheckedIOException if a mapped file of the model was cut short
   * @throws CancellationException if the cancellation says so, or the thread is interrupted
   */
  public ForwardOutput forward(ForwardInput input) {
    enter(input.pastKeyValues());
    try {
      model.checkFiles();
      ForwardCall call = new ForwardCall(input);
      return call.run(call::scores);
    } finally {
      leave(input.pastKeyValues());
    }
  }

  /** As {@link #forward}, without a head. */
  BaseModelOutput lastHiddenState(ForwardInput input) {
    enter(input.pastKeyValues());
    try {
      model.checkFiles();
      ForwardCall call = new ForwardCall(input);
      return call.run(call::lastHiddenState);
    } finally {
      leave(input.pastKeyValues());
    }
  }

  /**
   * Appends tokens to a cache and returns the scores of what comes next. Allocates nothing when
   * called with no more rows than before and with room in the cache.
   *
   * @param cache of {@code batch} sequences, updated
   * @param ids {@code [batch, tokens]}, row after row; may be longer than that
   * @param tokens new ones per sequence, at least 1
   * @param positions {@code [batch, tokens]} or null for {@code past, past + 1, …}
   * @param mask {@code [batch, maskStride]} bytes over cache and new tokens, 0 hides a token; or
   *     null
   * @param maskStride bytes from one sequence's mask to the next, at least {@code past + tokens}
   * @return {@code [batch, V]} f32: scores behind the last token of each sequence, valid until the
   *     next call
   * @throws IllegalArgumentException if an argument does not fit the model; the message names it
   * @throws ClosedException if the session, the cache or the model is closed
   * @throws ConcurrentUseException if another thread is using this session or the cache
   * @throws InsufficientMemoryException if the cache finds no memory
   * @throws UncheckedIOException if a mapped file of the model was cut short
   * @throws CancellationException if the cancellation says so, or the thread is interrupted
   */
  public MemorySegment nextLogits(
      KvCache cache, int[] ids, int tokens, int[] positions, MemorySegment mask, long maskStride) {
    enter(cache);
    try {
      append(cache, ids, tokens, positions, mask, maskStride, tokens - 1, cache.batch());
      decoder.logits(0, cache.batch(), logits);
      events.end(cache);
      return logits.segment();
    } finally {
      leave(cache);
    }
  }

  /**
   * As {@link #nextLogits}, with the scores behind each of the new tokens: one pass checks a draft
   * of several.
   *
   * @param cache of {@code batch} sequences, updated
   * @param ids {@code [batch, tokens]}, row after row; may be longer than that
   * @param tokens new ones per sequence, at least 1; times batch at most {@link #BLOCK_ROWS}
   * @param positions {@code [batch, tokens]} or null for {@code past, past + 1, …}
   * @param mask {@code [batch, maskStride]} bytes over cache and new tokens, 0 hides a token; or
   *     null
   * @param maskStride bytes from one sequence's mask to the next, at least {@code past + tokens}
   * @return {@code [batch, tokens, V]} f32, valid until the next call; up to {@link #EXACT_ROWS}
   *     rows they are, bit for bit, what the tokens get one by one
   * @throws IllegalArgumentException if an argument does not fit the model; the message names it
   * @throws ClosedException if the session, the cache or the model is closed
   * @throws ConcurrentUseException if another thread is using this session or the cache
   * @throws InsufficientMemoryException if the cache finds no memory
   * @throws CancellationException if the cancellation says so, or the thread is interrupted
   */
  public MemorySegment allLogits(
      KvCache cache, int[] ids, int tokens, int[] positions, MemorySegment mask, long maskStride) {
    enter(cache);
    try {
      long rows = (long) cache.batch() * tokens;
      if (rows > BLOCK_ROWS) {
        throw new IllegalArgumentException(
            "tokens: %d of %d sequences, legal are %d in all"
                .formatted(tokens, cache.batch(), BLOCK_ROWS));
      }
      append(cache, ids, tokens, positions, mask, maskStride, 0, (int) rows);
      decoder.logits(0, (int) rows, logits);
      events.end(cache);
      return logits.segment();
    } finally {
      leave(cache);
    }
  }

  private void append(
      KvCache cache,
      int[] ids,
      int tokens,
      int[] positions,
      MemorySegment mask,
      long maskStride,
      int firstWanted,
      int logitRows) {
    checkCache(cache);
    if (cache.length() == 0) { // once for each prompt, not for each token
      model.checkFiles();
    }
    int batch = cache.batch();
    checkIds(ids, batch, tokens);
    checkPositions(positions, batch, tokens);
    if (mask != null && maskStride < (long) cache.length() + tokens) {
      throw new IllegalArgumentException(
          "maskStride: %d, needs at least %d"
              .formatted(maskStride, (long) cache.length() + tokens));
    }
    reserveLogits(logitRows);
    block.batch = batch;
    block.callTokens = tokens;
    block.firstWanted = firstWanted;
    block.ids = ids;
    block.embeddings = null;
    block.positions = positions;
    block.mask = mask;
    block.maskStride = maskStride;
    block.sequenceStarts = null;
    events.begin(cache, tokens);
    decoder.prepareRope(
        largestPosition(positions, batch * tokens, (long) cache.length() + tokens) + 1);
    runBlocks(block, cache, null, null);
  }

  /**
   * How badly a sequence's tokens were predicted, in one pass and without keeping any logits.
   *
   * @param ids the sequence
   * @param from the first token wanted, 1 to {@code ids.length - 1}; those before are context alone
   * @return of {@code ids[from]}, {@code ids[from + 1]} … the negative log-likelihoods in nats,
   *     given all that is before each; NaN or infinite if logits are
   * @throws IllegalArgumentException if an argument does not fit the model; the message names it
   * @throws ClosedException if the session or the model is closed
   * @throws ConcurrentUseException if another thread is using this session
   * @throws InsufficientMemoryException if the sequence's keys and values find no memory
   * @throws UncheckedIOException if a mapped file of the model was cut short
   * @throws CancellationException if the cancellation says so, or the thread is interrupted
   */
  public double[] negativeLogLikelihoods(int[] ids, int from) {
    enter();
    try {
      model.checkFiles();
      checkIds(ids, 1, ids.length);
      if (from < 1 || from >= ids.length) {
        throw new IllegalArgumentException(
            "from: %d, legal are 1 to %d".formatted(from, ids.length - 1));
      }
      double[] losses = new double[ids.length - from];
      Decoder.Block in = new Decoder.Block();
      in.batch = 1;
      in.callTokens = ids.length;
      in.firstWanted = from - 1;
      in.ids = ids;
      reserveLogits(Math.min(SCORED_ROWS, losses.length));
      try (KvCache cache = model.newCache(1, ids.length)) {
        events.begin(cache, ids.length);
        decoder.prepareRope(ids.length);
        runBlocks(in, cache, null, done -> addLosses(done, ids, from, losses));
        events.end(cache);
      }
      return losses;
    } finally {
      leave();
    }
  }

  /** Of the tokens behind those of a block, as far as they are wanted. */
  private void addLosses(Decoder.Block in, int[] ids, int from, double[] losses) {
    int end = Math.min(in.firstToken + in.tokens + 1, ids.length);
    for (int first = Math.max(in.firstToken + 1, from); first < end; first += SCORED_ROWS) {
      int count = Math.min(SCORED_ROWS, end - first);
      int start = first;
      decoder.logits(in.wantedRow(0, first - 1), count, logits);
      model
          .workers()
          .run(
              (row, _) ->
                  losses[start + row - from] =
                      Losses.crossEntropy(
                          logits.segment(),
                          (long) row * config.vocabSize(),
                          config.vocabSize(),
                          ids[start + row]),
              count);
    }
  }

  /** What is done behind each block of {@link #runBlocks}. */
  private interface AfterBlock {
    void run(Decoder.Block block);
  }

  private void runBlocks(
      Decoder.Block in, KvCache cache, Decoder.Recorder recorder, AfterBlock after) {
    int most = Math.max(1, BLOCK_ROWS / in.batch);
    for (int first = 0; first < in.callTokens; first += most) {
      model.lease().check();
      if (cancellation.getAsBoolean() || Thread.currentThread().isInterrupted()) {
        throw new CancellationException("cancelled after " + first + " tokens of this call");
      }
      in.firstToken = first;
      in.tokens = Math.min(most, in.callTokens - first);
      decoder.forward(in, cache, recorder);
      if (after != null) {
        after.run(in);
      }
    }
  }

  private static long largestPosition(int[] positions, int count, long length) {
    if (positions == null) {
      return length - 1;
    }
    int largest = 0;
    for (int i = 0; i < count; i++) {
      largest = Math.max(largest, positions[i]);
    }
    return largest;
  }

  private void reserveLogits(int rows) {
    if (logits != null && logits.rows() >= rows) {
      return;
    }
    Arena arena = Arena.ofShared();
    try {
      logits = Matrix.allocate(arena, rows, config.vocabSize());
    } catch (Throwable t) {
      arena.close();
      throw t;
    }
    if (logitsArena != null) {
      logitsArena.close();
    }
    logitsArena = arena;
  }

  private void checkCache(KvCache cache) {
    if (!cache.fits(config)) {
      throw new IllegalArgumentException("pastKeyValues: made for a model of another shape");
    }
  }

  private void checkIds(int[] ids, int batch, int tokens) {
    if (tokens < 1 || (long) batch * tokens > ids.length) {
      throw new IllegalArgumentException(
          "tokens: %d for %d sequences and %d ids".formatted(tokens, batch, ids.length));
    }
    for (int i = 0; i < batch * tokens; i++) {
      if (ids[i] < 0 || ids[i] >= config.vocabSize()) {
        throw new IllegalArgumentException(
            "input_ids: token id %d at [%d, %d], legal are 0 to %d"
                .formatted(ids[i], i / tokens, i % tokens, config.vocabSize() - 1));
      }
    }
  }

  private static void checkPositions(int[] positions, int batch, int tokens) {
    if (positions == null) {
      return;
    }
    if (positions.length < batch * tokens) {
      throw new IllegalArgumentException(
          "position_ids: %d given for %d tokens".formatted(positions.length, batch * tokens));
    }
    for (int i = 0; i < batch * tokens; i++) {
      if (positions[i] < 0) {
        throw new IllegalArgumentException(
            "position_ids: %d at [%d, %d] is negative"
                .formatted(positions[i], i / tokens, i % tokens));
      }
    }
  }

  /** Starts a call on a cache, or on none. */
  private void enter(KvCache cache) {
    enter();
    try {
      if (cache != null) {
        cache.enter();
      }
    } catch (RuntimeException e) {
      leave();
      throw e;
    }
  }

  private void leave(KvCache cache) {
    if (cache != null) {
      cache.leave();
    }
    leave();
  }

  private void enter() {
    use.enter();
    try {
      if (closed) {
        throw new ClosedException("session: is closed");
      }
      model.lease().acquire();
    } catch (RuntimeException e) {
      use.leave();
      throw e;
    }
  }

  private void leave() {
    model.lease().release();
    use.leave();
  }

  /**
   * Frees the scratch memory; a session that is closed already stays so.
   *
   * @throws ConcurrentUseException if another thread is using this session
   */
  @Override
  public void close() {
    use.enter();
    try {
      if (!closed) {
        closed = true;
        decoder.close();
        if (logitsArena != null) {
          logitsArena.close();
        }
      }
    } finally {
      use.leave();
    }
  }

  /** One call of {@link #forward}: checks, blocks, results. */
  private final class ForwardCall {
    private final ForwardInput input;
    private final int batch;
    private final int tokens;
    private final int past;
    private final int[] ids;
    private final int[] positions;
    private final int keep;
    private Tensor kept;

    ForwardCall(ForwardInput input) {
      this.input = input;
      if ((input.inputIds() == null) == (input.inputsEmbeds() == null)) {
        throw new IllegalArgumentException("give either input_ids or inputs_embeds");
      }
      if (input.inputIds() != null) {
        batch = input.inputIds().length;
        tokens = batch == 0 ? 0 : input.inputIds()[0].length;
      } else {
        Tensor embeds = input.inputsEmbeds();
        if (embeds.dtype() != DType.F32
            || embeds.rank() != 3
            || !embeds.isContiguous()
            || embeds.size(2) != config.hiddenSize()) {
          throw new IllegalArgumentException(
              "inputs_embeds: expected a contiguous F32 [batch, tokens, %d], found %s"
                  .formatted(config.hiddenSize(), embeds));
        }
        batch = (int) Math.min(embeds.size(0), Integer.MAX_VALUE); // is refused below
        tokens = (int) Math.min(embeds.size(1), Integer.MAX_VALUE);
      }
      if (batch < 1 || tokens < 1) {
        throw new IllegalArgumentException("input: needs at least one sequence of one token");
      }
      if (batch > BLOCK_ROWS) {
        throw new IllegalArgumentException(
            "batch: %d, legal are 1 to %d".formatted(batch, BLOCK_ROWS));
      }
      ids = input.inputIds() == null ? null : flatten("input_ids", input.inputIds(), tokens);
      if (ids != null) {
        checkIds(ids, batch, tokens);
      }
      positions =
          input.positionIds() == null ? null : flatten("position_ids", input.positionIds(), tokens);
      checkPositions(positions, batch, tokens);
      KvCache cache = input.pastKeyValues();
      if (cache != null) {
        checkCache(cache);
        if (cache.batch() != batch) {
          throw new IllegalArgumentException(
              "pastKeyValues: of %d sequences, the input has %d".formatted(cache.batch(), batch));
        }
      }
      past = cache == null ? 0 : cache.length();
      keep = input.keptTokens() == null ? lastToKeep() : input.keptTokens().length;
      checkKeptTokens();
      checkLabels();
    }

    private int lastToKeep() {
      int last = input.logitsToKeep();
      if (last < 0) {
        throw new IllegalArgumentException("logits_to_keep: " + last + " is negative");
      }
      return last == 0 ? tokens : Math.min(tokens, last);
    }

    private void checkKeptTokens() {
      if (input.keptTokens() == null) {
        return;
      }
      if (keep == 0) {
        throw new IllegalArgumentException("logits_to_keep: no tokens");
      }
      for (int token : input.keptTokens()) {
        if (token < 0 || token >= tokens) {
          throw new IllegalArgumentException(
              "logits_to_keep: token %d, legal are 0 to %d".formatted(token, tokens - 1));
        }
      }
    }

    private int[] flatten(String name, int[][] rows, int length) {
      int[] flat = new int[Math.multiplyExact(batch, length)];
      checkRows(name, rows, length);
      for (int i = 0; i < batch; i++) {
        System.arraycopy(rows[i], 0, flat, i * length, length);
      }
      return flat;
    }

    private void checkRows(String name, int[][] rows, int length) {
      if (rows.length != batch) {
        throw new IllegalArgumentException(
            "%s: %d rows, expected %d".formatted(name, rows.length, batch));
      }
      for (int i = 0; i < batch; i++) {
        if (rows[i].length != length) {
          throw new IllegalArgumentException(
              "%s: row %d has %d columns, expected %d".formatted(name, i, rows[i].length, length));
        }
      }
    }

    private void checkLabels() {
      if (input.labels() == null) {
        return;
      }
      checkRows("labels", input.labels(), tokens);
      if (keep != tokens || input.keptTokens() != null) {
        throw new IllegalArgumentException("labels: need all logits, not logits_to_keep");
      }
      for (int[] row : input.labels()) {
        for (int label : row) {
          if (label != Losses.IGNORED && (label < 0 || label >= config.vocabSize())) {
            throw new IllegalArgumentException(
                "labels: %d, legal are %d and 0 to %d"
                    .formatted(label, Losses.IGNORED, config.vocabSize() - 1));
          }
        }
      }
    }

    /** The last part of a call: computes what it returns. */
    private interface Computation<T extends ModelOutput> {
      T run(Arena arena, KvCache cache, boolean keepCache);
    }

    <T extends ModelOutput> T run(Computation<T> computation) {
      boolean keepCache = input.useCache() && input.pastKeyValues() == null;
      KvCache cache =
          input.pastKeyValues() != null ? input.pastKeyValues() : model.newCache(batch, tokens);
      Arena arena = Arena.ofShared();
      try {
        T output = computation.run(arena, cache, keepCache);
        if (!keepCache && input.pastKeyValues() == null) {
          cache.close();
        }
        return output;
      } catch (OutOfMemoryError | InsufficientMemoryException e) {
        giveUp(arena, cache);
        throw new InsufficientMemoryException("results of a forward pass", resultBytes(), e);
      } catch (Throwable t) {
        giveUp(arena, cache);
        throw t;
      }
    }

    /** Frees what the call made, and puts a given cache back to where it was. */
    private void giveUp(Arena arena, KvCache cache) {
      arena.close();
      if (input.pastKeyValues() == null) {
        cache.close();
      } else {
        cache.cut(past);
      }
    }

    private long resultBytes() {
      int width = model instanceof GraniteForCausalLM ? config.vocabSize() : config.hiddenSize();
      return (long) batch * keep * width * Float.BYTES;
    }

    ForwardOutput scores(Arena arena, KvCache cache, boolean keepCache) {
      kept = Tensor.allocate(arena, DType.F32, batch, keep, config.vocabSize());
      Outputs outputs = new Outputs(arena, config, input, batch, tokens, past, false);
      runLayers(arena, cache, outputs, this::keepLogits);
      return new ForwardOutput(
          arena,
          outputs,
          returned(cache, keepCache),
          keepCache,
          kept,
          input.labels() == null
              ? OptionalDouble.empty()
              : Losses.languageModel(kept, input.labels()),
          auxLoss(outputs.routerLogits),
          config instanceof GraniteMoeConfig moe ? moe.routerAuxLossCoef() : 0);
    }

    BaseModelOutput lastHiddenState(Arena arena, KvCache cache, boolean keepCache) {
      if (input.labels() != null || input.logitsToKeep() != 0 || input.keptTokens() != null) {
        throw new IllegalArgumentException(
            (input.labels() != null ? "labels" : "logits_to_keep")
                + ": need a head, which this model has not");
      }
      Outputs outputs = new Outputs(arena, config, input, batch, tokens, past, true);
      runLayers(arena, cache, outputs, null);
      return new BaseModelOutput(arena, outputs, returned(cache, keepCache), keepCache);
    }

    private void runLayers(Arena arena, KvCache cache, Outputs outputs, AfterBlock after) {
      events.begin(cache, tokens);
      decoder.prepareRope(largestPosition(positions, batch * tokens, (long) past + tokens) + 1);
      Decoder.Block in = wholeCall(arena);
      boolean records = outputs.any();
      in.firstWanted = records ? 0 : firstKept();
      runBlocks(in, cache, records ? outputs : null, after);
      events.end(cache);
    }

    private int firstKept() {
      return input.keptTokens() == null
          ? tokens - keep
          : Arrays.stream(input.keptTokens()).min().orElseThrow();
    }

    private KvCache returned(KvCache cache, boolean keepCache) {
      return keepCache || input.pastKeyValues() != null ? cache : null;
    }

    private Decoder.Block wholeCall(Arena arena) {
      Decoder.Block in = new Decoder.Block();
      in.batch = batch;
      in.callTokens = tokens;
      in.ids = ids;
      in.embeddings = ids == null ? input.inputsEmbeds().segment() : null;
      in.positions = positions;
      if (input.attentionMask() != null) {
        int keys = past + tokens;
        checkRows("attention_mask", input.attentionMask(), keys);
        in.mask = NativeMemory.allocate(arena, (long) batch * keys, "attention mask");
        in.maskStride = keys;
        for (int i = 0; i < batch; i++) {
          for (int j = 0; j < keys; j++) {
            byte visible = (byte) (input.attentionMask()[i][j] == 0 ? 0 : 1);
            in.mask.set(ValueLayout.JAVA_BYTE, (long) i * keys + j, visible);
          }
        }
      } else if (positions != null && input.pastKeyValues() == null && !input.useCache()) {
        in.sequenceStarts = packedSequences();
      }
      return in;
    }

    /** Starts of packed sequences, or null where each row is one sequence. */
    private int[] packedSequences() {
      int[] starts = new int[batch * tokens];
      boolean packed = false;
      for (int row = 0; row < batch; row++) {
        int start = 0;
        for (int token = 0; token < tokens; token++) {
          int i = row * tokens + token;
          if (token > 0 && positions[i] != positions[i - 1] + 1) {
            start = token;
            packed = true;
          }
          starts[i] = start;
        }
      }
      if (packed && input.outputAttentions()) {
        throw new IllegalArgumentException(
            "output_attentions: not together with position_ids of packed sequences");
      }
      return packed ? starts : null;
    }

    /** Computes the logits of a block's rows that are to be kept. */
    private void keepLogits(Decoder.Block in) {
      int end = in.firstToken + in.tokens;
      if (input.keptTokens() == null) {
        int first = Math.max(in.firstToken, tokens - keep);
        if (first < end) {
          keepRun(in, first, first - (tokens - keep), end - first);
        }
        return;
      }
      int[] wanted = input.keptTokens();
      for (int i = 0; i < keep; ) {
        int run = 1;
        if (wanted[i] >= in.firstToken && wanted[i] < end) {
          while (i + run < keep && wanted[i + run] == wanted[i] + run && wanted[i + run] < end) {
            run++;
          }
          keepRun(in, wanted[i], i, run);
        }
        i += run;
      }
    }

    /** Logits of some tokens in a row of each sequence, to their place among those kept. */
    private void keepRun(Decoder.Block in, int token, int place, int count) {
      int vocabulary = config.vocabSize();
      for (int row = 0; row < batch; row++) {
        long to = ((long) row * keep + place) * vocabulary * Float.BYTES;
        Matrix rows = new Matrix(kept.segment().asSlice(to), count, vocabulary);
        decoder.logits(in.wantedRow(row, token), count, rows);
      }
    }

    private OptionalDouble auxLoss(List<Tensor> routerLogits) {
      if (routerLogits.isEmpty()) {
        return OptionalDouble.empty();
      }
      int[][] mask = input.attentionMask();
      if (mask != null && past > 0) {
        mask = mask.clone();
        for (int i = 0; i < mask.length; i++) {
          mask[i] = Arrays.copyOfRange(mask[i], past, past + tokens);
        }
      }
      return Losses.loadBalancing((GraniteMoeConfig) config, routerLogits, mask, tokens);
    }
  }
}
