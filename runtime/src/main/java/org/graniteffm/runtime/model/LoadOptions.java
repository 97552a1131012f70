package org.graniteffm.runtime.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.safetensors.FileAccess;
import org.graniteffm.runtime.safetensors.LoadListener;

/**
 * How a model is opened. Immutable; start from {@link #defaults}.
 *
 * @param workers the threads to compute with; not closed with the model
 * @param access whether the weights are mapped, or copied into memory
 * @param config in place of the folder's config.json, such as one {@linkplain
 *     GraniteConfig#toBuilder made from that} with other rotary positions; its shapes are those of
 *     the weights
 * @param listener told how it goes
 */
public record LoadOptions(
    Workers workers, FileAccess access, Optional<GraniteConfig> config, LoadListener listener) {
  /**
   * Checks that nothing is null.
   *
   * @throws NullPointerException if something is
   */
  public LoadOptions {
    Objects.requireNonNull(workers, "workers");
    Objects.requireNonNull(access, "access");
    Objects.requireNonNull(config, "config");
    Objects.requireNonNull(listener, "listener");
  }

  /**
   * The pool of the process, weights mapped, the folder's own config, and nobody to tell.
   *
   * @return the defaults
   */
  public static LoadOptions defaults() {
    return new LoadOptions(Workers.shared(), FileAccess.MAPPED, Optional.empty(), (_, _) -> {});
  }

  /** The configuration to open a folder with. */
  GraniteConfig configOf(Path directory) throws IOException {
    return config.isPresent() ? config.get() : GraniteConfig.load(directory);
  }

  /**
   * Sets the threads.
   *
   * @param value to compute with; not closed with the model
   * @return options with it
   */
  public LoadOptions with(Workers value) {
    return new LoadOptions(value, access, config, listener);
  }

  /**
   * Sets how the weights come into memory.
   *
   * @param value mapped or copied
   * @return options with it
   */
  public LoadOptions with(FileAccess value) {
    return new LoadOptions(workers, value, config, listener);
  }

  /**
   * Sets the configuration.
   *
   * @param value in place of the folder's
   * @return options with it
   */
  public LoadOptions with(GraniteConfig value) {
    return new LoadOptions(workers, access, Optional.of(value), listener);
  }

  /**
   * Sets who is told how it goes.
   *
   * @param value told of each file, and of each piece of a copy
   * @return options with it
   */
  public LoadOptions with(LoadListener value) {
    return new LoadOptions(workers, access, config, value);
  }
}
