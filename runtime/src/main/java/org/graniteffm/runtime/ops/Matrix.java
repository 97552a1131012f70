package org.graniteffm.runtime.ops;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.tensor.NativeMemory;

/**
 * Scratch memory for activations: f32, {@code [rows, cols]}, contiguous. How many of the rows are
 * in use is told to each operation.
 *
 * @param segment at least {@code rows * cols * 4} bytes
 * @param rows how many there is room for
 * @param cols elements a row
 * @param packed room for the same rounded to bfloat16 and packed, for products on a matrix unit; or
 *     null, and then they are never rounded
 */
public record Matrix(MemorySegment segment, int rows, int cols, MemorySegment packed) {
  /**
   * Activations that are never rounded.
   *
   * @param segment at least {@code rows * cols * 4} bytes
   * @param rows how many there is room for
   * @param cols elements a row
   */
  public Matrix(MemorySegment segment, int rows, int cols) {
    this(segment, rows, cols, null);
  }

  /**
   * Allocates.
   *
   * @param arena owns the memory
   * @param rows how many
   * @param cols elements a row
   * @return zeros, 64-byte aligned
   * @throws org.graniteffm.runtime.InsufficientMemoryException if the memory cannot be had
   */
  public static Matrix allocate(Arena arena, int rows, int cols) {
    String purpose = "matrix [" + rows + ", " + cols + "]";
    long bytes = (long) rows * cols * Float.BYTES;
    return new Matrix(NativeMemory.allocate(arena, bytes, purpose), rows, cols);
  }

  /**
   * Allocates, with room for the packed form as well.
   *
   * @param arena owns the memory
   * @param rows how many
   * @param cols elements a row
   * @return zeros, 64-byte aligned
   * @throws org.graniteffm.runtime.InsufficientMemoryException if the memory cannot be had
   */
  public static Matrix allocatePackable(Arena arena, int rows, int cols) {
    String purpose = "packed matrix [" + rows + ", " + cols + "]";
    MemorySegment packed = NativeMemory.allocate(arena, Kernels.packedBytes(rows, cols), purpose);
    return new Matrix(allocate(arena, rows, cols).segment(), rows, cols, packed);
  }

  /**
   * Where a row starts.
   *
   * @param row from 0
   * @return offset in bytes
   */
  public long rowOffset(long row) {
    return row * cols * Float.BYTES;
  }
}
