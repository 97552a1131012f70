package org.graniteffm.runtime.tensor;

import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Objects;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;

/**
 * A view of numbers in a memory segment: element type, shape and strides.
 *
 * <p>A tensor owns nothing: it lives as long as the arena of its segment, is as writable as the
 * segment, and copies nothing when it is sliced. Element {@code [i, j, …]} stands {@code i *
 * stride(0) + j * stride(1) + …} elements behind the segment's start, at any byte alignment.
 * Tensors are immutable and may be shared between threads; what they show may not be written by one
 * thread while another reads it.
 */
public final class Tensor {
  private static final int BLOCK = 1 << 12;
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfFloat FLOAT =
      ValueLayout.JAVA_FLOAT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfDouble DOUBLE =
      ValueLayout.JAVA_DOUBLE_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final Path file; // that the segment maps, or null
  private final MemorySegment segment;
  private final DType dtype;
  private final long[] shape;
  private final long[] strides;

  private Tensor(Path file, MemorySegment segment, DType dtype, long[] shape, long[] strides) {
    this.file = file;
    this.segment = segment;
    this.dtype = dtype;
    this.shape = shape;
    this.strides = strides;
  }

  /**
   * Views the start of a segment as a contiguous row-major tensor.
   *
   * @param segment holds at least the product of the shape times the element size in bytes
   * @param dtype the element type
   * @param shape dimensions, each at least 0; none for a scalar
   * @return the view, its segment cut to the exact size
   * @throws IllegalArgumentException if a dimension is negative or the shape's size exceeds a long
   * @throws IndexOutOfBoundsException if the segment is too small
   */
  public static Tensor of(MemorySegment segment, DType dtype, long... shape) {
    return ofFile(null, segment, dtype, shape);
  }

  /**
   * Views the start of a mapped segment as a contiguous row-major tensor that knows its file: where
   * its methods find that the file was cut short, they say so.
   *
   * @param file what the segment maps
   * @param segment holds at least the product of the shape times the element size in bytes
   * @param dtype the element type
   * @param shape dimensions, each at least 0; none for a scalar
   * @return the view, its segment cut to the exact size
   * @throws IllegalArgumentException if a dimension is negative or the shape's size exceeds a long
   * @throws IndexOutOfBoundsException if the segment is too small
   */
  public static Tensor ofFile(Path file, MemorySegment segment, DType dtype, long... shape) {
    Objects.requireNonNull(segment, "segment");
    long bytes = byteSize(dtype, shape);
    if (bytes > segment.byteSize()) {
      throw new IndexOutOfBoundsException(
          "tensor %s %s needs %d bytes, segment has %d"
              .formatted(dtype, Arrays.toString(shape), bytes, segment.byteSize()));
    }
    return new Tensor(file, segment.asSlice(0, bytes), dtype, shape.clone(), rowMajor(shape));
  }

  /**
   * Allocates a contiguous tensor of zeros, 64-byte aligned.
   *
   * @param arena owns the memory
   * @param dtype the element type
   * @param shape dimensions, each at least 0
   * @return the tensor
   * @throws IllegalArgumentException if a dimension is negative or the shape's size exceeds a long
   * @throws org.graniteffm.runtime.InsufficientMemoryException if the memory cannot be had
   */
  public static Tensor allocate(Arena arena, DType dtype, long... shape) {
    long bytes = byteSize(dtype, shape);
    String purpose = "tensor " + dtype + " " + Arrays.toString(shape);
    return of(NativeMemory.allocate(arena, bytes, purpose), dtype, shape);
  }

  /**
   * Allocates an F32 tensor and fills it.
   *
   * @param arena owns the memory
   * @param values row-major, as many as the shape has elements
   * @param shape dimensions
   * @return the tensor
   * @throws IllegalArgumentException if the number of values does not fit the shape
   */
  public static Tensor ofFloats(Arena arena, float[] values, long... shape) {
    Tensor tensor = allocate(arena, DType.F32, shape);
    if (tensor.elementCount() != values.length) {
      throw new IllegalArgumentException(
          "values: %d given for shape %s".formatted(values.length, Arrays.toString(shape)));
    }
    MemorySegment.copy(values, 0, tensor.segment, FLOAT, 0, values.length);
    return tensor;
  }

  /**
   * Allocates an I64 tensor and fills it.
   *
   * @param arena owns the memory
   * @param values row-major, as many as the shape has elements
   * @param shape dimensions
   * @return the tensor
   * @throws IllegalArgumentException if the number of values does not fit the shape
   */
  public static Tensor ofLongs(Arena arena, long[] values, long... shape) {
    Tensor tensor = allocate(arena, DType.I64, shape);
    if (tensor.elementCount() != values.length) {
      throw new IllegalArgumentException(
          "values: %d given for shape %s".formatted(values.length, Arrays.toString(shape)));
    }
    MemorySegment.copy(values, 0, tensor.segment, LONG, 0, values.length);
    return tensor;
  }

  /**
   * Bytes of a contiguous tensor.
   *
   * @param dtype the element type
   * @param shape dimensions
   * @return product of the dimensions times the element size
   * @throws IllegalArgumentException if a dimension is negative or the result exceeds a long
   */
  public static long byteSize(DType dtype, long... shape) {
    long bytes = dtype.byteSize();
    boolean empty = false;
    for (long dimension : shape) {
      if (dimension < 0) {
        throw new IllegalArgumentException(
            "shape: negative dimension in " + Arrays.toString(shape));
      }
      empty |= dimension == 0;
    }
    if (empty) {
      return 0;
    }
    try {
      for (long dimension : shape) {
        bytes = Math.multiplyExact(bytes, dimension);
      }
    } catch (ArithmeticException e) {
      throw new IllegalArgumentException(
          "shape: %s of %s exceeds 2^63 bytes".formatted(Arrays.toString(shape), dtype), e);
    }
    return bytes;
  }

  private static long[] rowMajor(long[] shape) {
    long[] strides = new long[shape.length];
    long stride = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      strides[i] = stride;
      stride *= Math.max(shape[i], 1);
    }
    return strides;
  }

  /**
   * The memory this tensor shows, cut to its extent.
   *
   * @return the segment; element 0 is at byte 0
   */
  public MemorySegment segment() {
    return segment;
  }

  /**
   * The element type.
   *
   * @return the type
   */
  public DType dtype() {
    return dtype;
  }

  /**
   * How many dimensions there are.
   *
   * @return 0 for a scalar
   */
  public int rank() {
    return shape.length;
  }

  /**
   * The dimensions.
   *
   * @return a copy
   */
  public long[] shape() {
    return shape.clone();
  }

  /**
   * One dimension.
   *
   * @param dimension from 0 to {@code rank() - 1}
   * @return its size
   */
  public long size(int dimension) {
    return shape[dimension];
  }

  /**
   * The distance between neighbours along a dimension.
   *
   * @param dimension from 0 to {@code rank() - 1}
   * @return in elements
   */
  public long stride(int dimension) {
    return strides[dimension];
  }

  /**
   * The number of elements.
   *
   * @return the product of the dimensions; 1 for a scalar
   */
  public long elementCount() {
    long count = 1;
    for (long dimension : shape) {
      count *= dimension;
    }
    return count;
  }

  /**
   * Whether the elements stand row-major without gaps.
   *
   * @return true also for tensors without elements
   */
  public boolean isContiguous() {
    long expected = 1;
    for (int i = shape.length - 1; i >= 0; i--) {
      if (shape[i] == 0) {
        return true;
      }
      if (shape[i] != 1 && strides[i] != expected) {
        return false;
      }
      expected *= shape[i];
    }
    return true;
  }

  /**
   * Whether the shape is this one.
   *
   * @param expected dimensions
   * @return true if they are all equal
   */
  public boolean hasShape(long... expected) {
    return Arrays.equals(shape, expected);
  }

  /**
   * A part of one dimension, without a copy.
   *
   * @param dimension from 0 to {@code rank() - 1}
   * @param from first index
   * @param to behind the last index
   * @return a view with {@code to - from} in that dimension
   * @throws IndexOutOfBoundsException if the range does not lie within the dimension
   */
  public Tensor slice(int dimension, long from, long to) {
    Objects.checkIndex(dimension, shape.length);
    Objects.checkFromToIndex(from, to, shape[dimension]);
    long[] newShape = shape.clone();
    newShape[dimension] = to - from;
    return view(from * strides[dimension], newShape, strides.clone());
  }

  /**
   * One index of the first dimension, without a copy: {@code [i]} of Python.
   *
   * @param index from 0 to {@code size(0) - 1}
   * @return a view of one dimension less
   * @throws IndexOutOfBoundsException if there is no such index
   */
  public Tensor get(long index) {
    Objects.checkIndex(0, shape.length);
    Objects.checkIndex(index, shape[0]);
    return view(
        index * strides[0],
        Arrays.copyOfRange(shape, 1, shape.length),
        Arrays.copyOfRange(strides, 1, strides.length));
  }

  private Tensor view(long offset, long[] newShape, long[] newStrides) {
    long extent = 1;
    for (int i = 0; i < newShape.length; i++) {
      if (newShape[i] == 0) {
        return new Tensor(file, segment.asSlice(0, 0), dtype, newShape, newStrides);
      }
      extent += (newShape[i] - 1) * newStrides[i];
    }
    MemorySegment part = segment.asSlice(offset * dtype.byteSize(), extent * dtype.byteSize());
    return new Tensor(file, part, dtype, newShape, newStrides);
  }

  /**
   * The same elements in another shape, without a copy.
   *
   * @param newShape as many elements as before
   * @return the view
   * @throws IllegalArgumentException if the number of elements differs
   * @throws IllegalStateException if this tensor is not contiguous
   */
  public Tensor reshape(long... newShape) {
    if (byteSize(dtype, newShape) != byteSize(dtype, shape)) {
      throw new IllegalArgumentException(
          "newShape: %s does not hold the elements of %s"
              .formatted(Arrays.toString(newShape), Arrays.toString(shape)));
    }
    if (!isContiguous()) {
      throw new IllegalStateException("a tensor with gaps cannot be reshaped: " + this);
    }
    return new Tensor(file, segment, dtype, newShape.clone(), rowMajor(newShape));
  }

  /**
   * Reads one element of a float type, widened.
   *
   * @param index one number for each dimension
   * @return the element of F32, F16, BF16 or F64
   * @throws IndexOutOfBoundsException if the index is outside the shape
   * @throws UnsupportedOperationException for other types
   * @throws UncheckedIOException if it is mapped from a file that was cut short
   * @throws ClosedException if its memory was freed
   */
  public float getFloat(long... index) {
    long offset = offset(index);
    try {
      return floatAt(offset);
    } catch (InternalError | IllegalStateException e) {
      throw unreadable(e);
    }
  }

  /**
   * Reads one element of an integer type.
   *
   * @param index one number for each dimension
   * @return the element of I64, I32, U8, I8 or BOOL
   * @throws IndexOutOfBoundsException if the index is outside the shape
   * @throws UnsupportedOperationException for other types
   * @throws UncheckedIOException if it is mapped from a file that was cut short
   * @throws ClosedException if its memory was freed
   */
  public long getLong(long... index) {
    long offset = offset(index);
    try {
      return longAt(offset);
    } catch (InternalError | IllegalStateException e) {
      throw unreadable(e);
    }
  }

  /**
   * Copies all elements out, row-major and widened.
   *
   * @return a new array
   * @throws UnsupportedOperationException for types other than F32, F16, BF16 and F64, or if there
   *     are more elements than an array holds
   * @throws UncheckedIOException if they are mapped from a file that was cut short
   * @throws ClosedException if their memory was freed
   */
  public float[] toFloatArray() {
    float[] out = new float[arrayLength()];
    try {
      if (dtype == DType.F32 && isContiguous()) {
        MemorySegment.copy(segment, FLOAT, 0, out, 0, out.length);
        return out;
      }
      if ((dtype == DType.F16 || dtype == DType.BF16) && isContiguous()) {
        widenInto(out);
        return out;
      }
      long[] index = new long[shape.length];
      for (int i = 0; i < out.length; i++, next(index)) {
        out[i] = floatAt(offset(index));
      }
      return out;
    } catch (InternalError | IllegalStateException e) {
      throw unreadable(e);
    }
  }

  /** Block by block: element by element takes long until it is compiled, which delays loading. */
  private void widenInto(float[] out) {
    short[] block = new short[Math.min(out.length, BLOCK)];
    for (int first = 0; first < out.length; first += block.length) {
      int count = Math.min(block.length, out.length - first);
      MemorySegment.copy(segment, SHORT, (long) first * Short.BYTES, block, 0, count);
      for (int i = 0; i < count; i++) {
        out[first + i] = widen(block[i]);
      }
    }
  }

  /**
   * Copies all elements out, row-major.
   *
   * @return a new array
   * @throws UnsupportedOperationException for types other than I64, I32, U8, I8 and BOOL, or if
   *     there are more elements than an array holds
   * @throws UncheckedIOException if they are mapped from a file that was cut short
   * @throws ClosedException if their memory was freed
   */
  public long[] toLongArray() {
    long[] out = new long[arrayLength()];
    try {
      long[] index = new long[shape.length];
      for (int i = 0; i < out.length; i++, next(index)) {
        out[i] = longAt(offset(index));
      }
      return out;
    } catch (InternalError | IllegalStateException e) {
      throw unreadable(e);
    }
  }

  private int arrayLength() {
    long count = elementCount();
    if (count > Integer.MAX_VALUE - 8) {
      throw new UnsupportedOperationException("more elements than an array holds: " + this);
    }
    return (int) count;
  }

  /**
   * What it means that reading the segment threw an error of the JVM: that is how it reports bytes
   * behind the new end of a mapped file. The tensor's own methods know; this is for code that reads
   * {@link #segment} itself.
   *
   * @param e what was caught
   * @return to be thrown: names the file
   * @throws InternalError itself if the tensor is in no file
   */
  public ModelFormatException cutShort(InternalError e) {
    if (file == null) {
      throw e;
    }
    return new ModelFormatException(Names.path(file) + ": was cut short while in use", e);
  }

  private RuntimeException unreadable(Throwable e) {
    if (e instanceof InternalError error) {
      ModelFormatException cause = cutShort(error);
      return new UncheckedIOException(cause.getMessage(), cause);
    }
    return new ClosedException("tensor " + this + ": its memory was freed");
  }

  /** Steps a row-major index; past the end it starts again at zero. */
  private void next(long[] index) {
    for (int i = shape.length - 1; i >= 0 && ++index[i] == shape[i]; i--) {
      index[i] = 0;
    }
  }

  private long offset(long[] index) {
    if (index.length != shape.length) {
      throw new IndexOutOfBoundsException(
          "index has %d dimensions, tensor %d".formatted(index.length, shape.length));
    }
    long offset = 0;
    for (int i = 0; i < index.length; i++) {
      offset += Objects.checkIndex(index[i], shape[i]) * strides[i];
    }
    return offset * dtype.byteSize();
  }

  private float floatAt(long offset) {
    return switch (dtype) {
      case F32 -> segment.get(FLOAT, offset);
      case F16, BF16 -> widen(segment.get(SHORT, offset));
      case F64 -> (float) segment.get(DOUBLE, offset);
      default -> throw new UnsupportedOperationException("not a float type: " + dtype);
    };
  }

  private float widen(short bits) {
    return dtype == DType.F16 ? Float.float16ToFloat(bits) : Float.intBitsToFloat(bits << 16);
  }

  private long longAt(long offset) {
    return switch (dtype) {
      case I64 -> segment.get(LONG, offset);
      case I32 -> segment.get(INT, offset);
      case I8 -> segment.get(ValueLayout.JAVA_BYTE, offset);
      case U8, BOOL -> segment.get(ValueLayout.JAVA_BYTE, offset) & 0xff;
      default -> throw new UnsupportedOperationException("not an integer type: " + dtype);
    };
  }

  /** Type and shape, such as {@code BF16 [4, 2048]}; not the elements. */
  @Override
  public String toString() {
    return dtype + " " + Arrays.toString(shape);
  }
}
