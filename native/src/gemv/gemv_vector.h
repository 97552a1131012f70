#ifndef GK_GEMV_VECTOR_H
#define GK_GEMV_VECTOR_H

/*
 * The product of the wide tiers; include the tier's simd/vec_<isa>.h first.
 *
 * An element y[i,j] is always the same sum: lane l of one vector adds up the products c = l, l +
 * GK_LANES, ... in this order, and gk_vec_sum adds the lanes. Everything below only chooses how
 * many such vectors are in flight at once.
 */

#include <assert.h>

enum { GEMV_MAX_M = 8, GEMV_MAX_ROWS = 8 };

/* Weight rows in flight for m rows of x: enough chains to hide the latency of FMA, few enough to
 * stay in registers. */
GK_TEMPLATE int gemv_rows(int m) {
  const int wanted = (GK_REGISTERS - 4) / m;
  return wanted < 1 ? 1 : wanted > 8 ? 8 : wanted;
}

/* y[i, 0..rows) for all m rows of x and the first `rows` of the gemv_rows(m) weight rows. */
GK_TEMPLATE void gemv_tile(const unsigned char *w, int64_t w_step, int64_t rows, int32_t dtype,
                           int64_t k, const float *x, int64_t x_stride, int m, float alpha,
                           float beta, float *y, int64_t y_stride) {
  const int64_t size = dtype == GK_F32 ? 4 : 2;
  const int in_flight = gemv_rows(m);
  const unsigned char *w_r[GEMV_MAX_ROWS];
  gk_vec sum[GEMV_MAX_ROWS][GEMV_MAX_M];
  GK_UNROLL(8) for (int r = 0; r < in_flight; r++) {
    w_r[r] = w + (r < rows ? r : rows - 1) * w_step; /* rows that are missing repeat the last one */
    GK_UNROLL(8) for (int i = 0; i < m; i++) sum[r][i] = gk_vec_set1(0);
  }

  int64_t c = 0;
  for (; c + GK_LANES <= k; c += GK_LANES) {
    gk_vec w_rc[GEMV_MAX_ROWS];
    GK_UNROLL(8) for (int r = 0; r < in_flight; r++) {
      w_rc[r] = gk_vec_load_weights(w_r[r] + c * size, dtype);
    }
    GK_UNROLL(8) for (int i = 0; i < m; i++) {
      const gk_vec x_ic = gk_vec_load(x + i * x_stride + c);
      GK_UNROLL(8) for (int r = 0; r < in_flight; r++) {
        sum[r][i] = gk_vec_fma(w_rc[r], x_ic, sum[r][i]);
      }
    }
  }
  if (c < k) {
    GK_UNROLL(8) for (int r = 0; r < in_flight; r++) {
      const gk_vec w_rc = gk_vec_load_first_weights(w_r[r] + c * size, k - c, dtype);
      GK_UNROLL(8) for (int i = 0; i < m; i++) {
        const gk_vec x_ic = gk_vec_load_first(x + i * x_stride + c, k - c);
        sum[r][i] = gk_vec_fma(w_rc, x_ic, sum[r][i]);
      }
    }
  }

  GK_UNROLL(8) for (int r = 0; r < in_flight; r++) {
    if (r == rows) break;
    GK_UNROLL(8) for (int i = 0; i < m; i++) {
      float *y_ir = y + i * y_stride + r;
      const float product = alpha * gk_vec_sum(sum[r][i]);
      *y_ir = beta == 0 ? product : product + beta * *y_ir;
    }
  }
}

GK_TEMPLATE void gemv_for_m(const unsigned char *w, int64_t w_step, int64_t n, int32_t dtype,
                            int64_t k, const float *x, int64_t x_stride, int m, float alpha,
                            float beta, float *y, int64_t y_stride) {
  const int in_flight = gemv_rows(m);
  for (int64_t j = 0; j < n; j += in_flight) {
    gemv_tile(w + j * w_step, w_step, n - j < in_flight ? n - j : in_flight, dtype, k, x, x_stride,
              m, alpha, beta, y + j, y_stride);
  }
}

GK_TEMPLATE void gemv(const void *w, int32_t dtype, int64_t w_stride, int64_t n, int64_t k,
                      const float *x, int64_t x_stride, int64_t m, float alpha, float beta,
                      float *y, int64_t y_stride) {
  assert(n >= 0 && k >= 0 && m >= 0);
  const int64_t w_step = w_stride * (dtype == GK_F32 ? 4 : 2);
#define GEMV_FOR_M(M) gemv_for_m(w, w_step, n, dtype, k, x, x_stride, M, alpha, beta, y, y_stride)
  while (m > 0) {
    const int64_t some = m < GEMV_MAX_M ? m : GEMV_MAX_M;
    switch (some) {
      case 1:
        GEMV_FOR_M(1);
        break;
      case 2:
        GEMV_FOR_M(2);
        break;
      case 3:
        GEMV_FOR_M(3);
        break;
      case 4:
        GEMV_FOR_M(4);
        break;
      case 5:
        GEMV_FOR_M(5);
        break;
      case 6:
        GEMV_FOR_M(6);
        break;
      case 7:
        GEMV_FOR_M(7);
        break;
      default:
        GEMV_FOR_M(8);
        break;
    }
    x += some * x_stride;
    y += some * y_stride;
    m -= some;
  }
#undef GEMV_FOR_M
}

#endif
