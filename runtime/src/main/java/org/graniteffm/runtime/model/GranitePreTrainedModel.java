package org.graniteffm.runtime.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.List;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.tensor.DType;

/**
 * What Granite models with and without a head have in common, dense or mixture of experts: weights,
 * which are those of a checkpoint folder where its files have them, and what they are called.
 *
 * <p>A model is immutable and may be shared between threads. Closing waits for running calls, which
 * end at their next token, and then unmaps the files.
 */
public abstract sealed class GranitePreTrainedModel implements AutoCloseable
    permits GraniteModel, GraniteForCausalLM {
  private final OpenModel open;

  GranitePreTrainedModel(OpenModel open) {
    this.open = open;
  }

  /**
   * Opens a checkpoint folder as what it was saved from: without a head if its architectures say
   * so, else as a language model.
   *
   * @param directory holds config.json and model.safetensors, or an index and its shards
   * @param options threads, mapped or copied, another configuration, and who is told how it goes
   * @return the model
   * @throws org.graniteffm.runtime.ModelFormatException if a file's content is malformed or does
   *     not fit the config
   * @throws org.graniteffm.runtime.UnsupportedModelException if the checkpoint asks for what this
   *     library does not do
   * @throws IOException if a file cannot be read
   * @throws org.graniteffm.runtime.InsufficientMemoryException if there is no memory for a copy
   */
  public static GranitePreTrainedModel open(Path directory, LoadOptions options)
      throws IOException {
    return isSavedWithoutHead(options.configOf(directory))
        ? GraniteModel.load(directory, options)
        : GraniteForCausalLM.load(directory, options);
  }

  static boolean isSavedWithoutHead(GraniteConfig config) {
    return config.architectures().equals(List.of(config.classPrefix() + "Model"));
  }

  OpenModel open() {
    return open;
  }

  /**
   * The configuration.
   *
   * @return what config.json says
   */
  public GraniteConfig config() {
    return open.config();
  }

  /**
   * The files.
   *
   * @return the open checkpoint; it closes with this model, and closing it before changes nothing
   *     for the model
   */
  public Checkpoint checkpoint() {
    return open.shown();
  }

  /**
   * The threads this model computes with.
   *
   * @return the pool
   */
  public Workers workers() {
    return open.workers();
  }

  /**
   * Saves the model as a checkpoint folder: config.json, and the weights under their published
   * names in model.safetensors or in shards with an index. The folder appears complete or not at
   * all, and nothing that exists is overwritten. Works on the files piece by piece, so it needs no
   * memory for the weights.
   *
   * @param directory where to: does not exist yet or is empty; its parent exists
   * @param options dtype, size of the files, and what else goes with them
   * @throws java.nio.file.FileAlreadyExistsException if there is something already
   * @throws org.graniteffm.runtime.UnsupportedModelException if a weight is too large for the dtype
   * @throws IOException if a file cannot be read or written
   * @throws ClosedException if the model is closed
   */
  public void save(Path directory, SaveOptions options) throws IOException {
    save(directory, options, (_, _) -> {});
  }

  /**
   * Saves the model as {@link #save(Path, SaveOptions)} does, and tells how it goes.
   *
   * @param directory likewise
   * @param options likewise
   * @param listener told of each tensor
   * @throws java.nio.file.FileAlreadyExistsException likewise
   * @throws org.graniteffm.runtime.UnsupportedModelException likewise
   * @throws IOException likewise
   * @throws ClosedException likewise
   */
  public void save(Path directory, SaveOptions options, SaveListener listener) throws IOException {
    try (Use _ = use()) {
      boolean head = this instanceof GraniteForCausalLM;
      new Saver(config(), open.checkpoint(), head, options, listener).save(directory);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /**
   * Saves the model as a checkpoint folder, as {@link #save(Path, SaveOptions)} does.
   *
   * @param directory where to: does not exist yet or is empty; its parent exists
   * @param dtype type of the weights, or null for the one each has
   * @param maxShardBytes most bytes of tensors in one file
   * @throws java.nio.file.FileAlreadyExistsException if there is something already
   * @throws org.graniteffm.runtime.UnsupportedModelException if a weight is too large for the dtype
   * @throws IOException if a file cannot be read or written
   * @throws ClosedException if the model is closed
   */
  public void save(Path directory, DType dtype, long maxShardBytes) throws IOException {
    SaveOptions defaults = SaveOptions.defaults();
    save(
        directory,
        new SaveOptions(dtype, maxShardBytes, defaults.configStyle(), defaults.otherFiles()));
  }

  /**
   * Returns a model with a vocabulary of another size. Old tokens keep their embeddings, and their
   * rows of a head of its own; where the head is the embedding it stays so. A smaller vocabulary
   * drops the last tokens, a larger one gets new ones, as the options say. Everything else is
   * shared: either model may be closed first. Needs memory for the matrices it enlarges.
   *
   * @param newNumTokens size of the vocabulary, at least 1, before it is rounded up
   * @param options what new tokens begin with
   * @return a model of the same kind, to be closed
   * @throws IllegalArgumentException if the size is out of range, or one of the tokens for start,
   *     end and padding is not below it
   * @throws org.graniteffm.runtime.InsufficientMemoryException if the new matrices find no memory
   * @throws IOException if a file was cut short since it was opened
   * @throws ClosedException if the model is closed
   */
  public abstract GranitePreTrainedModel resizeTokenEmbeddings(
      int newNumTokens, ResizeOptions options) throws IOException;

  /**
   * The same model, computing in another precision; {@link Precision#AUTO} unless told otherwise.
   *
   * @param precision whether activations, and keys and values in the cache, may be rounded
   * @return the same weights: closing either closes both
   */
  public abstract GranitePreTrainedModel withPrecision(Precision precision);

  /**
   * The same model, whose caches hold this type whatever the precision; see {@link #cacheDtype} for
   * what they hold unless told so.
   *
   * @param dtype of keys and values: {@link DType#F32} or {@link DType#BF16}
   * @return the same weights: closing either closes both
   * @throws IllegalArgumentException if dtype is another one
   */
  public abstract GranitePreTrainedModel withCacheDtype(DType dtype);

  /**
   * The type of keys and values in caches that this model makes: unless told otherwise BF16 where
   * the weights that make them all are BF16 and the precision is {@link Precision#AUTO}, else F32.
   *
   * @return F32 or BF16
   */
  public DType cacheDtype() {
    return open.dtypeOfCaches();
  }

  /**
   * Makes an empty cache of {@link #cacheDtype}.
   *
   * @param batch sequences, at least 1
   * @param capacity tokens per sequence to make room for now; it grows when more come
   * @return the cache, to be closed
   * @throws IllegalArgumentException if batch is below 1 or capacity below 0
   * @throws org.graniteffm.runtime.InsufficientMemoryException if the memory cannot be had
   */
  public KvCache newCache(int batch, int capacity) {
    return new KvCache(config(), cacheDtype(), batch, capacity);
  }

  /**
   * Whether a pass rounds to BF16 anywhere: activations on their way into a matrix unit, or keys
   * and values on their way into the cache. Where it does not, results are those of single
   * precision.
   *
   * @return false at {@link Precision#F32} with caches of F32
   */
  public boolean rounds() {
    return open.rounds();
  }

  /**
   * Keeps the model open until the returned object is closed: for work of many calls, such as a
   * generation. Looks first whether the mapped files are as they were, as each forward pass does
   * that starts a sequence: see {@link Checkpoint#checkFiles}.
   *
   * @return to be closed by the same thread; a second time does nothing
   * @throws ClosedException if the model is closed
   * @throws UncheckedIOException if a mapped file was cut short
   */
  public Use use() {
    lease().acquire();
    try {
      checkFiles();
    } catch (Throwable t) {
      lease().release();
      throw t;
    }
    return new OpenUse(lease());
  }

  /** Within a call. */
  void checkFiles() {
    try {
      open.checkpoint().checkFiles();
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  /** A use of the model, during which it stays open. */
  @FunctionalInterface
  public interface Use extends AutoCloseable {
    /**
     * Ends the use.
     *
     * @throws org.graniteffm.runtime.ConcurrentUseException if another thread began it
     */
    @Override
    void close();
  }

  private static final class OpenUse implements Use {
    private final Lease lease;
    private boolean ended;

    OpenUse(Lease lease) {
      this.lease = lease;
    }

    @Override
    public void close() {
      if (!ended) {
        lease.release();
        ended = true;
      }
    }
  }

  /**
   * Whether closing has begun.
   *
   * @throws ClosedException if so
   */
  public void checkOpen() {
    lease().check();
  }

  Lease lease() {
    return open.lease();
  }

  /**
   * Waits for running calls, which end at their next token or block with a {@link ClosedException},
   * and frees everything. A model that is closed already stays so.
   *
   * @throws ClosedException if called from within a call of this model, such as a callback of its
   *     generation; or from a callback of another model, which a callback of this one is waiting to
   *     close
   */
  @Override
  public void close() {
    open.close();
  }
}
