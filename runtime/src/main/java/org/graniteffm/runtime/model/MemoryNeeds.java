package org.graniteffm.runtime.model;

import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.ops.Ops;
import org.graniteffm.runtime.safetensors.FileAccess;
import org.graniteffm.runtime.tensor.DType;

/**
 * What running a model takes, known before any of it is allocated. All in bytes, outside the heap.
 *
 * @param weights the tensors of the files: mapped, or copied
 * @param vectors norms and biases widened to f32
 * @param cache keys and values of all sequences, if room for them was made at once; a cache that
 *     grows doubles, and while it does takes up to three times what its tokens need
 * @param activations of one block of rows, scores and the panels of the threads included
 */
public record MemoryNeeds(long weights, long vectors, long cache, long activations) {
  /**
   * Works out the needs of a generation.
   *
   * @param config of the model
   * @param cacheDtype of keys and values: F32 or BF16
   * @param weights bytes of the tensors in its files
   * @param batch sequences, at least 1
   * @param tokens of each, prompt and answer together, at least 1
   * @param threads that compute
   * @param precision {@link Precision#AUTO} counts what a matrix unit takes besides, whether there
   *     is one or not
   * @return the needs
   * @throws IllegalArgumentException if an argument is below its least value, batch is above {@link
   *     Session#BLOCK_ROWS}, or the cache exceeds 2^63 bytes
   */
  public static MemoryNeeds of(
      GraniteConfig config,
      DType cacheDtype,
      long weights,
      int batch,
      long tokens,
      int threads,
      Precision precision) {
    if (batch < 1 || batch > Session.BLOCK_ROWS || tokens < 1 || threads < 1) {
      throw new IllegalArgumentException(
          "batch: %d, tokens: %d, threads: %d; legal are batch 1 to %d, tokens and threads >= 1"
              .formatted(batch, tokens, threads, Session.BLOCK_ROWS));
    }
    long[] vectors = {0};
    TensorNames.forEach(
        config, (_, shape) -> vectors[0] += shape.length == 1 ? shape[0] * Float.BYTES : 0);
    long cache;
    try {
      cache = KvCache.byteSize(config, cacheDtype, batch, tokens);
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "tokens: %d in %d sequences exceed 2^63 bytes".formatted(tokens, batch), e);
    }
    int most = Session.BLOCK_ROWS / batch;
    int rows = batch * (int) Math.min(tokens, most);
    long activations =
        Scratch.byteSize(config, rows, precision == Precision.AUTO)
            + (long) batch * config.vocabSize() * Float.BYTES
            + Ops.byteSize(threads);
    return new MemoryNeeds(weights, vectors[0], cache, activations);
  }

  /**
   * What of it is allocated: all but mapped weights.
   *
   * @param access how the weights come into memory
   * @return bytes that count against the JVM's limit of native memory
   */
  public long allocated(FileAccess access) {
    return (access == FileAccess.COPIED ? weights : 0) + vectors + cache + activations;
  }
}
