package org.graniteffm.runtime.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.function.UnaryOperator;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;
import org.graniteffm.runtime.hub.DownloadListener;

/** Shows how a download goes: a bar on a terminal, elsewhere one line when it begins. */
final class DownloadBar implements DownloadListener, AutoCloseable {
  private static final int WIDTH = 80;
  private static final int INTERVAL_MILLIS = 200;
  private static final long SMALL = 10_000_000;

  private final PrintWriter err;
  private final UnaryOperator<String> environment;
  private boolean begun;
  private ProgressBar bar;

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
      if (Terminal.isError() && environment.apply("HF_HUB_DISABLE_PROGRESS_BARS") == null) {
        bar = bar(progress);
      } else {
        err.printf(
            "granite: fetching %s: %s in %d %s%n",
            progress.model(),
            Units.bytes(progress.totalBytes() - progress.bytes()),
            progress.files(),
            progress.files() == 1 ? "file" : "files");
        err.flush();
      }
    }
    if (bar != null) {
      bar.stepTo(progress.bytes());
    }
  }

  private ProgressBar bar(Progress progress) {
    boolean small = progress.totalBytes() < SMALL;
    return new ProgressBarBuilder()
        .setTaskName(progress.model().substring(progress.model().indexOf('/') + 1))
        .setInitialMax(progress.totalBytes())
        .startsFrom(progress.bytes(), Duration.ZERO)
        .setUnit(small ? " kB" : " MB", small ? 1000 : 1_000_000)
        .showSpeed()
        .setStyle(ProgressBarStyle.ASCII)
        .setUpdateIntervalMillis(INTERVAL_MILLIS)
        .setConsumer(new DelegatingProgressBarConsumer(this::show, WIDTH - 1))
        .build();
  }

  private void show(String line) {
    err.print('\r' + line);
    err.flush();
  }

  @Override
  public void close() {
    if (bar != null) {
      bar.close();
      err.println();
      err.flush();
    }
  }
}
