#ifndef GK_SILU_MUL_VECTOR_H
#define GK_SILU_MUL_VECTOR_H

/* The gate of the wide tiers; include the tier's simd/vec_<isa>.h and gk_vec_silu(z) first. */

#include <assert.h>

GK_TEMPLATE void silu_mul(const float *gate, int64_t gate_stride, const float *up,
                          int64_t up_stride, int64_t rows, int64_t cols, float *out,
                          int64_t out_stride) {
  assert(rows >= 0 && cols >= 0);
  for (int64_t r = 0; r < rows; r++) {
    const float *gate_r = gate + r * gate_stride, *up_r = up + r * up_stride;
    float *out_r = out + r * out_stride;
    int64_t c = 0;
    for (; c + GK_LANES <= cols; c += GK_LANES) {
      gk_vec_store(out_r + c, gk_vec_silu(gk_vec_load(gate_r + c)) * gk_vec_load(up_r + c));
    }
    if (c < cols) {
      const int64_t rest = cols - c;
      gk_vec_store_first(
          out_r + c, rest,
          gk_vec_silu(gk_vec_load_first(gate_r + c, rest)) * gk_vec_load_first(up_r + c, rest));
    }
  }
}

#endif
