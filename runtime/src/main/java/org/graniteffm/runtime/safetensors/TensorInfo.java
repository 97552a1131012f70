package org.graniteffm.runtime.safetensors;

import org.graniteffm.runtime.tensor.DType;

/**
 * What a header says of one tensor: its type, its shape and its bytes.
 *
 * <p>Offsets are in bytes, counted from the end of the header; {@code end - begin} is what type and
 * shape need.
 */
final class TensorInfo {
  final String name;
  final DType dtype;
  final long[] shape;
  final long begin;
  final long end;

  TensorInfo(String name, DType dtype, long[] shape, long begin, long end) {
    this.name = name;
    this.dtype = dtype;
    this.shape = shape;
    this.begin = begin;
    this.end = end;
  }

  long byteSize() {
    return end - begin;
  }
}
