/* Chooses the function table once at load; see kernels.def for the list that everything here is made from. */

#include <stddef.h>
#include <string.h>

#include "kernels.h"

const char *const gk_tiers[] = {"scalar", "avx2", "avx512", NULL};

static const gk_table scalar_table = {
    .isa = "scalar",
#define GK_KERNEL(result, name, parameters, arguments) .name = name##_scalar,
#include "kernels.def"
#undef GK_KERNEL
};

#if defined(__x86_64__)

/*
 * Each tier names a function for every kernel: its own, or one from a tier below where more width
 * gains nothing. One left out would be NULL; test_dispatch looks for that.
 */
#define GK_AVX2_OVERRIDES                                                                      \
  .rms_norm_f32 = rms_norm_f32_avx2, .add_rms_norm_f32 = add_rms_norm_f32_avx2,                \
  .add_scaled_f32 = add_scaled_f32_avx2, .rope_f32 = rope_f32_avx2, .gemv_f32 = gemv_f32_avx2, \
  .gemv_f16 = gemv_f16_avx2, .gemv_bf16 = gemv_bf16_avx2, .silu_mul_f32 = silu_mul_f32_avx2,   \
  .top_k_softmax_f32 = top_k_softmax_f32_scalar, .act_mul_f32 = act_mul_f32_scalar,            \
  .attention_f32 = attention_f32_avx2, .attention_probs_f32 = attention_probs_f32_scalar,      \
  .embed = embed_avx2, .widen_f32 = widen_f32_avx2, .probe_read = probe_read_avx2,             \
  .probe_fma_f32 = probe_fma_f32_avx2

#define GK_AVX512_OVERRIDES                                                                \
  .rms_norm_f32 = rms_norm_f32_avx512, .add_rms_norm_f32 = add_rms_norm_f32_avx512,        \
  .add_scaled_f32 = add_scaled_f32_avx512, .rope_f32 = rope_f32_avx512,                    \
  .gemv_f32 = gemv_f32_avx512, .gemv_f16 = gemv_f16_avx512, .gemv_bf16 = gemv_bf16_avx512, \
  .silu_mul_f32 = silu_mul_f32_avx512, .top_k_softmax_f32 = top_k_softmax_f32_scalar,      \
  .act_mul_f32 = act_mul_f32_scalar, .attention_f32 = attention_f32_avx512,                \
  .attention_probs_f32 = attention_probs_f32_scalar, .embed = embed_avx512,                \
  .widen_f32 = widen_f32_avx512, .probe_read = probe_read_avx512,                          \
  .probe_fma_f32 = probe_fma_f32_avx512

static const gk_table avx2_table = {.isa = "avx2", GK_AVX2_OVERRIDES};
static const gk_table avx512_table = {.isa = "avx512", GK_AVX512_OVERRIDES};

static int cpu_has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
         __builtin_cpu_supports("f16c");
}

static int cpu_has_avx512(void) {
  return cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq");
}

#endif

const gk_table *gk_table_for(const char *isa) {
  if (strcmp(isa, "scalar") == 0) return &scalar_table;
#if defined(__x86_64__)
  if (strcmp(isa, "avx2") == 0 && cpu_has_avx2()) return &avx2_table;
  if (strcmp(isa, "avx512") == 0 && cpu_has_avx512()) return &avx512_table;
#endif
  return NULL;
}

static const gk_table *active = &scalar_table;

/* The best table whose tier is not above `cap`; NULL for an unknown cap. */
static const gk_table *best_up_to(const char *cap) {
  const gk_table *best = NULL;
  for (const char *const *tier = gk_tiers; *tier != NULL; tier++) {
    const gk_table *table = gk_table_for(*tier);
    if (table != NULL) best = table;
    if (cap != NULL && strcmp(*tier, cap) == 0) return best;
  }
  return cap == NULL ? best : NULL;
}

int32_t gk_abi_version(void) { return GK_ABI_VERSION; }

int32_t gk_set_max_isa(const char *name) {
  const gk_table *table = best_up_to(name);
  if (table == NULL) return GK_EINVAL;
  active = table;
  return GK_OK;
}

const char *gk_active_isa(void) { return active->isa; }

const char *gk_best_isa(void) { return best_up_to(NULL)->isa; }

#define GK_KERNEL(result, name, parameters, arguments) \
  result gk_##name parameters { return active->name arguments; }
#include "kernels.def"
#undef GK_KERNEL
