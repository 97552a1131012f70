package org.graniteffm.runtime.safetensors;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * Writes tensors row-major to a channel, through a buffer, so that strided rows cost no call each.
 *
 * <p>Copying first also keeps the kernel away from memory that may be a mapping cut short.
 */
final class TensorOutput {
  private static final int BUFFER_BYTES = 1 << 20;

  private final FileChannel channel;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);

  TensorOutput(FileChannel channel) {
    this.channel = channel;
  }

  void write(byte[] bytes) throws IOException {
    write(MemorySegment.ofArray(bytes), 0, bytes.length);
  }

  /** Writes the elements without the gaps between rows. */
  void write(Tensor tensor) throws IOException {
    int rank = tensor.rank();
    // The last dimensions, as far as they stand without gaps, are one run.
    int outer = rank;
    long run = 1;
    while (outer > 0 && (tensor.size(outer - 1) == 1 || tensor.stride(outer - 1) == run)) {
      run *= tensor.size(--outer);
    }
    if (tensor.elementCount() == 0) {
      return;
    }
    int elementBytes = tensor.dtype().byteSize();
    long[] index = new long[outer];
    do {
      long offset = 0;
      for (int i = 0; i < outer; i++) {
        offset += index[i] * tensor.stride(i);
      }
      write(tensor.segment(), offset * elementBytes, run * elementBytes);
    } while (step(index, tensor));
  }

  /** Steps a row-major index; false once it is back at zero. */
  private static boolean step(long[] index, Tensor tensor) {
    for (int i = index.length - 1; i >= 0; i--) {
      if (++index[i] < tensor.size(i)) {
        return true;
      }
      index[i] = 0;
    }
    return false;
  }

  private void write(MemorySegment segment, long offset, long bytes) throws IOException {
    for (long done = 0; done < bytes; ) {
      if (!buffer.hasRemaining()) {
        flush();
      }
      int count = (int) Math.min(bytes - done, buffer.remaining());
      MemorySegment.copy(
          segment, offset + done, MemorySegment.ofBuffer(buffer), 0, count); // from its position
      buffer.position(buffer.position() + count);
      done += count;
    }
  }

  /** Hands what is buffered to the channel. */
  void flush() throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
    buffer.clear();
  }
}
