package org.graniteffm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.management.ThreadMXBean;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.time.Duration;
import org.junit.jupiter.api.Test;

/**
 * Once compiled, a call through the facade makes no garbage: decoding a token takes hundreds of
 * them.
 */
class AllocationTest {
  private static final int CALLS = 10_000;

  @Test
  void compiledCallsAllocateNothing() {
    ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    try (Arena arena = Arena.ofShared()) {
      MemorySegment x = arena.allocate(1024, 64);
      MemorySegment w = arena.allocate(4096, 64);
      MemorySegment out = arena.allocate(1024, 64);
      // The compiler takes its time, the more so on a busy machine: wait for it, but not for ever.
      long deadline = System.nanoTime() + Duration.ofSeconds(60).toNanos();
      long allocated;
      do {
        long before = threads.getCurrentThreadAllocatedBytes();
        for (int i = 0; i < CALLS; i++) {
          calls(x, w, out);
        }
        allocated = threads.getCurrentThreadAllocatedBytes() - before;
      } while (allocated != 0 && System.nanoTime() < deadline);
      assertEquals(0, allocated, "bytes in " + CALLS + " rounds of calls");
    }
  }

  private static void calls(MemorySegment x, MemorySegment w, MemorySegment out) {
    Kernels.gemv(Kernels.BF16, w, 2, 16, 4, 16, x, 4, 16, 1, 1, 0, out, 4, 4);
    Kernels.rmsNorm(x, 4, 16, w, 4, 1e-5f, 1, 16, out, 4, 16);
    Kernels.attention(
        x, 4, 32, 2, 1, w, 4, w, 2048, Kernels.BF16, 16, 3, null, 0, 16, 1, out, 4, 32);
    Kernels.narrow(x, 4, 16, 1, 16, out, 2, Kernels.BF16, 16);
  }
}
