package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.ConcurrentUseException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

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

  /** A thread that holds a lease, then closes another, and what it was told. */
  private static final class Caller {
    private final Lease held;
    private final CountDownLatch mayClose = new CountDownLatch(1);
    private final Thread thread;
    private volatile ClosedException refusal;

    Caller(Lease held, Lease closed) {
      this.held = held;
      CountDownLatch holds = new CountDownLatch(1);
      thread =
          Thread.ofPlatform()
              .start(() -> {
                held.acquire();
                holds.countDown();
                try {
                  mayClose.await();
                  closed.close(() -> {});
                } catch (ClosedException e) {
                  refusal = e;
                } catch (InterruptedException e) {
                  throw new AssertionError(e);
                } finally {
                  held.release();
                }
              });
      awaitUninterruptibly(holds);
    }

    private static void awaitUninterruptibly(CountDownLatch latch) {
      try {
        latch.await();
      } catch (InterruptedException e) {
        throw new AssertionError(e);
      }
    }

    /** Closes, and waits. */
    void closeAndBlock() {
      mayClose.countDown();
      while (thread.getState() != Thread.State.WAITING || !isClosing()) {
        Thread.onSpinWait();
      }
    }

    /** In close, rather than before it. */
    private boolean isClosing() {
      return List.of(thread.getStackTrace()).stream()
          .anyMatch(frame -> frame.getMethodName().equals("close"));
    }
  }

  @Test
  @Timeout(60)
  void callsThatCloseEachOtherEnd() throws InterruptedException {
    List<Lease> ring = List.of(new Lease("zero"), new Lease("one"), new Lease("two"));
    List<Caller> callers = new ArrayList<>();
    for (int i = 0; i < 3; i++) {
      callers.add(new Caller(ring.get(i), ring.get((i + 1) % 3)));
    }
    callers.get(0).closeAndBlock(); // of zero, waits for one
    callers.get(1).closeAndBlock(); // of one, waits for two
    callers.get(2).mayClose.countDown(); // of two; zero would never be free
    for (Caller caller : callers) {
      caller.thread.join();
    }
    assertEquals(null, callers.get(0).refusal);
    assertEquals(null, callers.get(1).refusal);
    String said = callers.get(2).refusal.getMessage();
    assertTrue(said.contains("zero: cannot be closed here") && said.contains("two"), said);
    for (Lease closed : ring.subList(1, 3)) {
      assertThrows(ClosedException.class, closed::acquire);
    }
    Lease zero = callers.get(0).held; // as if nobody had tried
    zero.acquire();
    zero.release();
  }

  /** The close that waits, waits for a call in whose way this very call would be. */
  @Test
  @Timeout(60)
  void nobodyWaitsToStartACall() throws InterruptedException {
    Lease other = new Lease("other");
    Caller caller = new Caller(lease, other); // in a call of the lease, to close the other
    other.acquire();
    Thread closer = Thread.ofPlatform().start(() -> lease.close(freed::getAndIncrement));
    while (closer.getState() != Thread.State.WAITING) {
      Thread.onSpinWait();
    }
    caller.closeAndBlock();
    assertThrows(ClosedException.class, lease::acquire);
    other.release();
    closer.join();
    caller.thread.join();
    assertEquals(null, caller.refusal);
    assertEquals(1, freed.get());
  }

  @Test
  void onlyWhoHoldsItReleasesIt() throws InterruptedException {
    lease.acquire();
    AtomicReference<Throwable> thrown = new AtomicReference<>();
    Thread.ofPlatform()
        .start(() -> {
          try {
            lease.release();
          } catch (Throwable t) {
            thrown.set(t);
          }
        })
        .join();
    assertInstanceOf(ConcurrentUseException.class, thrown.get());
    lease.release();
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
