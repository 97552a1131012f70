package org.graniteffm.runtime.model;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.LinkedHashMap;
import java.util.Map;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;

/** Fresh weights, drawn in blocks that each have a stream of their own. */
final class RandomWeights {
  private static final int BLOCK = 1 << 14; // elements, even
  private static final long GOLDEN = 0x9e3779b97f4a7c15L;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final GraniteConfig config;
  private final DType dtype;
  private final long seed;
  private final Workers workers;
  private final Arena arena;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  private RandomWeights(
      GraniteConfig config, DType dtype, long seed, Workers workers, Arena arena) {
    this.config = config;
    this.dtype = dtype;
    this.seed = seed;
    this.workers = workers;
    this.arena = arena;
  }

  static Checkpoint make(GraniteConfig config, DType dtype, long seed, Workers workers) {
    if (!dtype.isWeight()) {
      throw new IllegalArgumentException(
          "dtype: " + dtype + " is no weight type, legal are F32, F16, BF16");
    }
    Arena arena = Arena.ofShared();
    try {
      RandomWeights weights = new RandomWeights(config, dtype, seed, workers, arena);
      TensorNames.forEach(config, (name, _, shape) -> weights.add(name, shape));
      return Checkpoint.inMemory("random-weights-" + seed, weights.tensors, arena);
    } catch (OutOfMemoryError | InsufficientMemoryException e) {
      arena.close();
      throw new InsufficientMemoryException("random weights", byteSize(config, dtype), e);
    } catch (Throwable t) {
      arena.close();
      throw t;
    }
  }

  private static long byteSize(GraniteConfig config, DType dtype) {
    long[] bytes = new long[1];
    TensorNames.forEach(config, (_, _, shape) -> bytes[0] += Tensor.byteSize(dtype, shape));
    return bytes[0];
  }

  private void add(String name, long... shape) {
    if (name.equals("lm_head.weight") && config.tieWordEmbeddings()) {
      return;
    }
    Tensor tensor = Tensor.allocate(arena, dtype, shape); // of zeros, as biases stay
    long stream = mix(seed ^ mix(tensors.size() + 1L));
    tensors.put(name, tensor);
    if (name.endsWith("norm.weight")) {
      fillOnes(tensor);
    } else if (!name.endsWith(".bias")) {
      int blocks = Math.toIntExact(Math.ceilDiv(tensor.elementCount(), BLOCK));
      workers.run((block, _) -> fillNormal(tensor, block, stream), blocks);
      if (name.equals("model.embed_tokens.weight") && config.padTokenId().isPresent()) {
        tensor.get(config.padTokenId().getAsInt()).segment().fill((byte) 0);
      }
    }
  }

  private void fillOnes(Tensor tensor) {
    for (long i = 0; i < tensor.elementCount(); i++) {
      put(tensor.segment(), i, 1f);
    }
  }

  /** Pairs of normal numbers after Box and Muller, in strict arithmetic. */
  private void fillNormal(Tensor tensor, int block, long stream) {
    long first = (long) block * BLOCK;
    long last = Math.min(first + BLOCK, tensor.elementCount());
    long state = mix(stream + block);
    double deviation = config.initializerRange();
    for (long i = first; i < last; i += 2) {
      double u = 1 - uniform(state += GOLDEN); // above 0
      double angle = 2 * Math.PI * uniform(state += GOLDEN);
      double radius = deviation * Math.sqrt(-2 * StrictMath.log(u));
      put(tensor.segment(), i, (float) (radius * StrictMath.cos(angle)));
      if (i + 1 < last) {
        put(tensor.segment(), i + 1, (float) (radius * StrictMath.sin(angle)));
      }
    }
  }

  private void put(MemorySegment segment, long index, float value) {
    switch (dtype) {
      case F32 -> segment.setAtIndex(FLOAT, index, value);
      case F16 -> segment.setAtIndex(SHORT, index, Float.floatToFloat16(value));
      case BF16 -> segment.setAtIndex(SHORT, index, DType.floatToBfloat16(value));
      default -> throw new AssertionError(dtype);
    }
  }

  /** 0 to below 1, of the state's upper 53 bits. */
  private static double uniform(long state) {
    return (mix(state) >>> 11) * 0x1p-53;
  }

  /** The finalizer of SplitMix64; source: Steele, Lea and Flood 2014. */
  private static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
