package org.graniteffm.runtime;

import java.io.IOException;
import java.nio.file.FileSystemException;
import java.nio.file.Path;

/** Puts the file into what the system says when reading, writing or mapping fails. */
public final class FileErrors {
  private FileErrors() {}

  /**
   * Names the file that an error is about. Opening, looking and moving name it themselves; what
   * fails on an open file says no more than "No space left on device".
   *
   * @param file what was read, written or mapped
   * @param e what came of it
   * @return an exception with path and reason, and {@code e} as its cause; {@code e} itself if it
   *     is of a kind that says more
   */
  public static IOException at(Path file, IOException e) {
    return at(file, null, e);
  }

  /**
   * Names both files of a copy.
   *
   * @param from what was read
   * @param to what was written
   * @param e what came of it
   * @return as above
   */
  public static IOException at(Path from, Path to, IOException e) {
    if (e.getClass() != IOException.class) {
      return e;
    }
    String other = to == null ? null : Names.path(to);
    FileSystemException named = new FileSystemException(Names.path(from), other, e.getMessage());
    named.initCause(e);
    return named;
  }
}
