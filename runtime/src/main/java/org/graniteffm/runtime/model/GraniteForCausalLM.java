package org.graniteffm.runtime.model;

import java.io.IOException;
import java.nio.file.Path;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.tensor.DType;

/**
 * A Granite language model. Stands for transformers' {@code GraniteForCausalLM}, {@code
 * GraniteMoeForCausalLM} and {@code GraniteMoeSharedForCausalLM}.
 *
 * <p>May be shared between threads; each caller has a {@link Session} of its own.
 */
public final class GraniteForCausalLM extends GranitePreTrainedModel {
  private GraniteForCausalLM(OpenModel open) {
    super(open);
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
    return load(directory, LoadOptions.defaults());
  }

  /**
   * Opens a checkpoint folder as {@link #load(Path)} does, to compute with other threads.
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
    return load(directory, LoadOptions.defaults().with(workers));
  }

  /**
   * Opens a checkpoint folder. If it throws, nothing stays open, mapped or allocated.
   *
   * @param directory holds config.json, unless the options do, and model.safetensors, or an index
   *     and its shards
   * @param options threads, mapped or copied, another configuration, and who is told how it goes
   * @return the model
   * @throws org.graniteffm.runtime.ModelFormatException if a file's content is malformed or does
   *     not fit the config
   * @throws org.graniteffm.runtime.UnsupportedModelException if the checkpoint asks for what this
   *     library does not do
   * @throws IOException if a file cannot be read
   * @throws org.graniteffm.runtime.InsufficientMemoryException if there is no memory for a copy, or
   *     for what the files declare
   */
  public static GraniteForCausalLM load(Path directory, LoadOptions options) throws IOException {
    return new GraniteForCausalLM(OpenModel.load(directory, options, true));
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
    return new GraniteForCausalLM(OpenModel.random(config, dtype, seed, true));
  }

  /**
   * The model without its head.
   *
   * @return the same weights: closing either closes both
   */
  public GraniteModel model() {
    return new GraniteModel(open());
  }

  /**
   * Makes the scratch state for one caller.
   *
   * @return a session, to be closed
   * @throws ClosedException if the model is closed
   */
  public Session newSession() {
    return new Session(this, open().newDecoder());
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

  @Override
  public GraniteForCausalLM withPrecision(Precision precision) {
    return new GraniteForCausalLM(open().with(precision, open().cacheDtype()));
  }

  @Override
  public GraniteForCausalLM withCacheDtype(DType dtype) {
    return new GraniteForCausalLM(open().with(open().precision(), KvCache.checkDtype(dtype)));
  }

  @Override
  public GraniteForCausalLM resizeTokenEmbeddings(int newNumTokens, ResizeOptions options)
      throws IOException {
    return new GraniteForCausalLM(open().resized(newNumTokens, options, true));
  }
}
