#include "check.h"

static double silu(double z) { return z == -(double)INFINITY ? -0.0 : z / (1 + exp(-z)); }

/* The contract's bound; "near zero" is about silu itself, before the product. */
static void check_element(float gate, float up, float actual, int64_t at) {
  const double expected = silu((double)gate) * (double)up;
  CHECK_CLOSE(actual, expected,
              8 * CHECK_EPS * fabs(expected) + 0x1p-126 * fmax(1, fabs((double)up)),
              "out[%lld] (gate %a)", (long long)at, (double)gate);
}

static void every_size_matches_reference(const gk_table *kernels) {
  CHECK_EACH_SIZE(cols) CHECK_EACH_PLACE(place) {
    const int64_t rows = place % 4, stride = cols + place % 2 * 5, out_stride = cols + 3;
    check_case("rows=%d cols=%d stride=%d place=%d", (int)rows, (int)cols, (int)stride, place);
    float *gate = check_f32(place, rows, cols, stride), *up = check_f32(place, rows, cols, cols);
    float *out = check_f32(place, rows, cols, out_stride);
    check_fill(gate, rows, cols, stride, -20, 20);
    check_fill(up, rows, cols, cols, -4, 4);
    check_seal(gate);
    check_seal(up);
    kernels->silu_mul_f32(gate, stride, up, cols, rows, cols, out, out_stride);
    for (int64_t r = 0; r < rows; r++) {
      for (int64_t c = 0; c < cols; c++) {
        check_element(gate[r * stride + c], up[r * cols + c], out[r * out_stride + c], c);
      }
    }
    check_release();
  }
}

static void out_may_be_gate_or_up(const gk_table *kernels) {
  for (int64_t cols = 1; cols < 40; cols++) {
    check_case("cols=%d", (int)cols);
    float *gate = check_f32(0, 2, cols, 40), *up = check_f32(0, 2, cols, 40);
    float *out = check_f32(0, 2, cols, cols), *copy = check_f32(0, 2, cols, 40);
    check_fill(gate, 2, cols, 40, -5, 5);
    check_fill(up, 2, cols, 40, -5, 5);
    for (int64_t i = 0; i < 2 * cols; i++)
      copy[i / cols * 40 + i % cols] = gate[i / cols * 40 + i % cols];
    kernels->silu_mul_f32(gate, 40, up, 40, 2, cols, out, cols);
    kernels->silu_mul_f32(gate, 40, up, 40, 2, cols, gate, 40);
    kernels->silu_mul_f32(copy, 40, up, 40, 2, cols, up, 40);
    for (int64_t i = 0; i < 2 * cols; i++) {
      CHECK_SAME(gate[i / cols * 40 + i % cols], out[i], "gate[%lld]", (long long)i);
      CHECK_SAME(up[i / cols * 40 + i % cols], out[i], "up[%lld]", (long long)i);
    }
    check_release();
  }
}

/* Gates over the range where exp is finite, where it overflows, and any bits at all. */
static void gates_of_any_size_match_reference(const gk_table *kernels) {
  enum { COLS = 997, TURNS = 100 };
  float *gate = check_f32(0, 1, COLS, COLS), *up = check_f32(0, 1, COLS, COLS);
  float *out = check_f32(0, 1, COLS, COLS);
  check_fill(up, 1, COLS, COLS, -1, 1); /* a product that overflows is no matter here */
  for (int turn = 0; turn < TURNS; turn++) {
    check_case("turn=%d", turn);
    for (int c = 0; c < COLS; c++) {
      const uint32_t bits = (uint32_t)check_random();
      if (turn % 2 == 0)
        memcpy(&gate[c], &bits, sizeof bits);
      else
        gate[c] = check_uniform(-110, 110);
    }
    kernels->silu_mul_f32(gate, COLS, up, COLS, 1, COLS, out, COLS);
    for (int c = 0; c < COLS; c++) check_element(gate[c], up[c], out[c], c);
  }
}

static void special_gates_match_reference(const gk_table *kernels) {
  const float special[] = {NAN,       -NAN,       INFINITY,  -INFINITY,  0.0f,    -0.0f,
                           0x1p-149f, -0x1p-149f, 0x1p-126f, -0x1p-126f, 3.4e38f, -3.4e38f,
                           87.3f,     -87.4f,     -88.7f,    -88.8f,     -92.0f,  -103.9f,
                           -104.1f,   -128.0f,    -128.1f,   88.8f,      200.0f,  -200.0f};
  enum { COUNT = sizeof special / sizeof special[0] };
  for (int shift = 0; shift < 33; shift++) { /* so that each meets every lane and the tail */
    check_case("shift=%d", shift);
    const int64_t cols = shift + COUNT;
    float *gate = check_f32(0, 1, cols, cols), *up = check_f32(0, 1, cols, cols);
    float *out = check_f32(0, 1, cols, cols);
    check_fill(gate, 1, cols, cols, 1, 1);
    check_fill(up, 1, cols, cols, 1, 1);
    memcpy(gate + shift, special, sizeof special);
    kernels->silu_mul_f32(gate, cols, up, cols, 1, cols, out, cols);
    for (int64_t c = 0; c < cols; c++) check_element(gate[c], up[c], out[c], c);
    check_release();
  }
}

CHECK_MAIN(CHECK_TEST(every_size_matches_reference), CHECK_TEST(out_may_be_gate_or_up),
           CHECK_TEST(gates_of_any_size_match_reference), CHECK_TEST(special_gates_match_reference))
