#ifndef GRANITE_GK_ACT_MUL_H
#define GRANITE_GK_ACT_MUL_H

#include "granite/gk_types.h"

/** Activations other than SiLU that a config's hidden_act may name; GELU_TANH goes by several names there. */
enum gk_activation {
  GK_GELU = 0,       /* z * (1 + erf(z / sqrt 2)) / 2 */
  GK_GELU_TANH = 1,  /* z * (1 + tanh(sqrt(2 / pi) * (z + 0.044715 z^3))) / 2 */
  GK_QUICK_GELU = 2, /* z / (1 + exp(-1.702 z)) */
  GK_RELU = 3,       /* max(z, 0) */
  GK_RELU2 = 4,      /* max(z, 0)^2 */
};

/**
 * out[r,c] = activation(gate[r,c]) * up[r,c], for the activations above. Published Granite models use SiLU
 * (gk_silu_mul_f32), so these have a scalar version alone.
 *
 * gate, up, out  [rows, cols] f32
 * activation a value of gk_activation
 * aliasing   out may be gate, or up, with the same stride
 * precision  |error| <= 8 * eps_f32 * (|gate| + |activation(gate)|) * |up|
 * returns    GK_OK, or GK_EINVAL for another activation
 */
GK_API int32_t gk_act_mul_f32(int32_t activation, const float *gate, int64_t gate_stride,
                              const float *up, int64_t up_stride, int64_t rows, int64_t cols,
                              float *out, int64_t out_stride);

#endif
