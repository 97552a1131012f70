package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import org.junit.jupiter.api.Test;

class ErrorsTest {
  @Test
  void barePathsGetWords() {
    assertEquals("p: no such file or folder", Errors.describe(new NoSuchFileException("p")));
    assertEquals("p: permission denied", Errors.describe(new AccessDeniedException("p")));
    assertEquals("p: not a folder", Errors.describe(new NotDirectoryException("p")));
    assertEquals("p: why", Errors.describe(new NoSuchFileException("p", null, "why")));
  }

  @Test
  void wrappedIoExceptionsAreUnwrapped() {
    assertEquals("x", Errors.describe(new UncheckedIOException(new IOException("x"))));
  }

  @Test
  void whatIsNoUsersFaultSaysSo() {
    assertEquals(
        "internal error, please report it (--debug shows where): java.lang.ClassCastException: x",
        Errors.describe(new ClassCastException("x")));
  }

  @Test
  void textBecomesOneLine() {
    assertEquals("a b c?d", Errors.oneLine("a\n  b\r\nc\u0007d\n"));
  }
}
