package org.graniteffm.runtime.verify;

import org.graniteffm.bindings.NativeLibraries;
import org.graniteffm.runtime.model.Precision;

/** What a forward pass computes in, which decides the tolerance it is held to. */
public enum Arithmetic {
  /** Single precision: every element counts, token ids are equal. */
  FLOAT32,
  /** Activations rounded to bfloat16 somewhere: relative root mean square, token ids are equal. */
  BFLOAT16;

  /**
   * What the kernels compute in.
   *
   * @param precision of the model
   * @return BFLOAT16 for {@link Precision#AUTO} on a tier that rounds; other tiers are held to what
   *     they can do
   */
  public static Arithmetic of(Precision precision) {
    boolean rounds = precision == Precision.AUTO && NativeLibraries.hasMatrixUnit();
    return rounds ? BFLOAT16 : FLOAT32;
  }
}
