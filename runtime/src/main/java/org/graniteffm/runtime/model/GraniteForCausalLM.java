package org.graniteffm.runtime.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.bindings.NativeLibraryException;
import org.graniteffm.bindings.UnsupportedIsaException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.safetensors.FileAccess;
import org.graniteffm.runtime.tensor.DType;

/**
 * A Granite language model, dense or mixture of experts, over the weights of a checkpoint folder
 * where the files have them.
 *
 * <p>A model is immutable and may be shared between threads; each caller has a {@link Session} of
 * its own. Closing waits for running calls, which end at their next token, and then unmaps the
 * files.
 */
public final class GraniteForCausalLM implements AutoCloseable {
  private final GraniteConfig config;
  private final Checkpoint checkpoint;
  private final Weights weights;
  private final Arena arena;
  private final Workers workers;
  private final Lease lease;

  private GraniteForCausalLM(
      GraniteConfig config, Checkpoint checkpoint, Weights weights, Arena arena, Workers workers) {
    this.config = config;
    this.checkpoint = checkpoint;
    this.weights = weights;
    this.arena = arena;
    this.workers = workers;
    lease = new Lease("model " + checkpoint.directory());
  }

  /**
   * Opens a checkpoint folder with the pool of the process.
   *
   * @param directory holds config.json and model.safetensors, or an index and its shards
   * @return the model
   * @throws org.graniteffm.runtime.ModelFormatException if a file's content is malformed or does
   *     not fit the config
   * @throws org.graniteffm.runtime.UnsupportedModelException if the checkpoint asks for what this
   *     library does not do
   * @throws IOException if a file cannot be read
   */
  public static GraniteForCausalLM load(Path directory) throws IOException {
    return load(directory, Workers.shared());
  }

  /**
   * Opens a checkpoint folder, its files mapped.
   *
   * @param directory holds config.json and model.safetensors, or an index and its shards
   * @param workers the threads to compute with; not closed with the model
   * @return the model
   * @throws org.graniteffm.runtime.ModelFormatException if a file's content is malformed or does
   *     not fit the config
   * @throws org.graniteffm.runtime.UnsupportedModelException if the checkpoint asks for what this
   *     library does not do
   * @throws IOException if a file cannot be read
   */
  public static GraniteForCausalLM load(Path directory, Workers workers) throws IOException {
    return load(directory, workers, FileAccess.MAPPED);
  }

  /**
   * Opens a checkpoint folder. If it throws, nothing stays open, mapped or allocated.
   *
   * @param directory holds config.json and model.safetensors, or an index and its shards
   * @param workers the threads to compute with; not closed with the model
   * @param access whether the weights are mapped, or copied into memory
   * @return the model
   * @throws org.graniteffm.runtime.ModelFormatException if a file's content is malformed or does
   *     not fit the config
   * @throws org.graniteffm.runtime.UnsupportedModelException if the checkpoint asks for what this
   *     library does not do
   * @throws IOException if a file cannot be read
   * @throws org.graniteffm.runtime.InsufficientMemoryException if there is no memory for a copy, or
   *     for what the files declare
   */
  public static GraniteForCausalLM load(Path directory, Workers workers, FileAccess access)
      throws IOException {
    // Linking the kernels takes as long as reading the files, so both are done at once; a failure
    // is remembered.
    Thread.ofPlatform().daemon().name("granite-link").start(GraniteForCausalLM::linkEarly);
    GraniteConfig config = GraniteConfig.load(directory);
    Checkpoint checkpoint = Checkpoint.open(directory, access);
    Arena arena = Arena.ofShared();
    try {
      NativeLibraries.load();
      Weights weights = Weights.bind(checkpoint, config, arena);
      return new GraniteForCausalLM(config, checkpoint, weights, arena, workers);
    } catch (Throwable t) {
      arena.close();
      checkpoint.close();
      throw t;
    }
  }

  /**
   * Makes a model from a configuration alone, as transformers does: weights from a normal
   * distribution of standard deviation initializer_range, zero biases and padding row, norms of
   * one. The same seed makes the same weights, whatever the machine and the number of threads.
   *
   * @param config its configuration
   * @param dtype type of the weights: F32, F16 or BF16
   * @param seed any number
   * @return the model, to be closed; its checkpoint has no files
   * @throws IllegalArgumentException if the dtype is no weight type
   * @throws org.graniteffm.runtime.InsufficientMemoryException if the weights find no memory
   */
  public static GraniteForCausalLM random(GraniteConfig config, DType dtype, long seed) {
    NativeLibraries.load();
    Workers workers = Workers.shared();
    Checkpoint checkpoint = RandomWeights.make(config, dtype, seed, workers);
    Arena arena = Arena.ofShared();
    try {
      Weights weights = Weights.bind(checkpoint, config, arena);
      return new GraniteForCausalLM(config, checkpoint, weights, arena, workers);
    } catch (IOException e) {
      throw new AssertionError(e); // all tensors are there, in their shapes
    } catch (Throwable t) {
      arena.close();
      checkpoint.close();
      throw t;
    }
  }

  private static void linkEarly() {
    try {
      NativeLibraries.load();
    } catch (NativeLibraryException | UnsupportedIsaException e) {
      // thrown again to whoever loads next
    }
  }

  /**
   * The configuration.
   *
   * @return what config.json says
   */
  public GraniteConfig config() {
    return config;
  }

  /**
   * The files.
   *
   * @return the open checkpoint; it closes with this model
   */
  public Checkpoint checkpoint() {
    return checkpoint;
  }

  /**
   * The threads this model computes with.
   *
   * @return the pool
   */
  public Workers workers() {
    return workers;
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
    try (Use _ = use()) {
      new Saver(config, checkpoint, options).save(directory);
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
   * Makes the scratch state for one caller.
   *
   * @return a session, to be closed
   * @throws ClosedException if the model is closed
   */
  public Session newSession() {
    lease.acquire();
    try {
      return new Session(this, new Decoder(config, weights, workers));
    } finally {
      lease.release();
    }
  }

  /**
   * One forward pass in a session of its own.
   *
   * @param input what to compute, and what to return
   * @return the results, to be closed
   * @throws IllegalArgumentException if the input does not fit the model or itself
   * @throws ClosedException if the model is closed
   */
  public ForwardOutput forward(ForwardInput input) {
    try (Session session = newSession()) {
      return session.forward(input);
    }
  }

  /**
   * Keeps the model open until the returned object is closed: for work of many calls, such as a
   * generation. Looks first whether the mapped files are as they were, as each forward pass does
   * that starts a sequence: see {@link Checkpoint#checkFiles}.
   *
   * @return to be closed by the same thread
   * @throws ClosedException if the model is closed
   * @throws UncheckedIOException if a mapped file was cut short
   */
  public Use use() {
    lease.acquire();
    try {
      checkFiles();
    } catch (Throwable t) {
      lease.release();
      throw t;
    }
    return lease::release;
  }

  /** Within a call. */
  void checkFiles() {
    try {
      checkpoint.checkFiles();
    } catch (IOException e) {
      throw new UncheckedIOException(e.getMessage(), e);
    }
  }

  /** A use of the model, during which it stays open. */
  @FunctionalInterface
  public interface Use extends AutoCloseable {
    /** Ends the use. */
    @Override
    void close();
  }

  /**
   * Whether closing has begun.
   *
   * @throws ClosedException if so
   */
  public void checkOpen() {
    lease.check();
  }

  Lease lease() {
    return lease;
  }

  /**
   * Waits for running calls, which end at their next token or block with a {@link ClosedException},
   * and frees everything. A model that is closed already stays so.
   *
   * @throws ClosedException if called from within a call of this model, such as a callback of its
   *     generation
   */
  @Override
  public void close() {
    lease.close(() -> {
      checkpoint.close();
      arena.close();
    });
  }
}
