package org.graniteffm.runtime.safetensors;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * Writes tensors row-major to a channel, through a buffer, so that strided rows cost no call each.
 *
 * <p>Copying first also keeps the kernel away from memory that may be a mapping cut short.
 */
final class TensorOutput {
  static final int BUFFER_BYTES = 1 << 20;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final FileChannel channel;
  private final ByteBuffer buffer =
      ByteBuffer.allocateDirect(BUFFER_BYTES).order(ByteOrder.LITTLE_ENDIAN);

  TensorOutput(FileChannel channel) {
    this.channel = channel;
  }

  void write(byte[] bytes) throws IOException {
    write(MemorySegment.ofArray(bytes), 0, bytes.length);
  }

  /**
   * Writes the elements without the gaps between rows.
   *
   * @param tensor of any type
   * @param dtype its own, or for a weight any weight type
   * @throws ArithmeticException if a finite weight becomes an infinite one
   */
  void write(Tensor tensor, DType dtype) throws IOException {
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
      if (dtype == tensor.dtype()) {
        write(tensor.segment(), offset * elementBytes, run * elementBytes);
      } else {
        convert(tensor, offset, run, dtype);
      }
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

  /** Writes so many neighbours as another weight type. */
  private void convert(Tensor tensor, long first, long count, DType to) throws IOException {
    MemorySegment from = tensor.segment();
    for (long i = first; i < first + count; i++) {
      float value =
          switch (tensor.dtype()) {
            case F32 -> from.get(FLOAT, i * Float.BYTES);
            case F16 -> Float.float16ToFloat(from.get(SHORT, i * Short.BYTES));
            case BF16 -> Float.intBitsToFloat(from.get(SHORT, i * Short.BYTES) << 16);
            default -> throw new IllegalArgumentException("not a weight: " + tensor);
          };
      if (buffer.remaining() < to.byteSize()) {
        flush();
      }
      switch (to) {
        case F32 -> buffer.putFloat(value);
        case F16 -> {
          short half = Float.floatToFloat16(value); // rounds to nearest even
          checkFinite(value, Float.float16ToFloat(half), to);
          buffer.putShort(half);
        }
        case BF16 -> {
          short half = DType.floatToBfloat16(value);
          checkFinite(value, Float.intBitsToFloat(half << 16), to);
          buffer.putShort(half);
        }
        default -> throw new IllegalArgumentException("not a weight type: " + to);
      }
    }
  }

  private static void checkFinite(float value, float rounded, DType to) {
    if (Float.isInfinite(rounded) && !Float.isInfinite(value)) {
      throw new ArithmeticException("value " + value + " is too large for " + to);
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
