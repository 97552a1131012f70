package org.graniteffm.runtime.safetensors;

/** Told how the opening of a checkpoint goes, on the thread that opens it. */
@FunctionalInterface
public interface LoadListener {
  /**
   * Hears of each file: of its header once that is checked, and of its tensors once they are mapped
   * or, if they are {@linkplain FileAccess#COPIED copied}, as they come, in pieces of at most 64
   * MiB. An exception ends the opening, which then leaves nothing open.
   *
   * @param bytes of the files that are done
   * @param totalBytes of all files, as they were when opening began
   */
  void onProgress(long bytes, long totalBytes);
}
