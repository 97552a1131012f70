package org.graniteffm.runtime.cli;

import java.io.PrintWriter;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.graniteffm.runtime.hub.DownloadListener;

/** Shows how a download goes: a bar on a terminal, elsewhere one line when it begins. */
final class DownloadBar implements DownloadListener, AutoCloseable {
  private final PrintWriter err;
  private final UnaryOperator<String> environment;
  private boolean begun;
  private Optional<TerminalBar> bar = Optional.empty();

  /**
   * Shows nothing yet.
   *
   * @param err takes what is shown
   * @param environment gives the value of an environment variable, or null
   */
  DownloadBar(PrintWriter err, UnaryOperator<String> environment) {
    this.err = err;
    this.environment = environment;
  }

  @Override
  public void onProgress(Progress progress) {
    if (!begun) {
      begun = true;
      String task = progress.model().substring(progress.model().indexOf('/') + 1);
      bar = TerminalBar.show(err, environment, task, progress.bytes(), progress.totalBytes());
      if (bar.isEmpty()) {
        err.printf(
            "granite: fetching %s: %s in %d %s%n",
            progress.model(),
            Units.bytes(progress.totalBytes() - progress.bytes()),
            progress.files(),
            progress.files() == 1 ? "file" : "files");
        err.flush();
      }
    }
    bar.ifPresent(shown -> shown.stepTo(progress.bytes()));
  }

  @Override
  public void close() {
    bar.ifPresent(TerminalBar::close);
  }
}
