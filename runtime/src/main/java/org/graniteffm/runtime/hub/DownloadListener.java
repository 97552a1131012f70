package org.graniteffm.runtime.hub;

/** Hears how a download goes. */
@FunctionalInterface
public interface DownloadListener {
  /**
   * How far it is. Called at the beginning, then about ten times a second while data comes, and at
   * the end; by any thread, but by one at a time. What it throws ends the download.
   *
   * @param progress how far it is
   */
  void onProgress(Progress progress);

  /**
   * How far a download is.
   *
   * @param model the id of the model
   * @param files how many files are fetched
   * @param bytes bytes that are there; those of an earlier attempt count, and it may shrink when a
   *     server makes a transfer start anew
   * @param totalBytes bytes of these files
   */
  record Progress(String model, int files, long bytes, long totalBytes) {}
}
