package org.graniteffm.runtime;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;

/** Looks at files that are about to be opened. */
public final class RegularFile {
  private RegularFile() {}

  /**
   * Checks that a path leads to a regular file, as opening a pipe would block. Symbolic links are
   * followed.
   *
   * @param file any path
   * @return its size, age and key
   * @throws NoSuchFileException if there is nothing
   * @throws NotDirectoryException if its folder is none
   * @throws ModelFormatException if it is something else
   * @throws IOException if the file system does not say
   */
  public static BasicFileAttributes look(Path file) throws IOException {
    BasicFileAttributes attributes;
    try {
      attributes = Files.readAttributes(file, BasicFileAttributes.class);
    } catch (NoSuchFileException e) {
      Path folder = file.getParent();
      if (folder != null && Files.exists(folder) && !Files.isDirectory(folder)) {
        throw new NotDirectoryException(Names.path(folder));
      }
      NoSuchFileException named = new NoSuchFileException(Names.path(file), null, "no such file");
      named.initCause(e);
      throw named;
    }
    if (!attributes.isRegularFile()) {
      throw new ModelFormatException(Names.path(file) + ": not a regular file");
    }
    return attributes;
  }
}
