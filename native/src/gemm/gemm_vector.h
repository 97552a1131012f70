#ifndef GK_GEMM_VECTOR_H
#define GK_GEMM_VECTOR_H

/*
 * The product of many rows in f32 of the wide tiers; include the tier's simd/vec_<isa>.h and
 * transpose_<isa>.h first.
 *
 *   for each 512 columns
 *     for each two vectors of weight rows       a panel of them, widened and transposed
 *       for each 6 or 12 activation rows        where they lie
 *         for each column                       two vectors of the panel times 6 or 12 numbers
 *
 * The sums, 6 x 2 vectors of 16 registers or 12 x 2 of 32, are of weight rows side by side, so no
 * lanes are added up, and an element is the same sum whatever is computed beside it.
 *
 * A panel is 32 or 64 KiB, and made once for all activation rows. While it is in use the weights of
 * the next one are asked for, some lines with each tile, and so are the lines of y before its sums.
 */

#include <assert.h>
#include <stdint.h>

enum {
  GEMM_ROWS = GK_REGISTERS == 32 ? 12 : 6,
  GEMM_PANEL = 2 * GK_LANES, /* weight rows */
  GEMM_STEPS = 512           /* columns; 256 took 5 to 10 % longer, 128 up to 20 % */
};
_Static_assert(GEMM_PANEL *GEMM_STEPS * 4 <= GK_GEMM_SCRATCH, "scratch is too small");

typedef struct gemm_weights {
  const unsigned char *w;
  int64_t step; /* bytes from row to row */
  int64_t size; /* of an element */
  int64_t n;    /* rows */
} gemm_weights;

static inline const unsigned char *gemm_weights_at(const gemm_weights *w, int64_t row, int64_t c) {
  return w->w + row * w->step + c * w->size;
}

/* Columns c to c + steps of the panel's rows, from j on; zeros for rows that there are not. */
GK_TEMPLATE void gemm_fill_panel(const gemm_weights *w, int32_t dtype, int64_t j, int64_t c,
                                 int64_t steps, float *panel) {
  for (int64_t at = 0; at < steps; at += GK_LANES) {
    const int64_t count = steps - at < GK_LANES ? steps - at : GK_LANES;
    for (int half = 0; half < 2; half++) {
      const int64_t row = j + half * GK_LANES;
      gk_vec v[GK_LANES];
      if (count == GK_LANES && row + GK_LANES <= w->n) {
        GK_UNROLL(16) for (int i = 0; i < GK_LANES; i++) {
          v[i] = gk_vec_load_weights(gemm_weights_at(w, row + i, c + at), dtype);
        }
      } else {
        for (int i = 0; i < GK_LANES; i++) {
          v[i] = gk_vec_set1(0);
          if (row + i < w->n) {
            const unsigned char *const from = gemm_weights_at(w, row + i, c + at);
            v[i] = gk_vec_load_first_weights(from, count, dtype);
          }
        }
      }
      gk_transpose(v);
      float *const to = panel + at * GEMM_PANEL + half * GK_LANES;
      for (int i = 0; i < count; i++) gk_vec_store(to + i * GEMM_PANEL, v[i]);
    }
  }
}

/* Activation rows and where their results go; in the place of a missing one, the last again. */
typedef struct gemm_rows {
  const float *x[GEMM_ROWS];
  float *y[GEMM_ROWS];
  int count;
} gemm_rows;

/* alpha * sum + beta * y, to `count` lanes of y */
static inline void gemm_store(float *y, int64_t count, gk_vec sum, float alpha, float beta) {
  const int whole = count >= GK_LANES;
  gk_vec result = gk_vec_mul(gk_vec_set1(alpha), sum);
  if (beta != 0) {
    const gk_vec before = whole ? gk_vec_load(y) : gk_vec_load_first(y, count);
    result = gk_vec_add(result, gk_vec_mul(gk_vec_set1(beta), before));
  }
  if (whole) {
    gk_vec_store(y, result);
  } else {
    gk_vec_store_first(y, count, result);
  }
}

/* y[rows, columns] = alpha * x[rows, steps] panel[steps, columns] + beta * y */
static inline void gemm_tile(const gemm_rows *rows, const float *panel, int64_t steps,
                             int64_t columns, float alpha, float beta) {
  gk_vec sum[GEMM_ROWS][2];
  const float *x[GEMM_ROWS];
  GK_UNROLL(12) for (int r = 0; r < GEMM_ROWS; r++) {
    sum[r][0] = sum[r][1] = gk_vec_set1(0);
    x[r] = rows->x[r];
    __builtin_prefetch(rows->y[r], 1);
    __builtin_prefetch(rows->y[r] + columns - 1, 1);
  }
  for (int64_t c = 0; c < steps; c++, panel += GEMM_PANEL) {
    const gk_vec low = gk_vec_load(panel), high = gk_vec_load(panel + GK_LANES);
    GK_UNROLL(12) for (int r = 0; r < GEMM_ROWS; r++) {
      const gk_vec number = gk_vec_set1(x[r][c]);
      sum[r][0] = gk_vec_fma(number, low, sum[r][0]);
      sum[r][1] = gk_vec_fma(number, high, sum[r][1]);
    }
  }
  GK_UNROLL(12) for (int r = 0; r < GEMM_ROWS; r++) {
    if (r < rows->count) {
      gemm_store(rows->y[r], columns, sum[r][0], alpha, beta);
      if (columns > GK_LANES) {
        gemm_store(rows->y[r] + GK_LANES, columns - GK_LANES, sum[r][1], alpha, beta);
      }
    }
  }
}

/* The lines of the weights that the next panel is made of. */
typedef struct gemm_wish {
  const unsigned char *from;
  int64_t step, rows, bytes; /* of a row */
  int64_t row, at;           /* the next line */
} gemm_wish;

static inline gemm_wish gemm_wish_for(const gemm_weights *w, int64_t j, int64_t c, int64_t k) {
  return (gemm_wish){.from = gemm_weights_at(w, j, c),
                     .step = w->step,
                     .rows = w->n - j < GEMM_PANEL ? w->n - j : GEMM_PANEL,
                     .bytes = (k - c < GEMM_STEPS ? k - c : GEMM_STEPS) * w->size};
}

static inline void gemm_ask(gemm_wish *w, int64_t lines) {
  for (; lines > 0 && w->row < w->rows; lines--) {
    _mm_prefetch((const char *)w->from + w->row * w->step + w->at, _MM_HINT_T1);
    w->at += 64;
    if (w->at >= w->bytes) {
      w->at = 0;
      w->row++;
    }
  }
}

GK_TEMPLATE void gemm_of(const gemm_weights *w, int32_t dtype, int64_t k, const float *x,
                         int64_t x_stride, int64_t m, float alpha, float beta, float *y,
                         int64_t y_stride, float *panel) {
  const int64_t tiles = (m + GEMM_ROWS - 1) / GEMM_ROWS;
  if (tiles == 0) return;
  int64_t c = 0;
  do {
    const int64_t steps = k - c < GEMM_STEPS ? k - c : GEMM_STEPS;
    for (int64_t j = 0; j < w->n; j += GEMM_PANEL) {
      gemm_fill_panel(w, dtype, j, c, steps, panel);
      const int more = j + GEMM_PANEL < w->n;
      gemm_wish wish = gemm_wish_for(w, more ? j + GEMM_PANEL : 0, more ? c : c + steps, k);
      const int64_t lines = (wish.rows * (wish.bytes / 64 + 1) + tiles - 1) / tiles;
      const int64_t columns = w->n - j < GEMM_PANEL ? w->n - j : GEMM_PANEL;
      for (int64_t i = 0; i < m; i += GEMM_ROWS) {
        gemm_rows rows = {.count = m - i < GEMM_ROWS ? (int)(m - i) : GEMM_ROWS};
        for (int r = 0; r < GEMM_ROWS; r++) {
          const int64_t row = i + (r < rows.count ? r : rows.count - 1);
          rows.x[r] = x + row * x_stride + c;
          rows.y[r] = y + row * y_stride + j;
        }
        gemm_ask(&wish, lines);
        gemm_tile(&rows, panel, steps, columns, alpha, c == 0 ? beta : 1);
      }
    }
    c += steps;
  } while (c < k);
}

static inline int32_t gemm(const void *w, int32_t dtype, int64_t w_stride, int64_t n, int64_t k,
                           const float *x, int64_t x_stride, int64_t m, float alpha, float beta,
                           float *y, int64_t y_stride, void *scratch) {
  assert(n >= 0 && k >= 0 && m >= 0);
  const int64_t size = gk_element_size(dtype);
  const gemm_weights all = {.w = w, .step = w_stride * size, .size = size, .n = n};
  switch (dtype) {
    case GK_F32:
      gemm_of(&all, GK_F32, k, x, x_stride, m, alpha, beta, y, y_stride, scratch);
      return GK_OK;
    case GK_F16:
      gemm_of(&all, GK_F16, k, x, x_stride, m, alpha, beta, y, y_stride, scratch);
      return GK_OK;
    case GK_BF16:
      gemm_of(&all, GK_BF16, k, x, x_stride, m, alpha, beta, y, y_stride, scratch);
      return GK_OK;
    default:
      return GK_EINVAL;
  }
}

#endif
