package org.graniteffm.runtime.model;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.List;
import jdk.jfr.FlightRecorder;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.bindings.NativeLibraryException;
import org.graniteffm.bindings.UnsupportedIsaException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.safetensors.FileAccess;
import org.graniteffm.runtime.tensor.DType;

/**
 * What an open model consists of; a model with a head and its decoder alone share one of these.
 *
 * @param checkpoint what the model reads
 * @param shown the same for callers, who may close it
 * @param cacheDtype of caches; null for what suits weights and precision
 */
record OpenModel(
    GraniteConfig config,
    Checkpoint checkpoint,
    Checkpoint shown,
    Weights weights,
    Arena arena,
    Workers workers,
    Precision precision,
    DType cacheDtype,
    Lease lease) {
  private static final Logger LOGGER = System.getLogger("org.graniteffm.runtime.model");

  static OpenModel load(Path directory, LoadOptions options, boolean withHead) throws IOException {
    // Linking the kernels takes as long as reading the files, so both are done at once.
    Thread.ofPlatform().daemon().name("granite-link").start(OpenModel::linkEarly);
    GraniteConfig config = options.configOf(directory);
    LoadEvent event = FlightRecorder.isInitialized() ? new LoadEvent() : null;
    if (event != null) {
      event.begin();
    }
    if (withHead) {
      checkArchitectures(directory, config);
    }
    Checkpoint checkpoint = Checkpoint.open(directory, options.access(), options.listener());
    OpenModel open = bind(config, checkpoint, options.workers(), withHead);
    if (event != null && event.shouldCommit()) {
      event.model = directory.toString();
      event.tensors = open.checkpoint().names().size();
      event.bytes = open.checkpoint().byteSize();
      event.commit();
    }
    log(directory, open, options.access());
    return open;
  }

  /** Not how long it took: that is for the flight recorder. */
  private static void log(Path directory, OpenModel open, FileAccess access) {
    LOGGER.log(
        Level.DEBUG, // services do not want the lines of each library they start
        "opened {0}: {1}, {2} tensors, {3} MB {4}",
        Names.path(directory),
        open.config().modelType(),
        Integer.toString(open.checkpoint().names().size()),
        Long.toString(open.checkpoint().byteSize() / 1_000_000),
        access == FileAccess.MAPPED ? "mapped" : "copied");
  }

  private static void linkEarly() {
    try {
      NativeLibraries.link();
    } catch (NativeLibraryException | UnsupportedIsaException | OutOfMemoryError e) {
      // thrown again to whoever loads next
    }
  }

  /**
   * The decoder may have been trained for another head: what a language model's gives then is
   * noise.
   */
  private static void checkArchitectures(Path directory, GraniteConfig config)
      throws UnsupportedModelException {
    List<String> classes = config.architectures();
    if (!classes.isEmpty()
        && classes.stream().noneMatch(c -> c.endsWith("ForCausalLM") || c.endsWith("Model"))) {
      throw new UnsupportedModelException(
          "%s: architectures: %s is not supported, only %sForCausalLM; what stands before its head opens as GraniteModel"
              .formatted(
                  directory.resolve("config.json"),
                  Names.quote(classes.getFirst()),
                  config.classPrefix()));
    }
  }

  static OpenModel random(GraniteConfig config, DType dtype, long seed, boolean withHead) {
    Workers workers = Workers.shared();
    try {
      NativeLibraries.load();
      Checkpoint checkpoint = RandomWeights.make(config, withHead, dtype, seed, workers);
      return bind(config, checkpoint, workers, withHead);
    } catch (IOException e) {
      throw new AssertionError(e); // all tensors are there, in their shapes
    }
  }

  OpenModel resized(int newNumTokens, ResizeOptions options, boolean withHead) throws IOException {
    lease.acquire();
    try {
      checkpoint.checkFiles();
      TokenEmbeddings embeddings = new TokenEmbeddings(this, newNumTokens, options, withHead);
      return bind(embeddings.config(), embeddings.checkpoint(), workers, withHead)
          .with(precision, cacheDtype);
    } catch (UncheckedIOException e) {
      throw e.getCause();
    } finally {
      lease.release();
    }
  }

  /** Takes over the checkpoint, and closes it if it does not fit. */
  private static OpenModel bind(
      GraniteConfig config, Checkpoint checkpoint, Workers workers, boolean withHead)
      throws IOException {
    Arena arena = Arena.ofShared();
    try {
      NativeLibraries.load();
      Weights weights = Weights.bind(checkpoint, config, withHead, arena);
      Lease lease = new Lease("model " + checkpoint.directory());
      return new OpenModel(
          config,
          checkpoint,
          checkpoint.share(),
          weights,
          arena,
          workers,
          Precision.AUTO,
          null,
          lease);
    } catch (Throwable t) {
      arena.close();
      checkpoint.close();
      throw t;
    }
  }

  OpenModel with(Precision precision, DType cacheDtype) {
    return new OpenModel(
        config, checkpoint, shown, weights, arena, workers, precision, cacheDtype, lease);
  }

  /** What caches of this model hold. */
  DType dtypeOfCaches() {
    if (cacheDtype != null) {
      return cacheDtype;
    }
    return precision == Precision.AUTO && weights.cacheSuitsBfloat16() ? DType.BF16 : DType.F32;
  }

  /** Whether a pass rounds anything. */
  boolean rounds() {
    return dtypeOfCaches() == DType.BF16 || Decoder.rounds(precision);
  }

  Decoder newDecoder() {
    lease.acquire();
    try {
      return new Decoder(config, weights, workers, precision);
    } finally {
      lease.release();
    }
  }

  void close() {
    lease.close(() -> {
      shown.close();
      checkpoint.close();
      if (arena.scope().isAlive()) {
        arena.close();
      }
    });
  }
}
