package org.graniteffm.runtime.safetensors;

import java.io.IOException;
import java.nio.file.Path;
import java.util.Collection;

/** Counts what is opened of a checkpoint's files, and tells a listener. */
final class LoadProgress {
  private final LoadListener listener;
  private final long total;
  private long done;

  private LoadProgress(LoadListener listener, long total) {
    this.listener = listener;
    this.total = total;
  }

  /**
   * Looks how large the files are.
   *
   * @throws IOException as {@link FileState#of} does
   */
  static LoadProgress of(Collection<Path> files, LoadListener listener) throws IOException {
    long total = 0;
    for (Path file : files) {
      total += FileState.of(file).size();
    }
    return new LoadProgress(listener, total);
  }

  void add(long bytes) {
    done += bytes;
    listener.onProgress(done, total);
  }
}
