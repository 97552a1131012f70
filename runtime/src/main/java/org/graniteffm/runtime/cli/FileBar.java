package org.graniteffm.runtime.cli;

import java.io.PrintWriter;
import org.graniteffm.runtime.model.SaveListener;
import org.graniteffm.runtime.safetensors.LoadListener;

/** Shows how the reading or writing of a checkpoint goes: a bar, which is gone once it is done. */
final class FileBar implements LoadListener, SaveListener, AutoCloseable {
  private final PrintWriter err;
  private final String task;
  private final boolean wanted;
  private TerminalBar bar;

  /**
   * Shows nothing yet.
   *
   * @param err takes what is shown
   * @param task what stands before the bar
   * @param wanted whether to show anything at all: see {@link TerminalBar#isWanted}
   */
  FileBar(PrintWriter err, String task, boolean wanted) {
    this.err = err;
    this.task = task;
    this.wanted = wanted;
  }

  @Override
  public void onProgress(long bytes, long totalBytes) {
    if (!wanted) {
      return;
    }
    if (bar == null) {
      bar = new TerminalBar(err, task, 0, totalBytes);
    }
    bar.stepTo(bytes);
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.erase();
    }
  }
}
