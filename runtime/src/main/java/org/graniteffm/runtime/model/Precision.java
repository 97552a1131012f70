package org.graniteffm.runtime.model;

/** Whether activations may be rounded on their way into a faster unit of the CPU. */
public enum Precision {
  /**
   * As the CPU does it fastest. Where it has a unit that multiplies bfloat16 matrices, and a pass
   * has more than 16 rows, activations that meet bf16 weights are rounded to bf16: once, where
   * frameworks that compute in bf16 round all results. Everywhere else this is {@link #F32}.
   */
  AUTO,
  /** Activations stay f32 throughout. */
  F32;

  /** As the command line has it: {@code auto} or {@code f32}. */
  @Override
  public String toString() {
    return this == AUTO ? "auto" : "f32";
  }
}
