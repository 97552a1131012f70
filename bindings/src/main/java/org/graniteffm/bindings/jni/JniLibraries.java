package org.graniteffm.bindings.jni;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;

/**
 * Loads a library that other people's classes call through JNI, the tokenizer's for instance. It is
 * here because this is the module with native access; the classes with the native methods must be
 * of the same class loader.
 */
public final class JniLibraries {
  private JniLibraries() {}

  /**
   * Copies a library into a fresh folder that only its owner can enter, loads it and removes the
   * copy.
   *
   * @param content the library's bytes, from a resource of the program; read to the end, not closed
   * @param fileName a plain file name
   * @throws IOException if it cannot be copied
   * @throws UnsatisfiedLinkError if the copy cannot be loaded
   */
  @SuppressWarnings("restricted")
  public static void load(InputStream content, String fileName) throws IOException {
    Path folder = freshFolder();
    Path file = folder.resolve(fileName);
    try {
      Files.copy(content, file);
      System.load(file.toAbsolutePath().toString());
    } finally {
      // What is mapped stays mapped. Systems that forbid it keep the copy until the process ends.
      if (!delete(file) || !delete(folder)) {
        folder.toFile().deleteOnExit();
        file.toFile().deleteOnExit();
      }
    }
  }

  private static Path freshFolder() throws IOException {
    if (!Path.of("").getFileSystem().supportedFileAttributeViews().contains("posix")) {
      return Files.createTempDirectory("granite-");
    }
    return Files.createTempDirectory(
        "granite-",
        PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
  }

  private static boolean delete(Path path) {
    try {
      Files.deleteIfExists(path);
      return true;
    } catch (IOException e) {
      return false;
    }
  }
}
