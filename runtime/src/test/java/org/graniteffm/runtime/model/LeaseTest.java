package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

class LeaseTest {
  private final Lease lease = new Lease("thing");
  private final AtomicInteger freed = new AtomicInteger();

  @Test
  void closeWaitsForWhoHoldsItAndNobodyElseWaits() throws InterruptedException {
    lease.acquire();
    Thread closer = Thread.ofPlatform().start(() -> lease.close(freed::getAndIncrement));
    while (closer.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    assertThrows(ClosedException.class, lease::check);
    assertThrows(ClosedException.class, lease::acquire); // within a call
    CountDownLatch refused = new CountDownLatch(1);
    Thread.ofPlatform()
        .start(() -> {
          assertThrows(ClosedException.class, lease::acquire);
          refused.countDown();
        });
    refused.await(); // though the lease is still held
    assertEquals(0, freed.get());
    lease.release();
    closer.join();
    assertEquals(1, freed.get());
  }

  @Test
  void cannotBeClosedFromWithinAndStaysOpenThen() {
    lease.acquire();
    ClosedException e =
        assertThrows(ClosedException.class, () -> lease.close(freed::getAndIncrement));
    assertTrue(e.getMessage().contains("from within"), e.getMessage());
    lease.check();
    lease.release();
    lease.acquire();
    lease.release();
    assertEquals(0, freed.get());
  }

  @Test
  void closeThatFailsIsTriedAgainByTheNext() {
    IllegalStateException mine = new IllegalStateException("acquired");
    assertEquals(
        mine,
        assertThrows(
            IllegalStateException.class,
            () ->
                lease.close(() -> {
                  throw mine;
                })));
    assertThrows(ClosedException.class, lease::acquire);
    lease.close(freed::getAndIncrement);
    lease.close(freed::getAndIncrement);
    assertEquals(1, freed.get());
  }
}
