#include "kernels.h"
#include "simd/load_scalar.h"
#include "simd/vec_avx512.h"
/* the algorithm, for the vector above */
#include "narrow/narrow_vector.h"

int32_t narrow_avx512(const float *src, int64_t src_stride, int64_t rows, int64_t cols, void *dst,
                      int32_t dtype, int64_t dst_stride) {
  return narrow(src, src_stride, rows, cols, dst, dtype, dst_stride);
}
