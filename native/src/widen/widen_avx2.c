#include "kernels.h"
#include "simd/load_scalar.h"
#include "simd/vec_avx2.h"
/* the algorithm, for the vector above */
#include "widen/widen_vector.h"

int32_t widen_f32_avx2(const void *src, int32_t dtype, int64_t src_stride, int64_t rows,
                       int64_t cols, float *dst, int64_t dst_stride) {
  return widen(src, dtype, src_stride, rows, cols, dst, dst_stride);
}
