package org.graniteffm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Areas of memory with an inaccessible page before and behind each: a stray access ends the
 * process.
 */
final class GuardedMemory implements AutoCloseable {
  private static final long PAGE = 64 * 1024; // a multiple of every page size in use
  private static final int PROT_NONE = 0;

  private final Arena arena;
  private final MemorySegment memory;
  private final long area;

  private GuardedMemory(Arena arena, MemorySegment memory, long area) {
    this.arena = arena;
    this.memory = memory;
    this.area = area;
  }

  /** Areas of at least some bytes each. */
  static GuardedMemory allocate(long bytes, int areas) {
    long area = (bytes + PAGE - 1) / PAGE * PAGE;
    Arena arena = Arena.ofConfined();
    MemorySegment memory = arena.allocate((area + PAGE) * areas + PAGE, PAGE);
    for (int i = 0; i <= areas; i++) {
      protect(memory.asSlice(i * (area + PAGE), PAGE), PROT_NONE);
    }
    return new GuardedMemory(arena, memory, area);
  }

  /** The first or the last bytes of an area. */
  MemorySegment slice(int index, long bytes, boolean atEnd) {
    long start = index * (area + PAGE) + PAGE;
    return memory.asSlice(atEnd ? start + area - bytes : start, bytes);
  }

  @Override
  public void close() {
    int readAndWrite = 3;
    protect(memory, readAndWrite);
    arena.close();
  }

  @SuppressWarnings("restricted")
  private static void protect(MemorySegment pages, int protection) {
    Linker linker = Linker.nativeLinker();
    MethodHandle mprotect =
        linker.downcallHandle(
            linker.defaultLookup().findOrThrow("mprotect"),
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_LONG,
                ValueLayout.JAVA_INT));
    try {
      int status = (int) mprotect.invokeExact(pages, pages.byteSize(), protection);
      assertEquals(0, status, "mprotect");
    } catch (Throwable e) {
      throw new AssertionError(e);
    }
  }
}
