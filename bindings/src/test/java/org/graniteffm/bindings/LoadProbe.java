package org.graniteffm.bindings;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;

/**
 * The program that {@link NativeLibrariesTest} starts: says how loading went, in lines of {@code
 * key=value}.
 */
final class LoadProbe {
  private LoadProbe() {}

  public static void main(String[] args) throws IOException {
    boolean openblas = args.length > 0;
    RuntimeException first = attempt(openblas);
    if (first == null) {
      System.out.println("isa=" + NativeLibraries.activeIsa());
      System.out.println("source=" + NativeLibraries.kernelsSource());
    } else {
      System.out.println("failure=" + first);
      System.out.println("cause=" + first.getCause());
      System.out.println("again=" + Objects.equals(attempt(openblas), first));
    }
    System.out.println("openblas=" + isMapped("openblas"));
    Path temporary = Path.of(System.getProperty("java.io.tmpdir"));
    try (var left = Files.list(temporary)) {
      System.out.println("left=" + left.toList());
    }
  }

  private static RuntimeException attempt(boolean openblas) {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = arena.allocate(64, 4);
      MemorySegment y = arena.allocate(64, 4);
      Kernels.addScaled(x, 0, 16, y, 0, 16, 1, 1, 16);
      if (openblas) {
        Blas.sgemm(1, 1, 16, 1, x, 0, 16, x, 0, 16, 0, y, 0, 1);
      }
      return null;
    } catch (RuntimeException e) {
      return e;
    }
  }

  private static boolean isMapped(String library) throws IOException {
    Path maps = Path.of("/proc/self/maps");
    return Files.exists(maps) && Files.readString(maps).contains(library);
  }
}
