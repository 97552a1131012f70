package org.graniteffm.runtime.verify;

/** What a forward pass computes in, which decides the tolerance it is held to. */
public enum Arithmetic {
  /** Single precision: every element counts, token ids are equal. */
  FLOAT32,
  /** Activations rounded to bfloat16 somewhere: relative root mean square, token ids are equal. */
  BFLOAT16;

  /**
   * What the kernels compute in.
   *
   * @param precision {@code auto} for whatever is fastest, or {@code f32}
   * @param isa the tier in use
   * @return FLOAT32 for {@code f32}, and for tiers that have nothing faster: they are held to what
   *     they can do
   */
  public static Arithmetic of(String precision, String isa) {
    boolean exact =
        switch (isa) {
          case "scalar", "avx2", "avx512" -> true;
          default -> precision.equals("f32");
        };
    return exact ? FLOAT32 : BFLOAT16;
  }
}
