package org.graniteffm.runtime.verify;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.safetensors.SafetensorsFile;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * A safetensors file of inputs: its tensors copied out and checked for the types that forward
 * passes take. Lives as long as the arena it was opened with.
 */
public final class TensorSource {
  private final SafetensorsFile file;
  private final Arena arena;

  private TensorSource(SafetensorsFile file, Arena arena) {
    this.file = file;
    this.arena = arena;
  }

  /**
   * Opens a file.
   *
   * @param path a safetensors file
   * @param arena owns the mapping and all copies; a shared one if workers are to read them
   * @return the source
   * @throws ModelFormatException if the file is malformed
   * @throws IOException if it cannot be read
   */
  public static TensorSource open(Path path, Arena arena) throws IOException {
    return new TensorSource(SafetensorsFile.open(path, arena), arena);
  }

  /**
   * The names of all tensors.
   *
   * @return in the order of the file; unmodifiable
   */
  public Set<String> names() {
    return file.tensors().keySet();
  }

  /**
   * Whether there is a tensor.
   *
   * @param name its name
   * @return false if there is none
   */
  public boolean has(String name) {
    return file.tensors().containsKey(name);
  }

  /**
   * Copies a matrix of integers.
   *
   * @param name its name
   * @return {@code [rows][columns]}
   * @throws ModelFormatException if there is none, it is no I64 matrix, or a number does not fit 32
   *     bits; names file and tensor
   * @throws IOException if the file was cut short
   */
  public int[][] integers(String name) throws IOException {
    Tensor tensor = require(name);
    if (tensor.dtype() != DType.I64 || tensor.rank() != 2) {
      throw wrong(name, "I64 [batch, tokens]", tensor);
    }
    long[] values = longs(name);
    if (values.length == 0) {
      throw wrong(name, "at least one element", tensor); // and a bound for both dimensions
    }
    int columns = (int) tensor.size(1);
    int[][] rows = new int[(int) tensor.size(0)][columns];
    for (int i = 0; i < values.length; i++) {
      if (values[i] != (int) values[i]) {
        throw new ModelFormatException(
            "%s: tensor %s: %d at [%d, %d] does not fit 32 bits"
                .formatted(file.path(), Names.quote(name), values[i], i / columns, i % columns));
      }
      rows[i / columns][i % columns] = (int) values[i];
    }
    return rows;
  }

  /**
   * Copies a tensor of floats, aligned and contiguous.
   *
   * @param name its name
   * @return F32, of the file's shape
   * @throws ModelFormatException if there is none, or it is not F32; names file and tensor
   * @throws IOException if the file was cut short
   */
  public Tensor floats(String name) throws IOException {
    Tensor tensor = require(name);
    if (tensor.dtype() != DType.F32) {
      throw wrong(name, "F32", tensor);
    }
    Tensor copy = Tensor.allocate(arena, DType.F32, tensor.shape());
    try {
      MemorySegment.copy(tensor.segment(), 0, copy.segment(), 0, tensor.segment().byteSize());
    } catch (InternalError e) {
      throw tensor.cutShort(e);
    }
    return copy;
  }

  /**
   * Finds a tensor that must be there.
   *
   * @param name its name
   * @return the tensor in the mapped file
   * @throws ModelFormatException if there is none; names file and tensor
   */
  Tensor require(String name) throws ModelFormatException {
    Tensor tensor = file.tensors().get(name);
    if (tensor == null) {
      throw new ModelFormatException(
          "%s: tensor %s: is missing".formatted(file.path(), Names.quote(name)));
    }
    return tensor;
  }

  /** Copies the elements of an I64 tensor, row-major. */
  long[] longs(String name) throws IOException {
    Tensor tensor = require(name);
    if (tensor.dtype() != DType.I64) {
      throw wrong(name, "I64", tensor);
    }
    checkSize(name, tensor);
    try {
      return tensor.toLongArray();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /** Copies the elements of an F32 tensor, row-major. */
  float[] floatArray(String name) throws IOException {
    Tensor tensor = require(name);
    if (tensor.dtype() != DType.F32) {
      throw wrong(name, "F32", tensor);
    }
    checkSize(name, tensor);
    try {
      return tensor.toFloatArray();
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private void checkSize(String name, Tensor tensor) throws ModelFormatException {
    if (tensor.elementCount() > Integer.MAX_VALUE - 8) {
      throw wrong(name, "fewer than 2^31 elements", tensor);
    }
  }

  private ModelFormatException wrong(String name, String expected, Tensor found) {
    return new ModelFormatException(
        "%s: tensor %s: expected %s, found %s %s"
            .formatted(
                file.path(),
                Names.quote(name),
                expected,
                found.dtype(),
                Arrays.toString(found.shape())));
  }
}
