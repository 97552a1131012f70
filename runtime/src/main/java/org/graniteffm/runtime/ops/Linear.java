package org.graniteffm.runtime.ops;

import java.lang.foreign.MemorySegment;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * The weight of a linear layer where the file has it, {@code y = x · weightᵀ + bias}.
 *
 * @param weight {@code [outFeatures, inFeatures]} F32, F16 or BF16, contiguous, at any byte address
 * @param bias {@code [outFeatures]} f32, or null
 */
public record Linear(Tensor weight, MemorySegment bias) {
  /**
   * Checks the operands.
   *
   * @throws IllegalArgumentException if the weight is no contiguous matrix of a weight type, or the
   *     bias is too small
   */
  public Linear {
    if (weight.rank() != 2 || !weight.isContiguous() || !weight.dtype().isWeight()) {
      throw new IllegalArgumentException(
          "weight: " + weight + " is not a contiguous weight matrix");
    }
    if (bias != null && bias.byteSize() < weight.size(0) * Float.BYTES) {
      throw new IllegalArgumentException("bias: smaller than " + weight.size(0) + " floats");
    }
  }

  /**
   * Rows of the weight.
   *
   * @return elements of an output row
   */
  public int outFeatures() {
    return (int) weight.size(0);
  }

  /**
   * Columns of the weight.
   *
   * @return elements of an input row
   */
  public int inFeatures() {
    return (int) weight.size(1);
  }

  /**
   * Where a weight row starts.
   *
   * @param row from 0
   * @return offset in bytes
   */
  public long rowOffset(long row) {
    return row * inFeatures() * weight.dtype().byteSize();
  }

  /**
   * The kernels' number for a weight type.
   *
   * @param dtype F32, F16 or BF16
   * @return {@link Kernels#F32}, {@link Kernels#F16} or {@link Kernels#BF16}
   */
  public static int kernelType(DType dtype) {
    return switch (dtype) {
      case F32 -> Kernels.F32;
      case F16 -> Kernels.F16;
      case BF16 -> Kernels.BF16;
      default -> throw new IllegalArgumentException("dtype: " + dtype + " is no weight type");
    };
  }
}
