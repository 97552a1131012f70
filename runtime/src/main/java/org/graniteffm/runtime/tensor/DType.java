package org.graniteffm.runtime.tensor;

import java.util.HashMap;
import java.util.Map;

/**
 * Element types, under the names the safetensors format gives them; all little-endian.
 *
 * <p>Kernels compute with {@link #F32}, {@link #F16} and {@link #BF16}; the others can be opened
 * and looked at.
 */
public enum DType {
  /** Boolean, one byte. */
  BOOL(1),
  /** Unsigned 8-bit integer. */
  U8(1),
  /** Signed 8-bit integer. */
  I8(1),
  /** 8-bit float, 5 exponent and 2 mantissa bits. */
  F8_E5M2(1),
  /** 8-bit float, 4 exponent and 3 mantissa bits. */
  F8_E4M3(1),
  /** 8-bit scale, exponent only. */
  F8_E8M0(1),
  /** Signed 16-bit integer. */
  I16(2),
  /** Unsigned 16-bit integer. */
  U16(2),
  /** IEEE 754 binary16. */
  F16(2),
  /** The upper half of a binary32. */
  BF16(2),
  /** Signed 32-bit integer. */
  I32(4),
  /** Unsigned 32-bit integer. */
  U32(4),
  /** IEEE 754 binary32. */
  F32(4),
  /** IEEE 754 binary64. */
  F64(8),
  /** Signed 64-bit integer. */
  I64(8),
  /** Unsigned 64-bit integer. */
  U64(8),
  /** Two binary32: real and imaginary part. */
  C64(8);

  private static final Map<String, DType> BY_NAME = new HashMap<>();

  static {
    for (DType type : values()) {
      BY_NAME.put(type.name(), type);
    }
  }

  private final int byteSize;

  DType(int byteSize) {
    this.byteSize = byteSize;
  }

  /**
   * Bytes per element.
   *
   * @return 1, 2, 4 or 8
   */
  public int byteSize() {
    return byteSize;
  }

  /**
   * Whether kernels take weights of this type.
   *
   * @return true for F32, F16 and BF16
   */
  public boolean isWeight() {
    return this == F32 || this == F16 || this == BF16;
  }

  /**
   * Rounds to BF16: to the nearest value, to the even one of two; a NaN stays one.
   *
   * @param value any number; a finite one may become infinite
   * @return the bits
   */
  public static short floatToBfloat16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) ((bits >>> 16) | 0x40); // what says NaN might all be in the lower half
    }
    return (short) ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16);
  }

  /**
   * Finds a type by the name a safetensors header uses.
   *
   * @param name such as {@code "BF16"}
   * @return the type, or null if the name is none of these
   */
  public static DType byName(String name) {
    return BY_NAME.get(name);
  }
}
