#include <assert.h>
#include <math.h>

#include "kernels.h"

/*
 * z / (1 + exp(-z)), multiplied by exp(z) above and below where z is negative: then exp never
 * overflows, and a result near the smallest normal number is not lost to 1 / Inf. Below -128 the
 * result is -0 anyway; the bound keeps -Inf * 0 out.
 */
static float silu(float z) {
  const float e = expf(-fabsf(z));
  return (z < 0 ? fmaxf(z, -128) * e : z) / (1 + e);
}

void silu_mul_f32_scalar(const float *gate, int64_t gate_stride, const float *up, int64_t up_stride,
                         int64_t rows, int64_t cols, float *out, int64_t out_stride) {
  assert(rows >= 0 && cols >= 0);
  for (int64_t r = 0; r < rows; r++) {
    const float *gate_r = gate + r * gate_stride, *up_r = up + r * up_stride;
    float *out_r = out + r * out_stride;
    for (int64_t c = 0; c < cols; c++) out_r[c] = silu(gate_r[c]) * up_r[c];
  }
}
