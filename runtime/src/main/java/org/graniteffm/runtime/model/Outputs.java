package org.graniteffm.runtime.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.GraniteMoeConfig;
import org.graniteffm.runtime.ops.Matrix;
import org.graniteffm.runtime.ops.Ops.CacheView;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.NativeMemory;
import org.graniteffm.runtime.tensor.Tensor;

/** Collects intermediate results of a call from its blocks. */
final class Outputs implements Decoder.Recorder {
  private final int batch;
  private final int tokens;
  private final int keys;
  final List<Tensor> hiddenStates = new ArrayList<>();
  final List<Tensor> attentions = new ArrayList<>();
  final List<Tensor> routerLogits = new ArrayList<>();
  final Tensor lastHiddenState;
  private final int layers;

  /**
   * Makes room for what is asked for.
   *
   * @param last whether the last hidden state is, too
   */
  Outputs(
      Arena arena,
      GraniteConfig config,
      ForwardInput input,
      int batch,
      int tokens,
      int past,
      boolean last) {
    this.batch = batch;
    this.tokens = tokens;
    this.keys = past + tokens;
    layers = config.numHiddenLayers();
    for (int i = 0; input.outputHiddenStates() && i <= layers; i++) {
      hiddenStates.add(Tensor.allocate(arena, DType.F32, batch, tokens, config.hiddenSize()));
    }
    if (last && hiddenStates.isEmpty()) {
      lastHiddenState = Tensor.allocate(arena, DType.F32, batch, tokens, config.hiddenSize());
    } else {
      lastHiddenState = last ? hiddenStates.getLast() : null;
    }
    for (int i = 0; input.outputAttentions() && i < layers; i++) {
      attentions.add(
          Tensor.allocate(arena, DType.F32, batch, config.numAttentionHeads(), tokens, keys));
    }
    if (input.outputRouterLogits() && config instanceof GraniteMoeConfig moe) {
      for (int i = 0; i < layers; i++) {
        routerLogits.add(
            Tensor.allocate(arena, DType.F32, (long) batch * tokens, moe.numLocalExperts()));
      }
    }
  }

  /** Whether anything is asked for. */
  boolean any() {
    return lastHiddenState != null
        || !hiddenStates.isEmpty()
        || !attentions.isEmpty()
        || !routerLogits.isEmpty();
  }

  @Override
  public void hiddenState(int index, Matrix state, Decoder.Block in) {
    if (!hiddenStates.isEmpty()) {
      copyRows(state, in, hiddenStates.get(index));
    } else if (lastHiddenState != null && index == layers) {
      copyRows(state, in, lastHiddenState);
    }
  }

  @Override
  public void routerLogits(int layer, Matrix logits, Decoder.Block in) {
    if (!routerLogits.isEmpty()) {
      copyRows(logits, in, routerLogits.get(layer));
    }
  }

  /** Puts a block's rows where they belong among the call's. */
  private void copyRows(Matrix from, Decoder.Block in, Tensor to) {
    long rowBytes = (long) from.cols() * Float.BYTES;
    for (int sequence = 0; sequence < batch; sequence++) {
      MemorySegment.copy(
          from.segment(),
          from.rowOffset((long) sequence * in.tokens),
          to.segment(),
          in.at(sequence, 0) * rowBytes,
          in.tokens * rowBytes);
    }
  }

  @Override
  public void attention(int layer, Matrix q, Decoder.Block in, CacheView c, float scale) {
    if (attentions.isEmpty()) {
      return;
    }
    MemorySegment out = attentions.get(layer).segment();
    int group = c.heads / c.kvHeads;
    int blockKeys = c.past + in.tokens;
    try (Arena arena = Arena.ofConfined()) {
      long bytes = (long) group * in.tokens * blockKeys * Float.BYTES;
      MemorySegment p = NativeMemory.allocate(arena, bytes, "attention probabilities");
      for (int sequence = 0; sequence < batch; sequence++) {
        for (int head = 0; head < c.kvHeads; head++) {
          Kernels.attentionProbs(
              q.segment(),
              q.rowOffset((long) sequence * in.tokens)
                  + (long) head * group * c.headDim * Float.BYTES,
              q.cols(),
              group,
              in.tokens,
              c.keys,
              c.headOffset(sequence, head, 0),
              c.kernelType(),
              c.headDim,
              c.past,
              c.mask,
              c.mask == null ? 0 : sequence * c.maskStride,
              c.headDim,
              scale,
              p,
              0,
              (long) in.tokens * blockKeys);
          for (int i = 0; i < group; i++) {
            for (int token = 0; token < in.tokens; token++) {
              long row =
                  ((long) sequence * c.heads + (long) head * group + i) * tokens
                      + in.firstToken
                      + token;
              MemorySegment.copy(
                  p,
                  ((long) i * in.tokens + token) * blockKeys * Float.BYTES,
                  out,
                  row * keys * Float.BYTES,
                  (long) blockKeys * Float.BYTES);
            }
          }
        }
      }
    }
  }
}
