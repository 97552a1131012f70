package org.graniteffm.runtime.hub;

import java.io.Closeable;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.IntStream;
import org.graniteffm.runtime.FileErrors;

/**
 * A file that is being fetched in parts, over several connections and perhaps in several attempts.
 *
 * <p>The data stands where it will stand in the end. Beside it a journal says how much of each part
 * is there:
 *
 * <pre>
 * u64 magic   u64 size of the file   u64 size of a part   u64 bytes of part 0, of part 1, …
 * </pre>
 *
 * little-endian, and never ahead of what was written. A journal that does not fit is ignored, and
 * the file begun anew. The names are not those of huggingface_hub, which takes the length of its
 * own incomplete files for what is there. Should two processes fetch one file in spite of the lock,
 * both write the same bytes to the same places.
 *
 * <p>Different threads may write to different parts at the same time.
 */
final class PartialFile implements Closeable {
  private static final long MAGIC = 0x31_74_72_61_70_6b_67_00L;
  private static final int HEADER = 3 * Long.BYTES;

  /** How much may be fetched again because the journal does not have it yet. */
  private static final long UNRECORDED = 1 << 20;

  private static final int HASH_BLOCK = 1 << 20;

  private final Path path;
  private final Path journalPath;
  private final long size;
  private final long partSize;
  private final FileChannel data;
  private final FileChannel journal;
  private final long[] done;
  private final long[] recorded;

  private PartialFile(
      Path path,
      Path journalPath,
      long size,
      long partSize,
      FileChannel data,
      FileChannel journal,
      int parts) {
    this.path = path;
    this.journalPath = journalPath;
    this.size = size;
    this.partSize = partSize;
    this.data = data;
    this.journal = journal;
    done = new long[parts];
    recorded = new long[parts];
  }

  /**
   * Goes on with a file, or begins it.
   *
   * @param blob the name it will have in the end
   * @param size its size in bytes
   * @param partSize most bytes of a part
   * @param fresh whether to ignore what is there of it
   */
  static PartialFile open(Path blob, long size, long partSize, boolean fresh) throws IOException {
    Path path = blob.resolveSibling(blob.getFileName() + ".granite.incomplete");
    Path journalPath = blob.resolveSibling(blob.getFileName() + ".granite-parts.incomplete");
    int parts = Math.toIntExact(Math.max(1, Math.ceilDiv(size, partSize)));
    FileChannel data = openChannel(path);
    PartialFile file = null;
    try {
      FileChannel journal = openChannel(journalPath);
      file = new PartialFile(path, journalPath, size, partSize, data, journal, parts);
      if (fresh || !file.readJournal()) {
        file.begin();
      }
      return file;
    } catch (IOException | RuntimeException | Error e) {
      if (file == null) {
        data.close();
      } else {
        file.close();
      }
      throw e;
    }
  }

  private static FileChannel openChannel(Path path) throws IOException {
    return FileChannel.open(
        path, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
  }

  private boolean readJournal() throws IOException {
    ByteBuffer bytes = buffer(HEADER + done.length * Long.BYTES);
    if (journal.size() != bytes.capacity() || data.size() > size) {
      return false;
    }
    while (bytes.hasRemaining()) {
      if (journal.read(bytes, bytes.position()) < 0) {
        return false;
      }
    }
    bytes.flip();
    if (bytes.getLong() != MAGIC || bytes.getLong() != size || bytes.getLong() != partSize) {
      return false;
    }
    for (int part = 0; part < done.length; part++) {
      long bytesDone = bytes.getLong();
      boolean fits = bytesDone >= 0 && bytesDone <= end(part) - begin(part);
      if (!fits || (bytesDone > 0 && begin(part) + bytesDone > data.size())) {
        return false;
      }
      done[part] = bytesDone;
      recorded[part] = bytesDone;
    }
    return true;
  }

  private void begin() throws IOException {
    data.truncate(0);
    ByteBuffer bytes = buffer(HEADER + done.length * Long.BYTES);
    bytes.putLong(MAGIC).putLong(size).putLong(partSize);
    writeFully(journalPath, journal, bytes.position(0), 0);
    journal.truncate(bytes.capacity());
    Arrays.fill(done, 0);
    Arrays.fill(recorded, 0);
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private static void writeFully(Path path, FileChannel channel, ByteBuffer bytes, long position)
      throws IOException {
    long at = position;
    try {
      while (bytes.hasRemaining()) {
        at += channel.write(bytes, at);
      }
    } catch (IOException e) {
      throw FileErrors.at(path, e);
    }
  }

  long size() {
    return size;
  }

  int parts() {
    return done.length;
  }

  /** The first byte of a part. */
  long begin(int part) {
    return part * partSize;
  }

  /** The byte after the last one of a part. */
  long end(int part) {
    return Math.min(size, (part + 1L) * partSize);
  }

  /** The first byte of a part that is missing; its end if none is. */
  long position(int part) {
    return begin(part) + done[part];
  }

  boolean isDone(int part) {
    return position(part) == end(part);
  }

  /** The parts that are not done, in order. */
  List<Integer> missing() {
    return IntStream.range(0, done.length).filter(part -> !isDone(part)).boxed().toList();
  }

  /** How many bytes are there. */
  long bytesDone() {
    long sum = 0;
    for (long bytes : done) {
      sum += bytes;
    }
    return sum;
  }

  /** Forgets what is there, since a server sends everything again. */
  void restart() throws IOException {
    begin();
  }

  /** Appends to a part; no more than is missing. */
  void append(int part, ByteBuffer bytes) throws IOException {
    int count = bytes.remaining();
    writeFully(path, data, bytes, position(part));
    done[part] += count;
    if (done[part] - recorded[part] >= UNRECORDED || isDone(part)) {
      record(part);
    }
  }

  private void record(int part) throws IOException {
    ByteBuffer bytes = buffer(Long.BYTES).putLong(0, done[part]);
    writeFully(journalPath, journal, bytes, HEADER + (long) part * Long.BYTES);
    recorded[part] = done[part];
  }

  /**
   * Computes what the content is known by.
   *
   * @param etag a sha256 in hexadecimal, or the sha1 that git gives a blob of this content
   * @return the same kind of sum of what is there
   */
  String sum(String etag) throws IOException {
    MessageDigest digest;
    try {
      digest = MessageDigest.getInstance(etag.length() == 64 ? "SHA-256" : "SHA-1");
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e); // every Java has both
    }
    if (etag.length() != 64) {
      digest.update(("blob " + size + "\0").getBytes(StandardCharsets.US_ASCII));
    }
    ByteBuffer block = ByteBuffer.allocate(HASH_BLOCK);
    for (long at = 0; at < size; ) {
      int read = data.read(block.clear(), at);
      if (read < 0) {
        break; // cut short by someone: the sum will tell
      }
      digest.update(block.flip());
      at += read;
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  /** Gives the complete file its name; what had it before is replaced. */
  void place(Path blob) throws IOException {
    try {
      data.force(true);
    } catch (IOException e) {
      throw FileErrors.at(path, e);
    }
    close();
    try {
      Files.move(path, blob, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    } catch (NoSuchFileException e) {
      if (!Files.isRegularFile(blob)) { // else another process was there first
        throw e;
      }
    }
    Files.deleteIfExists(journalPath);
  }

  /** Deletes what is there. */
  void delete() throws IOException {
    close();
    Files.deleteIfExists(path);
    Files.deleteIfExists(journalPath);
  }

  /** Leaves what is there for another attempt. A second call does nothing. */
  @Override
  public void close() throws IOException {
    try (data;
        journal) {
      if (journal.isOpen()) {
        for (int part = 0; part < done.length; part++) {
          if (done[part] != recorded[part]) {
            record(part);
          }
        }
      }
    }
  }
}
