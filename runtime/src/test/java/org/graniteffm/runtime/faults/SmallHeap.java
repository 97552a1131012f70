package org.graniteffm.runtime.faults;

import java.io.IOException;
import java.nio.file.Path;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.tokenizer.Tokenizers;
import org.graniteffm.runtime.verify.GoldenFolders;

/** The program of {@link MemoryFaultsTest} that opens files too large for its heap. */
final class SmallHeap {
  private interface Operation {
    void run() throws IOException;
  }

  private SmallHeap() {}

  public static void main(String[] arguments) throws IOException {
    refuseForHeap(() -> Checkpoint.open(Path.of(arguments[0])).close());
    refuseForHeap(() -> Checkpoint.open(Path.of(arguments[1])).close());
    refuseForHeap(() -> Tokenizers.open(Path.of(arguments[2])).close());
    GraniteConfig.load(GoldenFolders.bundled().resolve("granite_sharded")); // goes on
    System.out.println("all refused in order");
  }

  private static void refuseForHeap(Operation operation) throws IOException {
    try {
      operation.run();
      throw new AssertionError("there was room");
    } catch (InsufficientMemoryException e) {
      System.out.println(e.getMessage());
    }
  }
}
