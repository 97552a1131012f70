package org.graniteffm.runtime.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.ops.Matrix;
import org.graniteffm.runtime.ops.Ops;
import org.graniteffm.runtime.ops.Ops.CacheView;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.tensor.DType;

/**
 * The forward pass: a block of new tokens of each sequence through all layers, their keys and
 * values appended to the cache. Weights and config are shared; the scratch state is this object's
 * own, so it belongs to one caller at a time. A pass over as many rows as an earlier one allocates
 * nothing.
 */
final class Decoder implements AutoCloseable {
  private final GraniteConfig config;
  private final Weights weights;
  private final float eps;
  private final float residualMultiplier;
  private final boolean rounds;
  private final Arena arena = Arena.ofShared();
  private final Ops ops;
  private final Rope rope;
  private final CacheView view = new CacheView();
  private Scratch s;

  Decoder(GraniteConfig config, Weights weights, Workers workers, Precision precision) {
    this.config = config;
    this.weights = weights;
    eps = config.rmsNormEps();
    residualMultiplier = config.residualMultiplier();
    rounds = rounds(precision);
    try {
      ops = new Ops(arena, workers);
      rope = new Rope(config);
    } catch (Throwable t) {
      arena.close();
      throw t;
    }
  }

  /** Whether activations are rounded on their way into a matrix unit. */
  static boolean rounds(Precision precision) {
    return precision == Precision.AUTO && NativeLibraries.hasMatrixUnit();
  }

  /** Sets the length-dependent rotations for a whole call, before its first block. */
  void prepareRope(long length) {
    rope.prepare(length);
  }

  /**
   * One block. The last layer computes keys and values of all tokens, and all else only of those
   * that are wanted.
   *
   * @param in what comes in, and what is wanted of it
   * @param cache of the sequences
   * @param recorder told of intermediate results, or null; wants all tokens
   */
  void forward(Block in, KvCache cache, Recorder recorder) {
    reserve(in.batch * in.tokens);
    cache.reserve(in.tokens);
    // Without a loop here: a method compiled for its loop has what it seldom called, as a token's
    // embedding is, not inlined down to the kernel, and then that allocates for each token.
    embed(in);
    fillAngles(in, cache.length());
    runLayers(in, cache, recorder);
    cache.advance(in.tokens);
  }

  private void runLayers(Block in, KvCache cache, Recorder recorder) {
    int rows = in.batch * in.tokens;
    Weights.Block[] blocks = weights.blocks();
    record(recorder, 0, s.x, in);
    // h = norm(x)
    ops.rmsNorm(s.x, blocks[0].inputNorm(), eps, rows, s.h, attentionTakesPacked(blocks[0], rows));
    int queries = in.tokens; // of each sequence, its last ones
    for (int layer = 0; layer < blocks.length; layer++) {
      Weights.Block w = blocks[layer];
      boolean last = layer + 1 == blocks.length;
      if (last) {
        queries = in.wantedTokens();
        rows = in.batch * queries;
      }
      attention(layer, w, in, queries, cache, recorder); // f = attention(h)
      if (rows == 0) {
        break;
      }
      // x = x + m_res · f;  h = norm(x)
      boolean packs = feedForwardTakesPacked(w, rows);
      ops.addRmsNorm(s.x, s.f, residualMultiplier, w.postAttentionNorm(), eps, rows, s.h, packs);
      feedForward(layer, w, in, rows, recorder); // f = mlp(h) or experts(h)
      MemorySegment nextNorm = last ? weights.norm() : blocks[layer + 1].inputNorm();
      packs = !last && attentionTakesPacked(blocks[layer + 1], rows);
      ops.addRmsNorm(s.x, s.f, residualMultiplier, nextNorm, eps, rows, s.h, packs);
      record(recorder, layer + 1, last ? s.h : s.x, in);
    }
  }

  /**
   * f = W_o · softmax(m_att · q kᵀ) v, with q, k, v = W_q h, W_k h, W_v h and q, k rotated.
   *
   * @param queries so many tokens of each sequence, its last ones, go on; the others leave their
   *     keys and values
   */
  private void attention(
      int layer, Weights.Block w, Block in, int queries, KvCache cache, Recorder recorder) {
    cache.view(layer, view);
    view.tokens = in.tokens;
    view.mask = in.mask;
    view.maskStride = in.maskStride;
    int all = in.batch * in.tokens;
    int rows = in.batch * queries;
    boolean packed = attentionTakesPacked(w, all);
    if (rows == all) {
      ops.linear(s.h, all, packed, w.q(), s.q, w.k(), s.k, w.v(), s.v);
    } else {
      ops.linear(s.h, all, packed, w.k(), s.k, w.v(), s.v);
      keepLast(in, queries, s.x);
      keepLast(in, queries, s.h);
      if (rows > 0) {
        ops.linear(s.h, rows, 1f, w.q(), s.q);
      }
    }
    ops.ropeIntoCache(s.q, queries, s.k, s.v, s.cos, s.sin, view);
    if (rows == 0) {
      return;
    }
    float scale = config.attentionMultiplier();
    if (in.sequenceStarts == null) {
      ops.attention(s.q, queries, 0, in.batch, 0, in.tokens - queries, in.tokens, view, scale, s.a);
    } else {
      attendWithinSequences(in, queries, scale);
    }
    if (recorder != null) {
      recorder.attention(layer, s.q, in, view, scale);
    }
    ops.linear(s.a, rows, 1f, w.o(), s.f);
  }

  /** Whether a layer's input is packed by the norm before it. */
  private boolean attentionTakesPacked(Weights.Block w, int rows) {
    return Ops.takePacked(s.h, rows, w.q(), w.k(), w.v());
  }

  /** Moves the rows of each sequence's last tokens together. */
  private static void keepLast(Block in, int tokens, Matrix m) {
    for (int sequence = 0; sequence < in.batch; sequence++) {
      MemorySegment.copy(
          m.segment(),
          m.rowOffset((sequence + 1L) * in.tokens - tokens),
          m.segment(),
          m.rowOffset((long) sequence * tokens),
          m.rowOffset(tokens));
    }
  }

  /** Packed sequences: each run of tokens sees nothing before its own start. */
  private void attendWithinSequences(Block in, int queries, float scale) {
    for (int row = 0; row < in.batch; row++) {
      for (int first = in.tokens - queries; first < in.tokens; ) {
        int start = in.sequenceStarts[in.at(row, first)];
        int last = first + 1;
        while (last < in.tokens && in.sequenceStarts[in.at(row, last)] == start) {
          last++;
        }
        ops.attention(s.q, queries, row, 1, start, first, last, view, scale, s.a);
        first = last;
      }
    }
  }

  private void feedForward(int layer, Weights.Block w, Block in, int rows, Recorder recorder) {
    if (w.feedForward() instanceof Weights.Dense mlp) { // a switch takes 10 ms to link
      dense(mlp, rows, s.f);
      return;
    }
    Weights.Moe moe = (Weights.Moe) w.feedForward();
    // f = Σ_{e in top k} w_e · W_out[e] (act(a) ⊙ b),  [a; b] = W_in[e] h
    ops.linear(s.exactH, rows, 1f, moe.router(), s.routerLogits);
    if (recorder != null) {
      recorder.routerLogits(layer, s.routerLogits, in);
    }
    s.experts.apply(s.h, rows, s.routerLogits, moe.input(), moe.output(), s.f);
    if (moe.shared() != null) {
      dense(moe.shared(), rows, s.shared);
      ops.add(s.f, s.shared, rows); // f = f + mlp(h)
    }
  }

  /** Whether its input is packed by the norm before it; experts pack what is theirs. */
  private boolean feedForwardTakesPacked(Weights.Block w, int rows) {
    if (w.feedForward() instanceof Weights.Dense mlp) {
      return takesPacked(mlp, rows);
    }
    Weights.Dense shared = ((Weights.Moe) w.feedForward()).shared();
    return shared != null && takesPacked(shared, rows);
  }

  private boolean takesPacked(Weights.Dense mlp, int rows) {
    return Ops.gatesPacked(config.hiddenAct(), s.h, rows, mlp.gate(), mlp.up())
        && mlp.down().weight().dtype() == DType.BF16;
  }

  /** out = W_down (act(W_gate h) ⊙ W_up h). */
  private void dense(Weights.Dense mlp, int rows, Matrix out) {
    if (takesPacked(mlp, rows)) {
      ops.gatedPacked(s.h, rows, mlp.gate(), mlp.up(), s.gate);
      ops.linearOfPacked(s.gate, rows, mlp.down(), out);
      return;
    }
    ops.linear(s.h, rows, false, mlp.gate(), s.gate, mlp.up(), s.up);
    ops.gate(config.hiddenAct(), s.gate, s.up, rows, s.gate);
    ops.linear(s.gate, rows, 1f, mlp.down(), out);
  }

  /** x = m_emb · embedding. */
  private void embed(Block in) {
    int rows = in.batch * in.tokens;
    if (in.embeddings != null) {
      float multiplier = config.embeddingMultiplier();
      for (int sequence = 0; sequence < in.batch; sequence++) {
        for (int token = 0; token < in.tokens; token++) {
          scaleRow(in, sequence, token, multiplier);
        }
      }
    } else {
      for (int sequence = 0; sequence < in.batch; sequence++) {
        MemorySegment.copy(
            in.ids,
            in.at(sequence, 0),
            s.ids,
            ValueLayout.JAVA_INT,
            (long) sequence * in.tokens * Integer.BYTES,
            in.tokens);
      }
      ops.embed(weights.embedding(), s.ids, rows, config.embeddingMultiplier(), s.x);
    }
  }

  /** The angles of the rows' positions. */
  private void fillAngles(Block in, int past) {
    for (int sequence = 0; sequence < in.batch; sequence++) {
      for (int token = 0; token < in.tokens; token++) {
        int position = in.positions == null ? past + token : in.positions[in.at(sequence, token)];
        rope.fill(position, s.cos, s.sin, (long) sequence * in.tokens + token);
      }
    }
  }

  private void scaleRow(Block in, int sequence, int token, float multiplier) {
    int hidden = config.hiddenSize();
    long from = (long) in.at(sequence, token) * hidden;
    long to = ((long) sequence * in.tokens + token) * hidden;
    for (int i = 0; i < hidden; i++) {
      float value = in.embeddings.getAtIndex(ValueLayout.JAVA_FLOAT_UNALIGNED, from + i);
      s.x.segment().setAtIndex(ValueLayout.JAVA_FLOAT, to + i, multiplier * value);
    }
  }

  private static void record(Recorder recorder, int index, Matrix state, Block in) {
    if (recorder != null) {
      recorder.hiddenState(index, state, in);
    }
  }

  private void reserve(int rows) {
    if (s != null && s.rows >= rows) {
      return;
    }
    if (s != null) {
      s.close();
      s = null;
    }
    s = new Scratch(config, ops, rows, rounds);
  }

  /**
   * {@code logits[i] = W_head · hidden[firstRow + i] / m_log}, where {@code hidden} are the last
   * hidden states of the block before: {@code [batch * wantedTokens, H]}.
   *
   * @param firstRow the first row, as {@link Block#wantedRow} has it
   * @param count how many
   * @param logits {@code [count, V]}
   */
  void logits(long firstRow, int count, Matrix logits) {
    MemorySegment.copy( // f is free by now
        s.h.segment(), s.h.rowOffset(firstRow), s.f.segment(), 0, s.f.rowOffset(count));
    ops.linear(s.f, count, 1 / config.logitsScaling(), weights.head(), logits);
  }

  /** Whether the model routes tokens to experts. */
  boolean hasExperts() {
    return config instanceof GraniteMoeConfig;
  }

  @Override
  public void close() {
    if (s != null) {
      s.close();
    }
    arena.close();
  }

  /**
   * A block of new tokens of each sequence: what one call of {@link #forward} takes, to be filled
   * again and again.
   */
  static final class Block {
    /** Sequences. */
    int batch;

    /** New tokens per sequence in this block. */
    int tokens;

    /** Tokens per sequence in the whole call: the row length of ids, embeddings and positions. */
    int callTokens;

    /** Where in the call the block starts. */
    int firstToken;

    /**
     * The first token of the call whose last hidden states are wanted; those behind it are, too.
     */
    int firstWanted;

    /** {@code [batch, callTokens]}, or null if there are embeddings. */
    int[] ids;

    /** {@code [batch, callTokens, H]} f32, not yet multiplied, or null. */
    MemorySegment embeddings;

    /** {@code [batch, callTokens]}, or null for the order in the cache. */
    int[] positions;

    /** {@code [batch, maskStride]} bytes over cache and new tokens, 0 hides a key; or null. */
    MemorySegment mask;

    /** Bytes from one sequence's mask to the next. */
    long maskStride;

    /**
     * {@code [batch, callTokens]}: at which token its packed sequence starts; null if a row is one
     * sequence.
     */
    int[] sequenceStarts;

    int at(int sequence, int token) {
      return sequence * callTokens + firstToken + token;
    }

    /** How many tokens of the block are wanted, of each sequence: its last ones. */
    int wantedTokens() {
      return Math.clamp((long) firstToken + tokens - firstWanted, 0, tokens);
    }

    /** The row that a wanted token of the call has among the block's last hidden states. */
    long wantedRow(int sequence, int callToken) {
      return (sequence + 1L) * wantedTokens() - (firstToken + tokens - callToken);
    }
  }

  /** Told of intermediate results; what it is given is only valid during the call. */
  interface Recorder {
    void hiddenState(int index, Matrix state, Block in);

    void attention(int layer, Matrix q, Block in, CacheView cache, float scale);

    void routerLogits(int layer, Matrix logits, Block in);
  }
}
