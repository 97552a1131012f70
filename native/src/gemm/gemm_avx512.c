#include "kernels.h"
#include "simd/load_scalar.h"
#include "simd/transpose_avx512.h"
#include "simd/vec_avx512.h"
/* the algorithm, for the vector above */
#include "gemm/gemm_vector.h"

int32_t gemm_f32_avx512(const void *w, int32_t dtype, int64_t w_stride, int64_t n, int64_t k,
                        const float *x, int64_t x_stride, int64_t m, float alpha, float beta,
                        float *y, int64_t y_stride, void *scratch) {
  return gemm(w, dtype, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride, scratch);
}
