package org.graniteffm.runtime.cli;

import java.io.PrintWriter;
import java.util.Optional;
import org.graniteffm.runtime.model.SaveListener;

/** Shows how saving goes: a bar on a terminal, elsewhere nothing. */
final class SaveBar implements SaveListener, AutoCloseable {
  private final PrintWriter err;
  private final String name;
  private boolean begun;
  private Optional<TerminalBar> bar = Optional.empty();

  /**
   * Shows nothing yet.
   *
   * @param err takes what is shown
   * @param name of what is saved
   */
  SaveBar(PrintWriter err, String name) {
    this.err = err;
    this.name = name;
  }

  @Override
  public void onProgress(long bytes, long totalBytes) {
    if (!begun) {
      begun = true;
      bar = TerminalBar.show(err, System::getenv, name, 0, totalBytes);
    }
    bar.ifPresent(shown -> shown.stepTo(bytes));
  }

  @Override
  public void close() {
    bar.ifPresent(TerminalBar::close);
  }
}
