package org.graniteffm.runtime.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.ops.Experts;
import org.graniteffm.runtime.ops.Matrix;
import org.graniteffm.runtime.ops.Ops;
import org.graniteffm.runtime.tensor.NativeMemory;

/** Activations of one block of rows; a pass allocates nothing beyond these. */
final class Scratch implements AutoCloseable {
  private final Arena arena = Arena.ofShared();
  final int rows;
  final MemorySegment ids; // [rows] i32
  final MemorySegment cos; // [rows, d / 2]
  final MemorySegment sin; // [rows, d / 2]
  final Matrix x; // [rows, H]      the residual stream
  final Matrix h; // [rows, H]      a layer's normalised input
  final Matrix exactH; // the same; never rounded, for the router
  final Matrix q; // [rows, n * d]
  final Matrix k; // [rows, g * d]
  final Matrix v; // [rows, g * d]
  final Matrix a; // [rows, n * d]  heads' outputs, side by side
  final Matrix f; // [rows, H]      what a sublayer adds to the stream
  final Matrix gate; // [rows, I or S]  dense network only, the experts have their own
  final Matrix up; // [rows, I or S]
  final Matrix shared; // [rows, H]  dense network beside experts only
  final Matrix routerLogits; // [rows, E]  mixture of experts only
  final Experts experts;

  /**
   * Allocates.
   *
   * @param rounds whether products may go to a matrix unit, which takes a packed form
   */
  Scratch(GraniteConfig config, Ops ops, int rows, boolean rounds) {
    this.rows = rows;
    int hidden = config.hiddenSize();
    int queries = config.numAttentionHeads() * config.headDim();
    int keys = config.numKeyValueHeads() * config.headDim();
    try {
      NativeMemory.check(byteSize(config, rows, rounds), "activations of " + rows + " rows");
      long angles = (long) rows * (config.headDim() / 2) * Float.BYTES;
      ids = NativeMemory.allocate(arena, (long) rows * Integer.BYTES, "token ids");
      cos = NativeMemory.allocate(arena, angles, "cosines");
      sin = NativeMemory.allocate(arena, angles, "sines");
      x = Matrix.allocate(arena, rows, hidden);
      h = allocate(rows, hidden, rounds);
      exactH = new Matrix(h.segment(), rows, hidden);
      q = Matrix.allocate(arena, rows, queries);
      k = Matrix.allocate(arena, rows, keys);
      v = Matrix.allocate(arena, rows, keys);
      a = allocate(rows, queries, rounds);
      f = allocate(rows, hidden, rounds);
      int dense = denseWidth(config);
      gate = dense == 0 ? null : allocate(rows, dense, rounds);
      up = dense == 0 ? null : Matrix.allocate(arena, rows, dense);
      if (config instanceof GraniteMoeConfig moe) {
        shared = dense == 0 ? null : Matrix.allocate(arena, rows, hidden);
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
                moe.hiddenAct(),
                rounds);
      } else {
        shared = null;
        routerLogits = null;
        experts = null;
      }
    } catch (OutOfMemoryError e) {
      arena.close();
      throw new InsufficientMemoryException(
          "activations of %d rows".formatted(rows), byteSize(config, rows, rounds), e);
    } catch (Throwable t) {
      arena.close();
      throw t;
    }
  }

  /** Of the network that all tokens go through; 0 if there are only experts. */
  private static int denseWidth(GraniteConfig config) {
    return config instanceof GraniteMoeConfig moe
        ? moe.sharedIntermediateSize()
        : config.intermediateSize();
  }

  private Matrix allocate(int rows, int cols, boolean packable) {
    return packable
        ? Matrix.allocatePackable(arena, rows, cols)
        : Matrix.allocate(arena, rows, cols);
  }

  /** Bytes that so many rows take, about; groups and tiles of the packed form are filled up. */
  static long byteSize(GraniteConfig config, int rows, boolean rounds) {
    long floats =
        config.headDim()
            + 3L * config.hiddenSize()
            + 2L * config.numAttentionHeads() * config.headDim()
            + 2L * config.numKeyValueHeads() * config.headDim();
    if (config instanceof GraniteMoeConfig moe) {
      floats += moe.numLocalExperts();
      floats += (2L + moe.hiddenSize() + 2L * moe.intermediateSize()) * moe.numExpertsPerTok();
      floats += denseWidth(config) == 0 ? 0 : moe.hiddenSize();
    }
    floats += 2L * denseWidth(config);
    if (rounds) { // of which two take the room of one
      long packed =
          2L * config.hiddenSize()
              + (long) config.numAttentionHeads() * config.headDim()
              + denseWidth(config);
      if (config instanceof GraniteMoeConfig moe) {
        packed += ((long) moe.hiddenSize() + moe.intermediateSize()) * moe.numExpertsPerTok();
      }
      floats += packed / 2;
    }
    return (floats * Float.BYTES + Integer.BYTES) * rows;
  }

  @Override
  public void close() {
    arena.close();
  }
}
