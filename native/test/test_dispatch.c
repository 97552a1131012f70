#include "check.h"

static void tables_are_complete(const gk_table *kernels) {
#define GK_KERNEL(result, name, parameters, arguments) CHECK(kernels->name != NULL);
#include "kernels.def"
#undef GK_KERNEL
  CHECK(strcmp(kernels->isa, check_state.tier) == 0);
}

static void cap_chooses_this_tier(const gk_table *kernels) {
  CHECK(gk_set_max_isa(kernels->isa) == GK_OK);
  CHECK(strcmp(gk_active_isa(), kernels->isa) == 0);
}

/* The tier above may be missing here: then a cap there gives the best one below it. */
static void cap_above_the_cpu_chooses_the_best(const gk_table *kernels) {
  (void)kernels;
  for (const char *const *tier = gk_tiers; *tier != NULL; tier++) {
    CHECK(gk_set_max_isa(*tier) == GK_OK);
    if (gk_table_for(*tier) == NULL) CHECK(strcmp(gk_active_isa(), gk_best_isa()) == 0);
  }
  CHECK(gk_set_max_isa(NULL) == GK_OK);
  CHECK(strcmp(gk_active_isa(), gk_best_isa()) == 0);
}

static void unknown_cap_is_refused_and_changes_nothing(const gk_table *kernels) {
  const char *const unknown[] = {"", "AVX2", "avx", "avx2 ", "avx5120", "sse2", "scala"};
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
    check_case("cap=\"%s\"", unknown[i]);
    CHECK(gk_set_max_isa(kernels->isa) == GK_OK);
    CHECK(gk_set_max_isa(unknown[i]) == GK_EINVAL);
    CHECK(strcmp(gk_active_isa(), kernels->isa) == 0);
    CHECK(gk_table_for(unknown[i]) == NULL);
  }
}

static void best_is_the_last_tier_with_a_table(const gk_table *kernels) {
  (void)kernels;
  const char *best = "";
  for (const char *const *tier = gk_tiers; *tier != NULL; tier++) {
    if (gk_table_for(*tier) != NULL) best = *tier;
  }
  CHECK(strcmp(gk_best_isa(), best) == 0);
}

static void public_functions_call_the_active_tier(const gk_table *kernels) {
  CHECK(gk_set_max_isa(kernels->isa) == GK_OK);
  const float gate[3] = {-1, 0.5f, 3}, up[3] = {2, -3, 5};
  float expected[3] = {0}, actual[3] = {0};
  kernels->silu_mul_f32(gate, 3, up, 3, 1, 3, expected, 3);
  gk_silu_mul_f32(gate, 3, up, 3, 1, 3, actual, 3);
  for (int i = 0; i < 3; i++) CHECK_SAME(actual[i], expected[i], "out[%d]", i);
  CHECK(gk_widen_f32(gate, GK_F32, 3, 1, 3, actual, 3) == GK_OK);
  for (int i = 0; i < 3; i++) CHECK_SAME(actual[i], gate[i], "dst[%d]", i);
}

static void abi_version_is_that_of_the_headers(const gk_table *kernels) {
  (void)kernels;
  CHECK(gk_abi_version() == GK_ABI_VERSION);
}

CHECK_MAIN(CHECK_TEST(tables_are_complete), CHECK_TEST(cap_chooses_this_tier),
           CHECK_TEST(cap_above_the_cpu_chooses_the_best),
           CHECK_TEST(unknown_cap_is_refused_and_changes_nothing),
           CHECK_TEST(best_is_the_last_tier_with_a_table),
           CHECK_TEST(public_functions_call_the_active_tier),
           CHECK_TEST(abi_version_is_that_of_the_headers))
