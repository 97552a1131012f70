package org.graniteffm.bindings;

import java.lang.invoke.MethodHandle;
import org.graniteffm.bindings.generated.granite_kernels_h;
import org.graniteffm.bindings.generated.openblas_h;

/**
 * The downcall handles that the facades call, taken from the generated code.
 *
 * <p>The generated methods are not called themselves. The compiler usually has compiled them before
 * it comes to their caller, finds them too large to inline then, and so allocates every slice that
 * is passed to them: measured, some 8 KB for each token of a small model. A constant handle is
 * always inlined, and the slices are gone.
 *
 * <p>To be touched after {@link NativeLibraries#load} only: initialising this class looks the
 * symbols up.
 */
final class Handles {
  static final MethodHandle ACT_MUL_F32 = granite_kernels_h.gk_act_mul_f32$handle();
  static final MethodHandle ADD_RMS_NORM_F32 = granite_kernels_h.gk_add_rms_norm_f32$handle();
  static final MethodHandle ADD_SCALED_F32 = granite_kernels_h.gk_add_scaled_f32$handle();
  static final MethodHandle ATTENTION_BF16 = granite_kernels_h.gk_attention_bf16$handle();
  static final MethodHandle ATTENTION_F32 = granite_kernels_h.gk_attention_f32$handle();
  static final MethodHandle ATTENTION_PROBS_F32 = granite_kernels_h.gk_attention_probs_f32$handle();
  static final MethodHandle EMBED = granite_kernels_h.gk_embed$handle();
  static final MethodHandle GEMM_BF16 = granite_kernels_h.gk_gemm_bf16$handle();
  static final MethodHandle GEMM_GROUPED_BF16 = granite_kernels_h.gk_gemm_grouped_bf16$handle();
  static final MethodHandle GEMV_BF16 = granite_kernels_h.gk_gemv_bf16$handle();
  static final MethodHandle GEMV_F16 = granite_kernels_h.gk_gemv_f16$handle();
  static final MethodHandle GEMV_F32 = granite_kernels_h.gk_gemv_f32$handle();
  static final MethodHandle NARROW = granite_kernels_h.gk_narrow$handle();
  static final MethodHandle PACK_BF16 = granite_kernels_h.gk_pack_bf16$handle();
  static final MethodHandle PROBE_READ = granite_kernels_h.gk_probe_read$handle();
  static final MethodHandle RMS_NORM_F32 = granite_kernels_h.gk_rms_norm_f32$handle();
  static final MethodHandle ROPE_F32 = granite_kernels_h.gk_rope_f32$handle();
  static final MethodHandle SILU_MUL_F32 = granite_kernels_h.gk_silu_mul_f32$handle();
  static final MethodHandle SILU_MUL_GEMM_BF16 = granite_kernels_h.gk_silu_mul_gemm_bf16$handle();
  static final MethodHandle SILU_MUL_GEMM_GROUPED_BF16 =
      granite_kernels_h.gk_silu_mul_gemm_grouped_bf16$handle();
  static final MethodHandle TOP_K_SOFTMAX_F32 = granite_kernels_h.gk_top_k_softmax_f32$handle();
  static final MethodHandle WIDEN_F32 = granite_kernels_h.gk_widen_f32$handle();

  private Handles() {}

  /** OpenBLAS is loaded later, and not at all where nothing needs it. */
  static final class Openblas {
    static final MethodHandle SGEMM = openblas_h.cblas_sgemm$handle();

    private Openblas() {}
  }

  /**
   * What a downcall throws is unchecked, though its type does not say so.
   *
   * @return never
   */
  @SuppressWarnings("unchecked")
  static <T extends Throwable> RuntimeException rethrow(Throwable thrown) throws T {
    throw (T) thrown;
  }
}
