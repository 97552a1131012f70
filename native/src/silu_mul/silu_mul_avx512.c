#include "kernels.h"
#include "simd/silu_avx512.h"

/* the loops, for the vector above */
#include "silu_mul/silu_mul_vector.h"

void silu_mul_f32_avx512(const float *gate, int64_t gate_stride, const float *up, int64_t up_stride,
                         int64_t rows, int64_t cols, float *out, int64_t out_stride) {
  silu_mul(gate, gate_stride, up, up_stride, rows, cols, out, out_stride);
}
