#include "check.h"

static double activate(int32_t activation, double z) {
  switch (activation) {
    case GK_GELU:
      return z * erfc(-z / sqrt(2)) / 2;
    case GK_GELU_TANH:
      return z * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (z + 0.044715 * pow(z, 3)))) / 2;
    case GK_QUICK_GELU:
      return z / (1 + exp(-1.702 * z));
    case GK_RELU:
      return isnan(z) ? z : fmax(z, 0);
    default:
      return isnan(z) ? z : pow(fmax(z, 0), 2);
  }
}

static void check_element(int32_t activation, float gate, float up, float actual, int64_t at) {
  const double z = (double)gate, value = activate(activation, z);
  const double tolerance = 8 * CHECK_EPS * (fabs(z) + fabs(value)) * fabs((double)up) + 0x1p-149;
  CHECK_CLOSE(actual, value * (double)up, tolerance, "out[%lld] (gate %a)", (long long)at, z);
}

static void every_activation_matches_reference(const gk_table *kernels) {
  for (int32_t activation = GK_GELU; activation <= GK_RELU2; activation++) {
    for (int64_t cols = 0; cols < 35; cols++) CHECK_EACH_PLACE(place) {
        const int64_t rows = place % 4, stride = cols + 5;
        check_case("activation=%d rows=%d cols=%d place=%d", activation, (int)rows, (int)cols,
                   place);
        float *gate = check_f32(place, rows, cols, stride),
              *up = check_f32(place, rows, cols, cols);
        float *out = check_f32(place, rows, cols, stride);
        check_fill(gate, rows, cols, stride, -12, 12);
        check_fill(up, rows, cols, cols, -4, 4);
        check_seal(gate);
        check_seal(up);
        CHECK(kernels->act_mul_f32(activation, gate, stride, up, cols, rows, cols, out, stride) ==
              GK_OK);
        for (int64_t r = 0; r < rows; r++) {
          for (int64_t c = 0; c < cols; c++) {
            check_element(activation, gate[r * stride + c], up[r * cols + c], out[r * stride + c],
                          c);
          }
        }
        check_release();
      }
  }
}

static void large_gates_and_nan_match_reference(const gk_table *kernels) {
  const float special[] = {NAN,  INFINITY, 0.0f,  0x1p-149f, -0x1p-130f,
                           1e6f, -1e6f,    1e18f, -1e18f,    -90.0f};
  enum { COUNT = sizeof special / sizeof special[0] };
  float *gate = check_f32(0, 1, COUNT, COUNT), *up = check_f32(0, 1, COUNT, COUNT);
  memcpy(gate, special, sizeof special);
  check_fill(up, 1, COUNT, COUNT, 1, 1);
  float *out = check_f32(0, 1, COUNT, COUNT);
  for (int32_t activation = GK_GELU; activation <= GK_RELU2; activation++) {
    check_case("activation=%d", activation);
    kernels->act_mul_f32(activation, gate, COUNT, up, COUNT, 1, COUNT, out, COUNT);
    for (int c = 0; c < COUNT; c++) check_element(activation, gate[c], up[c], out[c], c);
  }
}

static void out_may_be_gate_or_up(const gk_table *kernels) {
  enum { COLS = 19 };
  for (int32_t activation = GK_GELU; activation <= GK_RELU2; activation++) {
    check_case("activation=%d", activation);
    float *gate = check_f32(0, 1, COLS, COLS), *up = check_f32(0, 1, COLS, COLS);
    float *out = check_f32(0, 1, COLS, COLS), *copy = check_f32(0, 1, COLS, COLS);
    check_fill(gate, 1, COLS, COLS, -3, 3);
    check_fill(up, 1, COLS, COLS, -3, 3);
    memcpy(copy, gate, COLS * sizeof *copy);
    kernels->act_mul_f32(activation, gate, COLS, up, COLS, 1, COLS, out, COLS);
    kernels->act_mul_f32(activation, gate, COLS, up, COLS, 1, COLS, gate, COLS);
    kernels->act_mul_f32(activation, copy, COLS, up, COLS, 1, COLS, up, COLS);
    for (int c = 0; c < COLS; c++) {
      CHECK_SAME(gate[c], out[c], "gate[%d]", c);
      CHECK_SAME(up[c], out[c], "up[%d]", c);
    }
    check_release();
  }
}

static void unknown_activation_is_refused_and_nothing_written(const gk_table *kernels) {
  float *x = check_f32(0, 1, 4, 4);
  check_fill(x, 1, 4, 4, 1, 1);
  check_seal(x);
  CHECK(kernels->act_mul_f32(-1, x, 4, x, 4, 1, 4, x, 4) == GK_EINVAL);
  CHECK(kernels->act_mul_f32(GK_RELU2 + 1, x, 4, x, 4, 1, 4, x, 4) == GK_EINVAL);
}

CHECK_MAIN(CHECK_TEST(every_activation_matches_reference),
           CHECK_TEST(large_gates_and_nan_match_reference), CHECK_TEST(out_may_be_gate_or_up),
           CHECK_TEST(unknown_activation_is_refused_and_nothing_written))
