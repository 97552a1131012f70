package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Set;
import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.bindings.NativeLibraryException;
import org.graniteffm.bindings.UnsupportedIsaException;
import org.graniteffm.runtime.json.JsonReader;

/**
 * What takes long the first time and is the same for all models: done on a thread of its own while
 * options are read and files opened, which takes as long.
 */
final class EarlyStart {
  static final Set<String> COMPUTING =
      Set.of("run", "chat", "generate", "forward", "verify", "score", "embed", "bench");

  private final boolean begun;

  private EarlyStart(boolean begun) {
    this.begun = begun;
  }

  /**
   * Begins, if a command will compute.
   *
   * @param args of the program
   * @return to be ended
   */
  static EarlyStart begin(String[] args) {
    boolean begun = isFor(args);
    if (begun) {
      Thread.ofPlatform().daemon().name("granite-early").start(EarlyStart::run);
    }
    return new EarlyStart(begun);
  }

  static boolean isFor(String[] args) {
    return args.length > 1
        && COMPUTING.contains(args[0])
        && Arrays.stream(args).noneMatch(arg -> arg.equals("--help") || arg.equals("-h"));
  }

  private static void run() {
    try {
      NativeLibraries.load();
      // for the tables of numbers that the parser sets up
      JsonReader.parseObject(ByteBuffer.wrap("{}".getBytes(StandardCharsets.UTF_8)), "early");
      NativeLibraries.link();
    } catch (IOException | RuntimeException | OutOfMemoryError e) {
      // happens again to whoever needs it
    }
  }

  /** Waits until no file is left that was only for loading. */
  void end() {
    if (begun) {
      try {
        NativeLibraries.load();
      } catch (NativeLibraryException | UnsupportedIsaException e) {
        // told by the command, if it got so far
      }
    }
  }
}
