package org.graniteffm.runtime.safetensors;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.util.Objects;
import org.graniteffm.runtime.ModelFormatException;

/**
 * The header's bytes, read from the channel by position, and no byte behind them.
 *
 * <p>Remembers the first byte and the last that is not a space, since the format lets a header
 * begin with '{' and be padded with spaces, nothing else; JSON alone would also allow line breaks
 * and tabs.
 */
final class HeaderStream extends InputStream {
  private final FileChannel channel;
  private final String source;
  private final long end;
  private long position;
  private int first = -1;
  private int lastBeforePadding = -1;

  HeaderStream(FileChannel channel, long start, long length, String source) {
    this.channel = channel;
    this.source = source;
    this.position = start;
    this.end = start + length;
  }

  /** The first byte, or -1 before it was read. */
  int first() {
    return first;
  }

  /** The last byte read that is not a space, or -1 if there was none. */
  int lastBeforePadding() {
    return lastBeforePadding;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    Objects.checkFromIndexSize(offset, length, bytes.length);
    if (length == 0) {
      return 0;
    }
    if (position == end) {
      return -1;
    }
    int wanted = (int) Math.min(length, end - position);
    int count = channel.read(ByteBuffer.wrap(bytes, offset, wanted), position);
    if (count <= 0) {
      throw new ModelFormatException(source + ": cut short while its header was read");
    }
    if (first < 0) {
      first = bytes[offset] & 0xff;
    }
    position += count;
    for (int i = offset + count - 1; i >= offset; i--) {
      if (bytes[i] != ' ') {
        lastBeforePadding = bytes[i] & 0xff;
        break;
      }
    }
    return count;
  }
}
