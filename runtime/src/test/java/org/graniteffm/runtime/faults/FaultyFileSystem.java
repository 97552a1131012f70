package org.graniteffm.runtime.faults;

import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.CopyOption;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemException;
import java.nio.file.FileSystems;
import java.nio.file.LinkOption;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileAttribute;
import java.util.Iterator;
import java.util.Set;
import org.apache.lucene.tests.mockfile.FilterFileChannel;
import org.apache.lucene.tests.mockfile.FilterFileSystemProvider;

/** The real files, of whose operations the n-th fails. Deletions do not: they clean up. */
final class FaultyFileSystem extends FilterFileSystemProvider {
  private int left;
  private String failed;

  FaultyFileSystem() {
    super("faulty", FileSystems.getDefault());
  }

  /** The same file or folder, seen through this. */
  Path path(Path real) {
    return wrapPath(real);
  }

  /** From now on, lets n - 1 operations pass and fails the next; 0 fails none. */
  void failAt(int n) {
    left = n;
    failed = null;
  }

  /** The operation that failed, or null if there were not so many. */
  String failed() {
    return failed;
  }

  private void operation(String name, Path path) throws IOException {
    if (fails(name)) {
      throw new FileSystemException(String.valueOf(path), null, "fault in " + name);
    }
  }

  /** What is done to an open file: then the system names none. */
  private void operation(String name) throws IOException {
    if (fails(name)) {
      throw new IOException("fault in " + name);
    }
  }

  private boolean fails(String name) {
    if (--left != 0) {
      return false;
    }
    failed = name;
    return true;
  }

  @Override
  public <A extends BasicFileAttributes> A readAttributes(
      Path path, Class<A> type, LinkOption... options) throws IOException {
    operation("readAttributes", path);
    return super.readAttributes(path, type, options);
  }

  @Override
  public void createDirectory(Path path, FileAttribute<?>... attributes) throws IOException {
    operation("createDirectory", path);
    super.createDirectory(path, attributes);
  }

  @Override
  public void move(Path from, Path to, CopyOption... options) throws IOException {
    operation("move", from);
    super.move(from, to, options);
  }

  @Override
  public DirectoryStream<Path> newDirectoryStream(
      Path folder, DirectoryStream.Filter<? super Path> filter) throws IOException {
    operation("open", folder);
    DirectoryStream<Path> entries = super.newDirectoryStream(folder, filter);
    return new DirectoryStream<>() {
      @Override
      public Iterator<Path> iterator() {
        if (fails("list")) {
          throw new DirectoryIteratorException(new IOException("fault in list"));
        }
        return entries.iterator();
      }

      @Override
      public void close() throws IOException {
        entries.close();
      }
    };
  }

  @Override
  public InputStream newInputStream(Path path, OpenOption... options) throws IOException {
    operation("open", path);
    return new FilterInputStream(super.newInputStream(path, options)) {
      @Override
      public int read() throws IOException {
        operation("read");
        return super.read();
      }

      @Override
      public int read(byte[] bytes, int offset, int length) throws IOException {
        operation("read");
        return super.read(bytes, offset, length);
      }
    };
  }

  @Override
  public FileChannel newFileChannel(
      Path path, Set<? extends OpenOption> options, FileAttribute<?>... attributes)
      throws IOException {
    operation("open", path);
    return new Channel(super.newFileChannel(path, options, attributes));
  }

  private final class Channel extends FilterFileChannel {
    Channel(FileChannel delegate) {
      super(delegate);
    }

    @Override
    public long size() throws IOException {
      operation("size");
      return super.size();
    }

    @Override
    public int read(ByteBuffer to) throws IOException {
      operation("read");
      return super.read(to);
    }

    @Override
    public int read(ByteBuffer to, long position) throws IOException {
      operation("read");
      return super.read(to, position);
    }

    @Override
    public int write(ByteBuffer from) throws IOException {
      operation("write");
      if (from.remaining() > 1) { // a disk that fills up takes a part first
        int limit = from.limit();
        from.limit(from.position() + from.remaining() / 2);
        int count = super.write(from);
        from.limit(limit);
        return count;
      }
      return super.write(from);
    }

    @Override
    public void force(boolean metaData) throws IOException {
      operation("force");
      super.force(metaData);
    }

    @Override
    public MemorySegment map(MapMode mode, long offset, long size, Arena arena) throws IOException {
      operation("map");
      return delegate.map(mode, offset, size, arena);
    }
  }
}
