package org.graniteffm.runtime.model;

/** Told how the saving of a model goes, on the thread that saves. */
@FunctionalInterface
public interface SaveListener {
  /**
   * Hears of each tensor once it is written. An exception ends the saving, which then leaves
   * nothing.
   *
   * @param bytes of tensors written so far
   * @param totalBytes of all tensors
   */
  void onProgress(long bytes, long totalBytes);
}
