package org.graniteffm.bench.kernel;

import java.lang.foreign.MemorySegment;
import org.graniteffm.bindings.Kernels;

/**
 * {@link AttentionBenchmark} for a matrix unit, which rounds on the way into it: what prompts take.
 * Tiers without such a unit do the very same as there.
 */
public class AttentionBf16Benchmark extends AttentionBenchmark {
  @Override
  void attend(MemorySegment kv) {
    long stride = queryHeads * headDim;
    Kernels.attentionBf16(
        q,
        0,
        stride,
        queryHeads,
        rows,
        kv,
        0,
        kv,
        valuesAt,
        type,
        headDim,
        past,
        null,
        0,
        headDim,
        scale,
        out,
        0,
        stride);
  }
}
