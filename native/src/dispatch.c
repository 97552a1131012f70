/* Chooses the function table once at load; see kernels.def for the list that everything here is made from. */

#define _DEFAULT_SOURCE /* syscall() under -std=c11 */

#include <stddef.h>
#include <string.h>
#if defined(GK_X86_TIERS)
#include <cpuid.h>
#endif
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "kernels.h"

/* What gk_amx_status says. */
#define GK_AMX_USABLE "usable"
#define GK_AMX_MISSING "not in this CPU"
#define GK_AMX_OFF "switched off by the operating system"
#define GK_AMX_REFUSED "refused by the operating system"

const char *const gk_tiers[] = {"scalar", "avx2", "avx512", "amx", NULL};

static const gk_table scalar_table = {
    .isa = "scalar",
#define GK_KERNEL(result, name, parameters, arguments) .name = name##_scalar,
#include "kernels.def"
#undef GK_KERNEL
};

#if defined(GK_X86_TIERS)

/*
 * Each tier names a function for every kernel: its own, or one from a tier below where more width
 * gains nothing. One left out would be NULL; test_dispatch looks for that.
 */
#define GK_NO_MATRIX_UNIT                                                                         \
  .pack_bf16 = pack_bf16_scalar, .gemm_bf16 = gemm_bf16_scalar,                                   \
  .gemm_grouped_bf16 = gemm_grouped_bf16_scalar, .silu_mul_gemm_bf16 = silu_mul_gemm_bf16_scalar, \
  .silu_mul_gemm_grouped_bf16 = silu_mul_gemm_grouped_bf16_scalar, .probe_bf16 = probe_bf16_scalar

#define GK_AVX2_OVERRIDES                                                                      \
  .rms_norm_f32 = rms_norm_f32_avx2, .add_rms_norm_f32 = add_rms_norm_f32_avx2,                \
  .add_scaled_f32 = add_scaled_f32_avx2, .rope_f32 = rope_f32_avx2, .gemv_f32 = gemv_f32_avx2, \
  .gemv_f16 = gemv_f16_avx2, .gemv_bf16 = gemv_bf16_avx2, .gemm_f32 = gemm_f32_avx2,           \
  .silu_mul_f32 = silu_mul_f32_avx2, .top_k_softmax_f32 = top_k_softmax_f32_scalar,            \
  .act_mul_f32 = act_mul_f32_scalar, .attention_f32 = attention_f32_avx2,                      \
  .attention_bf16 = attention_f32_avx2, .attention_probs_f32 = attention_probs_f32_scalar,     \
  .embed = embed_avx2, .widen_f32 = widen_f32_avx2, .narrow = narrow_avx2,                     \
  .probe_read = probe_read_avx2, .probe_fma_f32 = probe_fma_f32_avx2, GK_NO_MATRIX_UNIT

#define GK_AVX512_OVERRIDES                                                                 \
  .rms_norm_f32 = rms_norm_f32_avx512, .add_rms_norm_f32 = add_rms_norm_f32_avx512,         \
  .add_scaled_f32 = add_scaled_f32_avx512, .rope_f32 = rope_f32_avx512,                     \
  .gemv_f32 = gemv_f32_avx512, .gemv_f16 = gemv_f16_avx512, .gemv_bf16 = gemv_bf16_avx512,  \
  .gemm_f32 = gemm_f32_avx512, .silu_mul_f32 = silu_mul_f32_avx512,                         \
  .top_k_softmax_f32 = top_k_softmax_f32_scalar, .act_mul_f32 = act_mul_f32_scalar,         \
  .attention_f32 = attention_f32_avx512, .attention_probs_f32 = attention_probs_f32_scalar, \
  .embed = embed_avx512, .widen_f32 = widen_f32_avx512, .narrow = narrow_avx512,            \
  .probe_read = probe_read_avx512, .probe_fma_f32 = probe_fma_f32_avx512

static const gk_table avx2_table = {.isa = "avx2", GK_AVX2_OVERRIDES};
static const gk_table avx512_table = {.isa = "avx512",
                                      GK_AVX512_OVERRIDES,
                                      GK_NO_MATRIX_UNIT,
                                      .attention_bf16 = attention_f32_avx512};

/* The tile unit multiplies bfloat16 matrices; all else is that of avx512. */
static const gk_table amx_table = {.isa = "amx",
                                   GK_AVX512_OVERRIDES,
                                   .pack_bf16 = pack_bf16_amx,
                                   .gemm_bf16 = gemm_bf16_amx,
                                   .gemm_grouped_bf16 = gemm_grouped_bf16_amx,
                                   .silu_mul_gemm_bf16 = silu_mul_gemm_bf16_amx,
                                   .silu_mul_gemm_grouped_bf16 = silu_mul_gemm_grouped_bf16_amx,
                                   .attention_bf16 = attention_bf16_amx,
                                   .probe_bf16 = probe_bf16_amx};

/* Clang 16 knows no such name. That the system saves the registers, AVX2 has been asked for. */
static int cpu_has_f16c(void) {
  unsigned eax, ebx, ecx = 0, edx;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & bit_F16C) != 0;
}

static int cpu_has_avx2(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && cpu_has_f16c();
}

#if defined(GK_EMULATED_TIERS) /* in tests alone: see native/test/emulated */

static int cpu_has_avx512(void) { return cpu_has_avx2(); }
static const char *find_amx(void) { return cpu_has_avx2() ? GK_AMX_USABLE : GK_AMX_MISSING; }

#else

static int cpu_has_avx512(void) {
  return cpu_has_avx2() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
         __builtin_cpu_supports("avx512dq");
}

/*
 * Tiles need more than a CPU that has them: a kernel that saves them with a thread's state, and
 * its leave to use them, which it gives to the whole process at once.
 */
static const char *find_amx(void) {
  unsigned a, b, c, d;
  if (!cpu_has_avx512() || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return GK_AMX_MISSING;
  const unsigned amx_bf16 = 1u << 22, amx_tile = 1u << 24, avx512_bf16 = 1u << 5;
  if ((d & amx_bf16) == 0 || (d & amx_tile) == 0) return GK_AMX_MISSING;
  if (!__get_cpuid_count(7, 1, &a, &b, &c, &d) || (a & avx512_bf16) == 0) return GK_AMX_MISSING;
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  const unsigned tile_config = 1u << 17, tile_data = 1u << 18;
  if ((low & tile_config) == 0 || (low & tile_data) == 0) return GK_AMX_OFF;
#if defined(__linux__)
  enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 }; /* ARCH_REQ_XCOMP_PERM, since Linux 5.16 */
  if (syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) != 0) return GK_AMX_REFUSED;
  return GK_AMX_USABLE;
#else
  return GK_AMX_REFUSED;
#endif
}

#endif /* GK_EMULATED_TIERS */

#endif /* GK_X86_TIERS */

const char *gk_amx_status(void) {
#if defined(GK_X86_TIERS)
  static const char *status = NULL; /* the same, whoever is first */
  if (status == NULL) status = find_amx();
  return status;
#else
  return GK_AMX_MISSING;
#endif
}

const gk_table *gk_table_for(const char *isa) {
  if (strcmp(isa, "scalar") == 0) return &scalar_table;
#if defined(GK_X86_TIERS)
  if (strcmp(isa, "avx2") == 0 && cpu_has_avx2()) return &avx2_table;
  if (strcmp(isa, "avx512") == 0 && cpu_has_avx512()) return &avx512_table;
  if (strcmp(isa, "amx") == 0 && strcmp(gk_amx_status(), GK_AMX_USABLE) == 0) return &amx_table;
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

/* C11 lets a void function return no expression, not even one that is void. */
#define GK_RETURN_void
#define GK_RETURN_int32_t return
#define GK_RETURN_int64_t return
#define GK_RETURN_uint64_t return
#define GK_KERNEL(result, name, parameters, arguments) \
  result gk_##name parameters { GK_RETURN_##result active->name arguments; }
#include "kernels.def"
#undef GK_KERNEL
