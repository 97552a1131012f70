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
 * <p>Each is in a class of its own, and so linked when it is first used: that takes some
 * milliseconds. To be touched after {@link NativeLibraries#load} only, or for OpenBLAS {@link
 * NativeLibraries#loadOpenblas}: the first use looks the symbol up.
 */
final class Handles {
  static final class ActMulF32 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_act_mul_f32$handle();
  }

  static final class AddRmsNormF32 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_add_rms_norm_f32$handle();
  }

  static final class AddScaledF32 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_add_scaled_f32$handle();
  }

  static final class AttentionBf16 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_attention_bf16$handle();
  }

  static final class AttentionF32 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_attention_f32$handle();
  }

  static final class AttentionProbsF32 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_attention_probs_f32$handle();
  }

  static final class Embed {
    static final MethodHandle HANDLE = granite_kernels_h.gk_embed$handle();
  }

  static final class GemmBf16 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_gemm_bf16$handle();
  }

  static final class GemmF32 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_gemm_f32$handle();
  }

  static final class GemmGroupedBf16 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_gemm_grouped_bf16$handle();
  }

  static final class GemvBf16 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_gemv_bf16$handle();
  }

  static final class GemvF16 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_gemv_f16$handle();
  }

  static final class GemvF32 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_gemv_f32$handle();
  }

  static final class Narrow {
    static final MethodHandle HANDLE = granite_kernels_h.gk_narrow$handle();
  }

  static final class PackBf16 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_pack_bf16$handle();
  }

  static final class ProbeRead {
    static final MethodHandle HANDLE = granite_kernels_h.gk_probe_read$handle();
  }

  static final class RmsNormF32 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_rms_norm_f32$handle();
  }

  static final class RopeF32 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_rope_f32$handle();
  }

  static final class SiluMulF32 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_silu_mul_f32$handle();
  }

  static final class SiluMulGemmBf16 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_silu_mul_gemm_bf16$handle();
  }

  static final class SiluMulGemmGroupedBf16 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_silu_mul_gemm_grouped_bf16$handle();
  }

  static final class TopKSoftmaxF32 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_top_k_softmax_f32$handle();
  }

  static final class WidenF32 {
    static final MethodHandle HANDLE = granite_kernels_h.gk_widen_f32$handle();
  }

  static final class Sgemm {
    static final MethodHandle HANDLE = openblas_h.cblas_sgemm$handle();
  }

  private Handles() {}

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
