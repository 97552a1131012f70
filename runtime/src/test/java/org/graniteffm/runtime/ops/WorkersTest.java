package org.graniteffm.runtime.ops;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class WorkersTest {
  private static int[] once(int slices) {
    int[] ones = new int[slices];
    Arrays.fill(ones, 1);
    return ones;
  }

  private static int[] counts(AtomicIntegerArray array) {
    int[] counts = new int[array.length()];
    for (int i = 0; i < counts.length; i++) {
      counts[i] = array.get(i);
    }
    return counts;
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3, 8})
  void everySliceRunsExactlyOnce(int threads) {
    try (Workers workers = Workers.of(threads)) {
      for (int round = 0; round < 20_000; round++) {
        int slices = round % 37;
        AtomicIntegerArray ran = new AtomicIntegerArray(slices);
        workers.run((slice, worker) -> ran.incrementAndGet(slice), slices);
        assertArrayEquals(once(slices), counts(ran), "round " + round);
      }
    }
  }

  @Test
  void noTwoSlicesHaveTheSameWorkerAtATime() {
    try (Workers workers = Workers.of(4)) {
      AtomicIntegerArray inside = new AtomicIntegerArray(workers.size());
      AtomicBoolean shared = new AtomicBoolean();
      for (int round = 0; round < 2_000; round++) {
        workers.run(
            (slice, worker) -> {
              if (inside.incrementAndGet(worker) != 1) {
                shared.set(true);
              }
              Thread.onSpinWait();
              inside.decrementAndGet(worker);
            },
            16);
      }
      assertFalse(shared.get());
    }
  }

  @Test
  void whatASliceWritesIsVisibleToTheCaller() {
    try (Workers workers = Workers.of(3)) {
      long[] plain = new long[64];
      for (int round = 1; round <= 5_000; round++) {
        int value = round;
        workers.run((slice, worker) -> plain[slice] += value, plain.length);
      }
      for (long sum : plain) {
        assertEquals(5_000L * 5_001 / 2, sum);
      }
    }
  }

  @Test
  void exceptionOfASliceReachesTheCallerAndThePoolGoesOn() {
    try (Workers workers = Workers.of(2)) {
      IllegalStateException thrown = new IllegalStateException("slice 5");
      for (int round = 0; round < 100; round++) {
        AtomicIntegerArray ran = new AtomicIntegerArray(8);
        IllegalStateException caught =
            assertThrows(
                IllegalStateException.class,
                () ->
                    workers.run(
                        (slice, worker) -> {
                          ran.incrementAndGet(slice);
                          if (slice == 5) {
                            throw thrown;
                          }
                        },
                        8));
        assertSame(thrown, caught);
        assertArrayEquals(once(8), counts(ran));
      }
      AtomicIntegerArray ran = new AtomicIntegerArray(8);
      workers.run((slice, worker) -> ran.incrementAndGet(slice), 8);
      assertArrayEquals(once(8), counts(ran));
    }
  }

  @Test
  void parallelCallersEachGetTheirOwnSlices() throws Exception {
    try (Workers workers = Workers.of(2);
        ExecutorService callers = Executors.newFixedThreadPool(4)) {
      Callable<Void> caller =
          () -> {
            for (int round = 0; round < 5_000; round++) {
              int[] ran = new int[9]; // plain: only this caller's slices touch it
              workers.run((slice, worker) -> ran[slice]++, ran.length);
              assertArrayEquals(once(9), ran);
            }
            return null;
          };
      List<Future<Void>> results = new ArrayList<>();
      for (int i = 0; i < 4; i++) {
        results.add(callers.submit(caller));
      }
      for (Future<Void> result : results) {
        result.get();
      }
    }
  }

  @Test
  void parkedWorkersWakeUp() throws InterruptedException {
    try (Workers workers = Workers.of(2)) {
      for (int round = 0; round < 50; round++) {
        Thread.sleep(2); // longer than they spin
        boolean[] both = new boolean[2];
        AtomicBoolean waiting = new AtomicBoolean(true);
        // slice 1 is taken first; whoever has it waits for the other slice, so a second thread must
        // come
        long deadline = System.nanoTime() + 20_000_000_000L;
        workers.run(
            (slice, worker) -> {
              both[slice] = true;
              if (slice == 0) {
                waiting.set(false);
              }
              while (slice == 1 && waiting.get() && System.nanoTime() < deadline) {
                Thread.onSpinWait();
              }
            },
            2);
        assertFalse(waiting.get(), "round " + round);
        assertTrue(both[0] && both[1]);
      }
    }
  }

  @Test
  void closedPoolRunsJobsOnTheCaller() {
    Workers workers = Workers.of(2);
    workers.close();
    Thread caller = Thread.currentThread();
    workers.run((slice, worker) -> assertSame(caller, Thread.currentThread()), 4);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, -1, 1025})
  void refusesAnImpossibleNumberOfThreads(int threads) {
    assertThrows(IllegalArgumentException.class, () -> Workers.of(threads));
  }
}
