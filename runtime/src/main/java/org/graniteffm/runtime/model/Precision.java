package org.graniteffm.runtime.model;

/** Whether activations may be rounded to bf16: for a faster unit of the CPU, or a smaller cache. */
public enum Precision {
  /**
   * As it goes fastest. Where bf16 weights make them, keys and values are rounded to bf16 on their
   * way into the cache. Where the CPU has a unit that multiplies bfloat16 matrices, and more than
   * 16 rows go through a layer, so are activations that meet bf16 weights: once, where frameworks
   * that compute in bf16 round all results. Everything else is as with {@link #F32}.
   */
  AUTO,
  /** Activations stay f32 throughout, and so does the cache. */
  F32;

  /** As the command line has it: {@code auto} or {@code f32}. */
  @Override
  public String toString() {
    return this == AUTO ? "auto" : "f32";
  }
}
