package org.graniteffm.runtime.safetensors;

import java.io.IOException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.Objects;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.RegularFile;

/**
 * Which file a path leads to, and its size and age: what tells a changed file from a replaced one.
 *
 * <p>The key is null where the platform has none; then every file at the path passes for the same
 * one.
 */
record FileState(Object key, long size, FileTime modified) {
  /**
   * Looks at a file that is about to be opened. Symbolic links are followed.
   *
   * @throws NoSuchFileException if there is none
   * @throws ModelFormatException if it is not a regular file: opening a pipe would block
   */
  static FileState of(Path file) throws IOException {
    BasicFileAttributes attributes = RegularFile.look(file);
    return new FileState(attributes.fileKey(), attributes.size(), attributes.lastModifiedTime());
  }

  boolean isSameFile(FileState other) {
    return Objects.equals(key, other.key);
  }

  /** As generated ones do; but those are made at their first call, which takes 10 ms. */
  @Override
  public boolean equals(Object object) {
    return object instanceof FileState other
        && isSameFile(other)
        && size == other.size
        && modified.equals(other.modified);
  }

  /** Of the same parts. */
  @Override
  public int hashCode() {
    return Objects.hash(key, size, modified);
  }
}
