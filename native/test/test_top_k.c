#include "check.h"

/* How many columns come before column c: larger ones, and equal ones (NaN equals NaN, below all) to
 * its left. */
static int64_t rank(const float *logits, int64_t experts, int64_t c) {
  int64_t before = 0;
  for (int64_t e = 0; e < experts; e++) {
    const bool both_nan = isnan(logits[e]) && isnan(logits[c]);
    const bool larger = !both_nan && (isnan(logits[c]) || logits[e] > logits[c]);
    const bool level = both_nan || logits[e] == logits[c];
    before += e != c && (larger || (level && e < c));
  }
  return before;
}

static void check_routing(const float *logits, int64_t experts, int64_t k, const int32_t *ids,
                          const float *weights) {
  double chosen[128], sum = 0;
  bool finite = true;
  for (int64_t c = 0; c < experts; c++) {
    const int64_t at = rank(logits, experts, c);
    if (at >= k) continue;
    CHECK(ids[at] == c);
    chosen[at] = (double)logits[c];
    finite = finite && isfinite(logits[c]);
  }
  for (int64_t i = 0; i < k; i++) sum += exp(chosen[i] - chosen[0]);
  for (int64_t i = 0; i < k; i++) {
    const double expected = finite ? exp(chosen[i] - chosen[0]) / sum : (double)NAN;
    CHECK_CLOSE(weights[i], expected, 8 * CHECK_EPS * expected + 0x1p-149, "weights[%lld]",
                (long long)i);
  }
}

/* Draws each logit with `draw`. */
static void check_top_k(const gk_table *kernels, int place, int64_t rows, int64_t experts,
                        int64_t k, float (*draw)(void)) {
  check_case("rows=%d experts=%d k=%d place=%d", (int)rows, (int)experts, (int)k, place);
  const int64_t stride = experts + place % 2 * 3;
  float *logits = check_f32(place, rows, experts, stride), *weights = check_f32(place, rows, k, k);
  int32_t *ids = check_i32(place, rows * k);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t e = 0; e < experts; e++) logits[r * stride + e] = draw();
  }
  check_seal(logits);
  CHECK(kernels->top_k_softmax_f32(logits, stride, rows, experts, k, ids, weights) == GK_OK);
  for (int64_t r = 0; r < rows; r++) {
    check_routing(logits + r * stride, experts, k, ids + r * k, weights + r * k);
  }
  check_release();
}

static float draw_number(void) { return check_uniform(-8, 8); }
static float draw_wide(void) { return check_uniform(-300, 300); }
/* Differences of these need more bits than f32 has: exp of the rounded one would be off. */
static float draw_far_apart(void) {
  return check_below(2) ? check_uniform(20, 80) : check_uniform(-1e-3f, 1e-3f);
}
static float draw_tie(void) { return (float)check_below(3) - 1; }
static float draw_special(void) {
  const float special[] = {NAN, -NAN, INFINITY, -INFINITY, 0.0f, -0.0f, 3e38f, -3e38f, 0x1p-149f};
  return check_below(8) == 0 ? special[check_below(9)] : draw_number();
}

static void check_draws(const gk_table *kernels, float (*draw)(void)) {
  for (int64_t experts = 1; experts <= 12; experts++) {
    for (int64_t k = 1; k <= experts; k++) {
      CHECK_EACH_PLACE(place) check_top_k(kernels, place, place % 4, experts, k, draw);
    }
  }
  CHECK_EACH_PLACE(place) {
    check_top_k(kernels, place, 5, 32, 8, draw); /* the models' own */
    check_top_k(kernels, place, 5, 40, 8, draw);
    check_top_k(kernels, place, 5, 64, 6, draw);
    check_top_k(kernels, place, 5, 127, 127, draw);
  }
}

static void numbers_match_reference(const gk_table *kernels) { check_draws(kernels, draw_number); }
static void wide_numbers_match_reference(const gk_table *kernels) {
  check_draws(kernels, draw_wide);
}
static void far_apart_numbers_match_reference(const gk_table *kernels) {
  check_draws(kernels, draw_far_apart);
}
static void ties_go_to_the_lower_column(const gk_table *kernels) { check_draws(kernels, draw_tie); }
static void ids_stay_in_range_whatever_the_logits(const gk_table *kernels) {
  for (int turn = 0; turn < 10; turn++) check_draws(kernels, draw_special);
}

static void k_out_of_range_is_refused_and_nothing_written(const gk_table *kernels) {
  float *logits = check_f32(0, 1, 4, 4), *weights = check_f32(0, 1, 8, 8);
  int32_t *ids = check_i32(0, 8);
  check_fill(logits, 1, 4, 4, 0, 1);
  check_seal(ids);
  check_seal(weights);
  CHECK(kernels->top_k_softmax_f32(logits, 4, 1, 4, 0, ids, weights) == GK_EINVAL);
  CHECK(kernels->top_k_softmax_f32(logits, 4, 1, 4, 5, ids, weights) == GK_EINVAL);
  CHECK(kernels->top_k_softmax_f32(logits, 4, 1, 4, -1, ids, weights) == GK_EINVAL);
  CHECK(kernels->top_k_softmax_f32(logits, 4, 1, 0, 0, ids, weights) == GK_EINVAL);
}

CHECK_MAIN(CHECK_TEST(numbers_match_reference), CHECK_TEST(wide_numbers_match_reference),
           CHECK_TEST(far_apart_numbers_match_reference), CHECK_TEST(ties_go_to_the_lower_column),
           CHECK_TEST(ids_stay_in_range_whatever_the_logits),
           CHECK_TEST(k_out_of_range_is_refused_and_nothing_written))
