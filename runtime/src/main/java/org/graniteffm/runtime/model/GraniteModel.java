package org.graniteffm.runtime.model;

import java.io.IOException;
import java.nio.file.Path;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.tensor.DType;

/**
 * A Granite model without a head: its results are hidden states. Stands for transformers' {@code
 * GraniteModel}, {@code GraniteMoeModel} and {@code GraniteMoeSharedModel}.
 */
public final class GraniteModel extends GranitePreTrainedModel {
  GraniteModel(OpenModel open) {
    super(open);
  }

  /**
   * Opens a checkpoint folder with the pool of the process. A head that it has is left alone.
   *
   * @param directory holds config.json and model.safetensors, or an index and its shards
   * @return the model
   * @throws org.graniteffm.runtime.ModelFormatException if a file's content is malformed or does
   *     not fit the config
   * @throws org.graniteffm.runtime.UnsupportedModelException if the checkpoint asks for what this
   *     library does not do
   * @throws IOException if a file cannot be read
   */
  public static GraniteModel load(Path directory) throws IOException {
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
  public static GraniteModel load(Path directory, Workers workers) throws IOException {
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
  public static GraniteModel load(Path directory, LoadOptions options) throws IOException {
    return new GraniteModel(OpenModel.load(directory, options, false));
  }

  /**
   * Makes a model from a configuration alone, as {@link GraniteForCausalLM#random} does.
   *
   * @param config its configuration
   * @param dtype type of the weights: F32, F16 or BF16
   * @param seed any number
   * @return the model, to be closed; its checkpoint has no files
   * @throws IllegalArgumentException if the dtype is no weight type
   * @throws org.graniteffm.runtime.InsufficientMemoryException if the weights find no memory
   */
  public static GraniteModel random(GraniteConfig config, DType dtype, long seed) {
    return new GraniteModel(OpenModel.random(config, dtype, seed, false));
  }

  /**
   * One forward pass. Takes what the pass of a {@link GraniteForCausalLM} does but for labels and
   * logitsToKeep, which need a head.
   *
   * @param input what to compute, and what to return
   * @return the last hidden state and what else was asked for, to be closed
   * @throws IllegalArgumentException if the input does not fit the model or itself
   * @throws ClosedException if the model is closed
   */
  public BaseModelOutput forward(ForwardInput input) {
    try (Session session = new Session(this, open().newDecoder())) {
      return session.lastHiddenState(input);
    }
  }

  @Override
  public GraniteModel withPrecision(Precision precision) {
    return new GraniteModel(open().with(precision, open().cacheDtype()));
  }

  @Override
  public GraniteModel withCacheDtype(DType dtype) {
    return new GraniteModel(open().with(open().precision(), KvCache.checkDtype(dtype)));
  }

  @Override
  public GraniteModel resizeTokenEmbeddings(int newNumTokens, ResizeOptions options)
      throws IOException {
    return new GraniteModel(open().resized(newNumTokens, options, false));
  }
}
