package org.graniteffm.runtime.cli;

import java.io.PrintWriter;
import java.time.Duration;
import java.util.Optional;
import java.util.function.UnaryOperator;
import me.tongfei.progressbar.DelegatingProgressBarConsumer;
import me.tongfei.progressbar.ProgressBar;
import me.tongfei.progressbar.ProgressBarBuilder;
import me.tongfei.progressbar.ProgressBarStyle;

/** A bar on standard error that shows how many bytes are done. */
final class TerminalBar implements AutoCloseable {
  private static final int WIDEST = 80;
  private static final int INTERVAL_MILLIS = 200;
  private static final long SMALL = 10_000_000;

  private final PrintWriter err;
  private final int width = Math.min(Terminal.columns(), WIDEST) - 1; // a full line would wrap
  private final ProgressBar bar;

  /**
   * Shows a bar.
   *
   * @param err takes what is shown
   * @param task what stands before the bar
   * @param done bytes done already
   * @param total bytes in all
   */
  TerminalBar(PrintWriter err, String task, long done, long total) {
    this.err = err;
    boolean small = total < SMALL;
    bar =
        new ProgressBarBuilder()
            .setTaskName(task)
            .setInitialMax(total)
            .startsFrom(done, Duration.ZERO)
            .setUnit(small ? " kB" : " MB", small ? 1000 : 1_000_000)
            .showSpeed()
            .setStyle(ProgressBarStyle.ASCII)
            .setUpdateIntervalMillis(INTERVAL_MILLIS)
            .setConsumer(new DelegatingProgressBarConsumer(this::show, width))
            .build();
  }

  /**
   * Shows a bar, if it is wanted.
   *
   * @param err takes what is shown
   * @param environment gives the value of an environment variable, or null
   * @param task what stands before the bar
   * @param done bytes done already
   * @param total bytes in all
   */
  static Optional<TerminalBar> show(
      PrintWriter err, UnaryOperator<String> environment, String task, long done, long total) {
    return isWanted(environment)
        ? Optional.of(new TerminalBar(err, task, done, total))
        : Optional.empty();
  }

  /**
   * Whether standard error is a terminal whose user wants bars.
   *
   * @param environment gives the value of an environment variable, or null
   */
  static boolean isWanted(UnaryOperator<String> environment) {
    return Terminal.isError() && environment.apply("HF_HUB_DISABLE_PROGRESS_BARS") == null;
  }

  private void show(String line) {
    err.print('\r' + line);
    err.flush();
  }

  void stepTo(long bytes) {
    bar.stepTo(bytes);
  }

  /** Ends the bar, and leaves nothing of it. */
  void erase() {
    bar.close();
    show(" ".repeat(width));
    show("");
  }

  /** Ends the bar, which stays. */
  @Override
  public void close() {
    bar.close();
    err.println();
    err.flush();
  }
}
