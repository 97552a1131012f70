package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import org.graniteffm.bindings.NativeLibraryException;
import org.graniteffm.runtime.InsufficientMemoryException;
import org.graniteffm.runtime.generate.NonFiniteLogitsException;

/** Puts exceptions into one line for people. */
final class Errors {
  private static final int LONGEST = 1000;

  private Errors() {}

  /**
   * One line that names what went wrong, without the exception's class where its message will do.
   */
  static String describe(Throwable t) {
    return oneLine(
        switch (t) {
          case UncheckedIOException e -> describe(e.getCause());
          case FileSystemException e -> describeFile(e);
          case OutOfMemoryError e ->
              "out of memory: %s (the heap's limit is %d MiB; GRANITE_JAVA_OPTS=-Xmx2g sets 2 GiB)"
                  .formatted(e.getMessage(), Runtime.getRuntime().maxMemory() >> 20);
          case IOException e -> message(e);
          case IllegalArgumentException e -> message(e);
          case IllegalStateException e -> message(e);
          case IndexOutOfBoundsException e -> message(e);
          case NativeLibraryException e -> message(e);
          case InsufficientMemoryException e -> message(e);
          case NonFiniteLogitsException e -> message(e);
          default -> "internal error, please report it (--debug shows where): " + t;
        });
  }

  private static String message(Exception e) {
    return e.getMessage() == null ? e.toString() : e.getMessage();
  }

  /** The messages of these are often the bare path. */
  private static String describeFile(FileSystemException e) {
    String reason = e.getReason();
    if (reason == null) {
      reason =
          switch (e) {
            case NoSuchFileException _ -> "no such file or folder";
            case AccessDeniedException _ -> "permission denied";
            case NotDirectoryException _ -> "not a folder";
            case FileAlreadyExistsException _ -> "exists already";
            default -> e.getClass().getSimpleName();
          };
    }
    String other = e.getOtherFile() == null ? "" : " -> " + e.getOtherFile();
    return e.getFile() + other + ": " + reason;
  }

  /** Joins lines, replaces control characters, and cuts what is beyond all measure. */
  static String oneLine(String text) {
    String line = String.valueOf(text).strip().replaceAll("\\R\\s*", " ");
    line = line.replaceAll("\\p{Cntrl}", "?");
    return line.length() <= LONGEST ? line : line.substring(0, LONGEST) + "…";
  }
}
