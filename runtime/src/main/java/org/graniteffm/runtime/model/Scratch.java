package org.graniteffm.runtime.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.ops.Experts;
import org.graniteffm.runtime.ops.Matrix;
import org.graniteffm.runtime.ops.Ops;

/** Activations of one block of rows; a pass allocates nothing beyond these. */
final class Scratch implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  final int rows;
  final MemorySegment ids; // [rows] i32
  final MemorySegment cos; // [rows, d / 2]
  final MemorySegment sin; // [rows, d / 2]
  final Matrix x; // [rows, H]      the residual stream
  final Matrix h; // [rows, H]      a layer's normalised input
  final Matrix q; // [rows, n * d]
  final Matrix k; // [rows, g * d]
  final Matrix v; // [rows, g * d]
  final Matrix a; // [rows, n * d]  heads' outputs, side by side
  final Matrix f; // [rows, H]      what a sublayer adds to the stream
  final Matrix gate; // [rows, I]   dense only
  final Matrix up; // [rows, I]     dense only
  final Matrix routerLogits; // [rows, E]  mixture of experts only
  final Experts experts;

  Scratch(GraniteConfig config, Ops ops, int rows) {
    this.rows = rows;
    int hidden = config.hiddenSize();
    int queries = config.numAttentionHeads() * config.headDim();
    int keys = config.numKeyValueHeads() * config.headDim();
    try {
      ids = arena.allocate((long) rows * Integer.BYTES, 64);
      cos = arena.allocate((long) rows * (config.headDim() / 2) * Float.BYTES, 64);
      sin = arena.allocate((long) rows * (config.headDim() / 2) * Float.BYTES, 64);
      x = Matrix.allocate(arena, rows, hidden);
      h = Matrix.allocate(arena, rows, hidden);
      q = Matrix.allocate(arena, rows, queries);
      k = Matrix.allocate(arena, rows, keys);
      v = Matrix.allocate(arena, rows, keys);
      a = Matrix.allocate(arena, rows, queries);
      f = Matrix.allocate(arena, rows, hidden);
      if (config instanceof GraniteMoeConfig moe) {
        gate = null;
        up = null;
        routerLogits = Matrix.allocate(arena, rows, moe.numLocalExperts());
        experts =
            new Experts(
                ops,
                arena,
                rows,
                moe.numLocalExperts(),
                moe.numExpertsPerTok(),
                hidden,
                moe.intermediateSize(),
                moe.hiddenAct());
      } else {
        gate = Matrix.allocate(arena, rows, config.intermediateSize());
        up = Matrix.allocate(arena, rows, config.intermediateSize());
        routerLogits = null;
        experts = null;
      }
    } catch (OutOfMemoryError e) {
      arena.close();
      throw new InsufficientMemoryException(
          "activations of %d rows".formatted(rows), byteSize(config, rows), e);
    }
  }

  /** Bytes that so many rows take. */
  static long byteSize(GraniteConfig config, int rows) {
    long floats =
        config.headDim()
            + 3L * config.hiddenSize()
            + 2L * config.numAttentionHeads() * config.headDim()
            + 2L * config.numKeyValueHeads() * config.headDim();
    if (config instanceof GraniteMoeConfig moe) {
      floats += moe.numLocalExperts();
      floats += (2L + moe.hiddenSize() + 2L * moe.intermediateSize()) * moe.numExpertsPerTok();
    } else {
      floats += 2L * config.intermediateSize();
    }
    return (floats * Float.BYTES + Integer.BYTES) * rows;
  }

  @Override
  public void close() {
    arena.close();
  }
}
