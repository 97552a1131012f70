package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class InterruptsTest {
  @Test
  void actionIsRunAndTheProgramGoesOn() throws IOException, InterruptedException {
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
