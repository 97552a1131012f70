#include <assert.h>
#include <math.h>
#include <stddef.h>

#include "kernels.h"

static float gelu(float z) { return 0.5f * z * (1 + erff(z * 0.707106781f)); }

static float gelu_tanh(float z) {
  return 0.5f * z * (1 + tanhf(0.797884561f * (z + 0.044715f * z * z * z)));
}

static float quick_gelu(float z) { return z / (1 + expf(-1.702f * z)); }

static float relu(float z) { return z < 0 ? 0 : z; } /* this way round NaN stays NaN */

static float relu2(float z) { return relu(z) * relu(z); }

typedef float activation_function(float z);

static activation_function *find(int32_t activation) {
  switch (activation) {
    case GK_GELU:
      return gelu;
    case GK_GELU_TANH:
      return gelu_tanh;
    case GK_QUICK_GELU:
      return quick_gelu;
    case GK_RELU:
      return relu;
    case GK_RELU2:
      return relu2;
    default:
      return NULL;
  }
}

int32_t act_mul_f32_scalar(int32_t activation, const float *gate, int64_t gate_stride,
                           const float *up, int64_t up_stride, int64_t rows, int64_t cols,
                           float *out, int64_t out_stride) {
  assert(rows >= 0 && cols >= 0);
  activation_function *const activate = find(activation);
  if (activate == NULL) return GK_EINVAL;
  for (int64_t r = 0; r < rows; r++) {
    const float *gate_r = gate + r * gate_stride, *up_r = up + r * up_stride;
    float *out_r = out + r * out_stride;
    for (int64_t c = 0; c < cols; c++) out_r[c] = activate(gate_r[c]) * up_r[c];
  }
  return GK_OK;
}
