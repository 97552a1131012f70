package org.graniteffm.runtime.hub;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashSet;
import java.util.Set;

/**
 * Keeps others from fetching the same content at the same time: other processes through a lock on a
 * file, other threads of this one through a set of names. Best effort, to save a transfer: nothing
 * depends on it, and a file system without locks does without. (Locks of Java and those of Python
 * are of different kinds on Linux, except on network disks.)
 */
final class FileLock implements AutoCloseable {
  private static final long POLL_MILLIS = 100;

  // Systems drop all locks that a process has on a file as soon as it closes that file once, so no
  // second thread may even open it.
  private static final Set<Path> HELD = new HashSet<>();

  private final Path path;
  private FileChannel channel;

  private FileLock(Path path) {
    this.path = path;
  }

  /**
   * Waits for a lock.
   *
   * @param file the file to lock, made if there is none
   * @return the lock, to be closed by any thread
   * @throws InterruptedException if interrupted while waiting
   * @throws IOException if the file cannot be made
   */
  static FileLock acquire(Path file) throws IOException, InterruptedException {
    Files.createDirectories(file.getParent());
    FileLock lock = new FileLock(file.toAbsolutePath().normalize());
    synchronized (HELD) {
      while (!HELD.add(lock.path)) {
        HELD.wait();
      }
    }
    boolean done = false;
    try {
      lock.lockChannel();
      done = true;
      return lock;
    } finally {
      if (!done) {
        lock.close();
      }
    }
  }

  private void lockChannel() throws IOException, InterruptedException {
    channel = FileChannel.open(path, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
    while (true) {
      try {
        if (channel.tryLock() != null) {
          return;
        }
      } catch (IOException e) {
        if (!channel.isOpen()) {
          throw e;
        }
        return; // this file system has no locks
      }
      Thread.sleep(POLL_MILLIS);
    }
  }

  @Override
  public void close() throws IOException {
    try {
      if (channel != null) {
        channel.close();
      }
    } finally {
      synchronized (HELD) {
        HELD.remove(path);
        HELD.notifyAll();
      }
    }
  }
}
