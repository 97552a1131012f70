package org.graniteffm.runtime.hub;

import org.graniteffm.runtime.hub.DownloadListener.Progress;

/** Counts bytes for a listener, which hears of them ten times a second. */
final class ProgressMeter {
  private static final long INTERVAL_NANOS = 100_000_000;

  private final DownloadListener listener;
  private final String model;
  private final int files;
  private final long total;
  private long bytes;
  private long lastNanos;

  ProgressMeter(DownloadListener listener, RepositoryId id, int files, long bytes, long total) {
    this.listener = listener;
    model = id.text();
    this.files = files;
    this.bytes = bytes;
    this.total = total;
  }

  /** Tells how far it is. */
  synchronized void tell() {
    lastNanos = System.nanoTime();
    listener.onProgress(new Progress(model, files, bytes, total));
  }

  /** Counts bytes that came, or, below zero, that are to come again. */
  synchronized void add(long count) {
    bytes += count;
    if (System.nanoTime() - lastNanos >= INTERVAL_NANOS) {
      tell();
    }
  }
}
