package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class InterruptsTest {
  private static final int SIGINT = 2;

  @Test
  void actionIsRunAndTheProgramGoesOn() throws IOException, InterruptedException {
    assumeFalse(isIgnored(), "started with the signal ignored, as a script's background jobs are");
    CountDownLatch outer = new CountDownLatch(1);
    CountDownLatch inner = new CountDownLatch(2);
    try (Interrupts _ = Interrupts.handle(outer::countDown)) {
      try (Interrupts _ = Interrupts.handle(inner::countDown)) {
        interrupt();
        interruptUntil(inner);
      }
      assertTrue(outer.getCount() == 1, "the outer action was not in charge");
      interruptUntil(outer);
    }
  }

  /** Whether whoever started this JVM told it to ignore SIGINT, which it then does. */
  private static boolean isIgnored() throws IOException {
    Path status = Path.of("/proc/self/status");
    if (!Files.exists(status)) {
      return false;
    }
    String mask =
        Files.readAllLines(status).stream()
            .filter(line -> line.startsWith("SigIgn:"))
            .map(line -> line.substring("SigIgn:".length()).strip())
            .findFirst()
            .orElse("0");
    return (Long.parseUnsignedLong(mask, 16) >> (SIGINT - 1) & 1) == 1;
  }

  /** The system may join signals that are close together. */
  private static void interruptUntil(CountDownLatch latch)
      throws IOException, InterruptedException {
    for (int i = 0; i < 60 && latch.getCount() > 0; i++) {
      interrupt();
      latch.await(1, TimeUnit.SECONDS);
    }
    assertTrue(latch.getCount() == 0, "no signal arrived");
  }

  private static void interrupt() throws IOException, InterruptedException {
    String process = Long.toString(ProcessHandle.current().pid());
    new ProcessBuilder("kill", "-INT", process).start().waitFor();
  }
}
