#ifndef GK_GEMV_VECTOR_H
#define GK_GEMV_VECTOR_H

/*
 * The product of the wide tiers; include the tier's simd/vec_<isa>.h first.
 *
 * An element y[i,j] is always the same sum: one vector adds up the products of a pair of vectors of
 * w and x, first half, second half, pair after pair along the row, and gk_vec_sum adds its lanes.
 * All that is chosen below, from n and m, is how many such vectors are in flight at once, and when
 * they wait in memory: it changes no bit.
 *
 * Streams: the rows in flight lie far apart, n / in_flight each from the next, so that each is the
 * head of one long sequential stream. Adjacent rows would be as many short ones, and every page
 * would find the hardware's prefetchers untrained: 14 against 20 GB/s at rows of 4 KB, where a
 * plain read does 24.
 *
 * Order: one unpack instruction widens half a pair of bfloat16 vectors, in an order of its own (see
 * gk_vec_load_bf16_half); in sequence it would take two. So x is copied once, into the same order.
 *
 * Blocks of k exist only because that copy is bounded. Smaller ones, to keep it in the first-level
 * cache, cost more in broken streams than they saved.
 */

#include <assert.h>
#include <stdint.h>
#include <string.h>

enum {
  GEMV_PAIR = 2 * GK_LANES,
  GEMV_GROUP = 8,                     /* rows of x that share one reading of w from memory */
  GEMV_M = GK_REGISTERS / 4,          /* rows of x that share one widening, at most: 4, or 8 */
  GEMV_ROWS = 8,                      /* weight rows in flight, at most */
  GEMV_X = 16384,                     /* elements in the copy of x: 64 KiB of stack */
  GEMV_SUMS = 32768 / (4 * GK_LANES), /* vectors that wait between two blocks of k: 32 KiB */
  GEMV_AHEAD = 512                    /* bytes; 384 to 1024 measured alike, none 8 % slower */
};

/* Weight rows in flight with m rows of x, so that rows * (m + 1) vectors and a few operands fit the
 * registers. */
GK_TEMPLATE int gemv_rows(int m) {
  const int fitting = (GK_REGISTERS - 4) / (m + 1);
  return fitting < GEMV_ROWS ? fitting : GEMV_ROWS;
}

/* Half `half` of the pair of vectors at `w`. */
GK_TEMPLATE gk_vec gemv_load(const unsigned char *w, int half, int32_t dtype) {
  if (dtype == GK_BF16) return gk_vec_load_bf16_half(w, half);
  return gk_vec_load_weights(w + half * GK_LANES * gk_element_size(dtype), dtype);
}

/*
 * Copies k columns of m rows of x for gemv_load, as [rows / together, k / GEMV_PAIR, together,
 * GEMV_PAIR], so that a tile reads it in one sequence. Zeros fill k up to a multiple of GEMV_PAIR
 * and m to one of `together`.
 */
GK_TEMPLATE void gemv_copy_x(const float *x, int64_t x_stride, int m, int together, int64_t k,
                             int32_t dtype, float *copy) {
  for (int i0 = 0; i0 < m; i0 += together) {
    for (int64_t c = 0; c < k; c += GEMV_PAIR) {
      for (int i = i0; i < i0 + together; i++, copy += GEMV_PAIR) {
        float padded[GEMV_PAIR] = {0};
        const float *from = padded;
        if (i < m && c + GEMV_PAIR <= k) {
          from = x + i * x_stride + c;
        } else if (i < m) {
          memcpy(padded, x + i * x_stride + c, (size_t)(k - c) * sizeof *x);
        }
        for (int l = 0; l < GK_LANES; l += 4) {
          memcpy(copy + l, from + (dtype == GK_BF16 ? 2 * l : l), 4 * sizeof *x);
          memcpy(copy + GK_LANES + l, from + (dtype == GK_BF16 ? 2 * l + 4 : l + GK_LANES),
                 4 * sizeof *x);
        }
      }
    }
  }
}

/* sum[r,i] += w[r, c..] * x[i, c..] for one pair of vectors */
GK_TEMPLATE void gemv_step(const unsigned char *const *w, int rows, int32_t dtype, const float *x,
                           int m, gk_vec (*sum)[GEMV_M]) {
  GK_UNROLL(2) for (int half = 0; half < 2; half++) {
    gk_vec w_r[GEMV_ROWS];
    GK_UNROLL(8) for (int r = 0; r < rows; r++) w_r[r] = gemv_load(w[r], half, dtype);
    GK_UNROLL(8) for (int i = 0; i < m; i++) {
      const gk_vec x_i = gk_vec_keep(gk_vec_load(x + i * GEMV_PAIR + half * GK_LANES));
      GK_UNROLL(8) for (int r = 0; r < rows; r++) sum[r][i] = gk_vec_fma(w_r[r], x_i, sum[r][i]);
    }
  }
}

/* sums[r,i] += w[r, 0..k) * x[i, 0..k) for the gemv_rows(m) rows in flight; x is a copy as above */
GK_TEMPLATE void gemv_tile(const unsigned char *const *w, int32_t dtype, int64_t k, const float *x,
                           int m, gk_vec *sums) {
  const int64_t size = gk_element_size(dtype);
  const int rows = gemv_rows(m);
  const unsigned char *at[GEMV_ROWS];
  gk_vec sum[GEMV_ROWS][GEMV_M];
  GK_UNROLL(8) for (int r = 0; r < rows; r++) {
    GK_UNROLL(8) for (int i = 0; i < m; i++) sum[r][i] = sums[r * m + i];
  }

  int64_t c = 0;
  for (; c + GEMV_PAIR <= k; c += GEMV_PAIR) {
    GK_UNROLL(8) for (int r = 0; r < rows; r++) {
      at[r] = w[r] + c * size;
      /* A hint: where it points past the operand, nothing is read. */
      _mm_prefetch((const char *)((uintptr_t)at[r] + GEMV_AHEAD), _MM_HINT_T0);
    }
    gemv_step(at, rows, dtype, x + c * m, m, sum);
  }
  if (c < k) {
    unsigned char padded[GEMV_ROWS][GEMV_PAIR * sizeof(float)] = {{0}};
    GK_UNROLL(8) for (int r = 0; r < rows; r++) {
      at[r] = memcpy(padded[r], w[r] + c * size, (size_t)((k - c) * size));
    }
    gemv_step(at, rows, dtype, x + c * m, m, sum);
  }

  GK_UNROLL(8) for (int r = 0; r < rows; r++) {
    GK_UNROLL(8) for (int i = 0; i < m; i++) sums[r * m + i] = sum[r][i];
  }
}

typedef struct gemv_scratch {
  gk_vec sums[GEMV_SUMS];
  float x[GEMV_X];
} gemv_scratch;

/*
 * The product for m <= GEMV_GROUP rows of x, `together` of which at a time share the registers.
 * When m is no multiple of that, rows of zeros fill up.
 */
GK_TEMPLATE void gemv_group(const unsigned char *w, int64_t w_step, int64_t n, int32_t dtype,
                            int64_t k, const float *x, int64_t x_stride, int m, int together,
                            float alpha, float beta, float *y, int64_t y_stride,
                            gemv_scratch *scratch) {
  const int in_flight = gemv_rows(together), filled = (m + together - 1) / together * together;
  const int64_t stream = (n + in_flight - 1) / in_flight;   /* rows of a stream */
  const int64_t waiting = GEMV_SUMS / (filled * in_flight); /* of which this many sums can wait */
  const int64_t block = GEMV_X / filled / GEMV_PAIR * GEMV_PAIR; /* columns */

  for (int64_t j0 = 0; j0 < stream; j0 += waiting) {
    const int64_t end = j0 + waiting < stream ? j0 + waiting : stream;
    gk_vec *const sums = scratch->sums; /* [end - j0, filled / together, in_flight, together] */
    for (int64_t s = 0; s < (end - j0) * filled * in_flight; s++) sums[s] = gk_vec_set1(0);

    for (int64_t c = 0; c < k; c += block) {
      const int64_t columns = k - c < block ? k - c : block;
      const int64_t padded = (columns + GEMV_PAIR - 1) / GEMV_PAIR * GEMV_PAIR;
      if (j0 == 0 || k > block)
        gemv_copy_x(x + c, x_stride, m, together, columns, dtype, scratch->x);
      for (int64_t j = j0; j < end; j++) {
        const unsigned char *w_r[GEMV_ROWS];
        for (int r = 0; r < in_flight; r++) {
          /* Past the end the last row takes part again; its sum is not stored. */
          const int64_t row = r * stream + j;
          w_r[r] = w + (row < n ? row : n - 1) * w_step + c * gk_element_size(dtype);
        }
        for (int i = 0; i < filled; i += together) {
          gemv_tile(w_r, dtype, columns, scratch->x + i * padded, together,
                    sums + ((j - j0) * filled + i) * in_flight);
        }
      }
    }

    for (int64_t j = j0; j < end; j++) {
      for (int i = 0; i < m; i++) {
        const gk_vec *sum =
            sums + ((j - j0) * filled + i / together * together) * in_flight + i % together;
        for (int64_t r = 0; r < in_flight && r * stream + j < n; r++) {
          float *y_ij = y + i * y_stride + r * stream + j;
          const float product = alpha * gk_vec_sum(sum[r * together]);
          *y_ij = beta == 0 ? product : product + beta * *y_ij;
        }
      }
    }
  }
}

GK_TEMPLATE void gemv(const void *w, int32_t dtype, int64_t w_stride, int64_t n, int64_t k,
                      const float *x, int64_t x_stride, int64_t m, float alpha, float beta,
                      float *y, int64_t y_stride) {
  assert(n >= 0 && k >= 0 && m >= 0);
  const int64_t w_step = w_stride * gk_element_size(dtype);
  gemv_scratch scratch;
  for (int64_t i = 0; i < m; i += GEMV_GROUP) {
    const int some = m - i < GEMV_GROUP ? (int)(m - i) : GEMV_GROUP;
#define GEMV_GROUP_OF(together)                                                               \
  gemv_group(w, w_step, n, dtype, k, x + i * x_stride, x_stride, some, together, alpha, beta, \
             y + i * y_stride, y_stride, &scratch)
    switch (some) {
      case 1:
        GEMV_GROUP_OF(1);
        break;
      case 2:
        GEMV_GROUP_OF(2);
        break;
      case 3:
      case 5:
      case 6:
        GEMV_GROUP_OF(3);
        break;
      case 4:
        GEMV_GROUP_OF(4);
        break;
      default: /* 7 and 8 */
        GEMV_GROUP_OF(GEMV_M);
        break;
    }
#undef GEMV_GROUP_OF
  }
}

#endif
