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
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final GraniteConfig config;
  private final boolean head;
  private final DType dtype;
  private final long seed;
  private final Workers workers;
  private final Arena arena;
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();

  private RandomWeights(
      GraniteConfig config, boolean head, DType dtype, long seed, Workers workers, Arena arena) {
    this.config = config;
    this.head = head;
    this.dtype = dtype;
    this.seed = seed;
    this.workers = workers;
    this.arena = arena;
  }

  static Checkpoint make(
      GraniteConfig config, boolean head, DType dtype, long seed, Workers workers) {
    if (!dtype.isWeight()) {
      throw new IllegalArgumentException(
          "dtype: " + dtype + " is no weight type, legal are F32, F16, BF16");
    }
    Arena arena = Arena.ofShared();
    try {
      RandomWeights weights = new RandomWeights(config, head, dtype, seed, workers, arena);
      TensorNames.forEach(config, weights::add);
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
    TensorNames.forEach(config, (_, shape) -> bytes[0] += Tensor.byteSize(dtype, shape));
    return bytes[0];
  }

  private void add(String name, long... shape) {
    if (name.equals(StoredTensors.HEAD) && (!head || config.tieWordEmbeddings())) {
      return;
    }
    Tensor tensor = Tensor.allocate(arena, dtype, shape); // of zeros, as biases stay
    long stream = NormalNumbers.mix(seed ^ NormalNumbers.mix(tensors.size() + 1L));
    tensors.put(name, tensor);
    if (name.endsWith("norm.weight")) {
      fillOnes(tensor);
    } else if (!name.endsWith(".bias")) {
      int blocks = Math.toIntExact(Math.ceilDiv(tensor.elementCount(), BLOCK));
      workers.run((block, _) -> fillNormal(tensor, block, stream), blocks);
      if (name.equals(StoredTensors.EMBEDDING) && config.padTokenId().isPresent()) {
        tensor.get(config.padTokenId().getAsInt()).segment().fill((byte) 0);
      }
    }
  }

  private static void fillOnes(Tensor tensor) {
    for (long i = 0; i < tensor.elementCount(); i++) {
      put(tensor, i, 1f);
    }
  }

  private void fillNormal(Tensor tensor, int block, long stream) {
    long first = (long) block * BLOCK;
    long last = Math.min(first + BLOCK, tensor.elementCount());
    NormalNumbers normal =
        new NormalNumbers(NormalNumbers.mix(stream + block), config.initializerRange());
    for (long i = first; i < last; i++) {
      put(tensor, i, (float) normal.next());
    }
  }

  /** Rounds to the nearest value of the tensor's type; for a contiguous one. */
  static void put(Tensor tensor, long index, float value) {
    MemorySegment segment = tensor.segment();
    switch (tensor.dtype()) {
      case F32 -> segment.setAtIndex(FLOAT, index, value);
      case F16 -> segment.setAtIndex(SHORT, index, Float.floatToFloat16(value));
      case BF16 -> segment.setAtIndex(SHORT, index, DType.floatToBfloat16(value));
      default -> throw new AssertionError(tensor.dtype());
    }
  }
}
