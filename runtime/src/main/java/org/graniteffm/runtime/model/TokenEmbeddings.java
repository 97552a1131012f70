package org.graniteffm.runtime.model;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.LinkedHashMap;
import java.util.Map;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.tensor.Tensor;

/** A model's token embeddings, and its head's rows if it has one of its own, for another size. */
final class TokenEmbeddings {
  private static final double NOISE = 1e-9; // of the covariance, as in transformers
  private static final int NEIGHBOURS = 64;

  private final GraniteConfig config;
  private final Checkpoint checkpoint;
  private final ResizeOptions options;
  private final Arena arena;

  /** Computes them; the model stays open meanwhile. */
  TokenEmbeddings(OpenModel model, int newNumTokens, ResizeOptions options, boolean withHead)
      throws IOException {
    this.options = options;
    if (newNumTokens < 1) {
      throw new IllegalArgumentException("new_num_tokens: " + newNumTokens + " is not positive");
    }
    long size =
        (long) Math.ceilDiv(newNumTokens, options.padToMultipleOf()) * options.padToMultipleOf();
    if (size > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "new_num_tokens: %d, rounded up to a multiple of %d, is too large"
              .formatted(newNumTokens, options.padToMultipleOf()));
    }
    config = model.config().toBuilder().vocabSize((int) size).build();
    arena = Arena.ofShared();
    StoredTensors stored = new StoredTensors(model.checkpoint());
    Map<String, Tensor> resized = new LinkedHashMap<>();
    try {
      resized.put(
          stored.nameOf(StoredTensors.EMBEDDING), resize(stored.find(StoredTensors.EMBEDDING), 0));
      Tensor head = stored.find(StoredTensors.HEAD);
      if (withHead && head != null) {
        resized.put(StoredTensors.HEAD, resize(head, 1));
      }
      checkpoint = model.checkpoint().with(resized, arena);
    } catch (OutOfMemoryError | InsufficientMemoryException e) {
      arena.close();
      long bytes =
          2 * Tensor.byteSize(model.weights().embedding().dtype(), size, config.hiddenSize());
      throw new InsufficientMemoryException("token embeddings", bytes, e);
    } catch (Throwable t) {
      arena.close();
      throw t;
    }
  }

  /** With the new size. */
  GraniteConfig config() {
    return config;
  }

  /** With the new matrices, to be closed. */
  Checkpoint checkpoint() {
    return checkpoint;
  }

  private Tensor resize(Tensor old, int matrix) throws IOException {
    long before = old.size(0);
    long size = config.vocabSize();
    if (size <= before) {
      return old.slice(0, 0, size);
    }
    Tensor all = Tensor.allocate(arena, old.dtype(), size, config.hiddenSize());
    try {
      MemorySegment.copy(old.segment(), 0, all.segment(), 0, old.segment().byteSize());
    } catch (InternalError e) {
      throw old.cutShort(e);
    }
    double[] mean = options.meanResizing() ? mean(old) : null;
    for (long row = before; row < size; row++) {
      long stream = NormalNumbers.mix(options.seed() ^ NormalNumbers.mix(matrix + 2 * row));
      Tensor fresh = all.get(row);
      if (mean == null) {
        NormalNumbers normal = new NormalNumbers(stream, config.initializerRange());
        for (int i = 0; i < config.hiddenSize(); i++) {
          RandomWeights.put(fresh, i, (float) normal.next());
        }
      } else {
        fillAround(mean, old, stream, fresh);
      }
    }
    return all;
  }

  private static double[] mean(Tensor rows) {
    double[] mean = new double[(int) rows.size(1)];
    for (long row = 0; row < rows.size(0); row++) {
      addRow(mean, 1.0 / rows.size(0), rows.get(row));
    }
    return mean;
  }

  private static void addRow(double[] sum, double factor, Tensor row) {
    float[] values = row.toFloatArray();
    for (int i = 0; i < sum.length; i++) {
      sum[i] += factor * values[i];
    }
  }

  /**
   * A sum of some old rows' differences from the mean, with normal factors, has their covariance
   * without any matrix of it.
   */
  private static void fillAround(double[] mean, Tensor old, long stream, Tensor fresh) {
    NormalNumbers normal = new NormalNumbers(stream, Math.sqrt(NOISE / NEIGHBOURS));
    double[] sum = new double[mean.length];
    double factors = 0;
    for (int i = 0; i < NEIGHBOURS; i++) {
      double factor = normal.next();
      addRow(sum, factor, old.get(normal.index(old.size(0))));
      factors += factor;
    }
    for (int i = 0; i < mean.length; i++) {
      RandomWeights.put(fresh, i, (float) (mean[i] * (1 - factors) + sum[i]));
    }
  }
}
