package org.graniteffm.runtime.cli;

import java.io.BufferedOutputStream;
import java.io.FilterOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.util.Locale;
import java.util.Optional;

/**
 * Remembers why writing failed. Print streams only remember that it did, and whoever closes a pipe
 * has seen enough, while a full disk is an error.
 */
final class StandardOutput extends FilterOutputStream {
  private IOException first;

  StandardOutput(OutputStream out) {
    super(new BufferedOutputStream(out, 8192));
  }

  @Override
  public void write(int b) throws IOException {
    try {
      out.write(b);
    } catch (IOException e) {
      throw remember(e);
    }
  }

  @Override
  public void write(byte[] bytes, int from, int length) throws IOException {
    try {
      out.write(bytes, from, length);
    } catch (IOException e) {
      throw remember(e);
    }
  }

  @Override
  public void flush() throws IOException {
    try {
      out.flush();
    } catch (IOException e) {
      throw remember(e);
    }
  }

  private IOException remember(IOException e) {
    if (first == null) {
      first = e;
    }
    return e;
  }

  /** The first failure, unless it was that the reader went away. */
  Optional<String> failure() {
    if (first == null) {
      return Optional.empty();
    }
    String message = String.valueOf(first.getMessage());
    boolean readerGone = message.toLowerCase(Locale.ROOT).contains("broken pipe");
    return readerGone ? Optional.empty() : Optional.of(message);
  }
}
