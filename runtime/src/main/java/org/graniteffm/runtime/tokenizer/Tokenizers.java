package org.graniteffm.runtime.tokenizer;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;

/** Opens tokenizers. */
public final class Tokenizers {
  private Tokenizers() {}

  /**
   * Opens a tokenizer. Nothing is downloaded or reported to anybody.
   *
   * @param path a checkpoint's folder, or its {@code tokenizer.json}
   * @return the tokenizer; close it
   * @throws UnsupportedModelException if the file asks for a part that is not supported
   * @throws ModelFormatException if the file is malformed or inconsistent
   * @throws IOException if it cannot be read, or the tokenizer's native library cannot be loaded
   * @throws org.graniteffm.runtime.InsufficientMemoryException if the heap has no room for it
   */
  public static Tokenizer open(Path path) throws IOException {
    boolean folder =
        !Files.notExists(path)
            && Files.readAttributes(path, BasicFileAttributes.class).isDirectory();
    Path file = folder ? path.resolve("tokenizer.json") : path;
    return DjlTokenizer.open(TokenizerFile.read(file));
  }
}
