/*
 * Products on the tile unit. It multiplies 16 rows of 32 bfloat16, which is what a row-major weight
 * is, by 32 x 16 stored as pairs, which is what packed activations are. So each tile of the result
 * is a piece of the transposed product, 16 weight rows by 16 activation rows.
 *
 * Blocks. One step of the inner loop multiplies 2 tiles of weights by 2 of activations, four
 * products of 16 cycles for four loads of 1 KiB. At 64 bytes a cycle no cache but the first can
 * feed that: with both operands in the second-level cache the unit stands still for 60 % of the
 * time, with the activations in the first-level cache for 10 %. Therefore:
 *
 *   for each block of 256 weight rows x 512 columns      in the second-level cache, see below
 *     for each 32 activation rows                        32 KiB, in the first-level cache
 *       for each 32 of the weight rows                   four sums of 16 x 16 in tiles
 *
 * and sums wait in scratch from one block of columns to the next.
 *
 * Weights. Rows that are a power of two long would meet in the same sets of every cache (two dozen
 * rows of 16 KiB fill theirs), and their ends may lie anywhere. So while one block is multiplied
 * the next is copied, a few lines in each step, into tiles that lie side by side: 256 KiB that are
 * in use for microseconds. The copy is what brings the weights from memory.
 *
 * What bounds it, on a Sapphire Rapids: lines on their way into the first-level cache, of which
 * there may be 16. In each step of 64 cycles the weights of a step come from the second-level cache
 * (32 lines), activations of the next pass from the third (4), weights of the next block from memory
 * (2 for 512 rows of activations, 8 for 128), sums go both ways (8). With all of it in place the
 * inner loop keeps the unit busy for 97 % of the time; with sums 82 %; with activations from the
 * third-level cache and the copy, 47 to 52 % at 512 rows and 28 % at 128.
 */

#include <assert.h>
#include <immintrin.h>
#include <stddef.h>

#include "kernels.h"
#include "pack/pack_tile.h"
#include "simd/silu_avx512.h"
#include "simd/tiles_amx.h"

enum {
  TILE = 1024,      /* bytes */
  BLOCK_ROWS = 256, /* weight rows */
  BLOCK_STEPS = 16, /* of 32 columns */
  BLOCK_M = 512,    /* activation rows, which share one reading of the weights */
  BLOCK_BYTES = BLOCK_ROWS / 16 * BLOCK_STEPS * TILE,
  SUMS_BYTES = BLOCK_ROWS / 32 * (BLOCK_M / 32) * 4 * TILE
};
_Static_assert(2 * BLOCK_BYTES + SUMS_BYTES <= GK_GEMM_SCRATCH, "scratch is too small");

/*
 * The weights of a call. Tiles come in pairs: the same activations are multiplied by rows of `w[0]`
 * and of `w[1]`, which lie 16 rows further on, or in another matrix.
 */
typedef struct weights {
  const unsigned char *w[2];
  int64_t step;    /* bytes from row to row */
  int64_t rows[2]; /* that there are from w[0] and w[1] on */
  int64_t apart;   /* rows from one pair of tiles to the next */
  int64_t pairs;
  int64_t k;
} weights;

/* 256 rows, fewer at the end, by 512 columns. */
typedef struct block {
  int64_t pair, c;    /* the first */
  int pairs, columns; /* how many */
} block;

static block block_at(const weights *w, int64_t pair, int64_t c) {
  const int64_t pairs = w->pairs - pair, columns = w->k - c;
  return (block){.pair = pair,
                 .c = c,
                 .pairs = pairs < BLOCK_ROWS / 32 ? (int)pairs : BLOCK_ROWS / 32,
                 .columns = columns < BLOCK_STEPS * 32 ? (int)columns : BLOCK_STEPS * 32};
}

static int block_steps(const block *b) { return (b->columns + 31) / 32; }

/* Columns first, so that sums wait as short as they can. */
static block block_after(const weights *w, const block *b) {
  const int64_t c = b->c + b->columns;
  return c < w->k ? block_at(w, b->pair, c) : block_at(w, b->pair + b->pairs, 0);
}

/* A block on its way into tiles [pairs, 2, steps, 16 rows, 64 bytes]. */
typedef struct copy {
  const weights *w;
  block b;
  unsigned char *to;
  int row; /* the next, of 32 for each pair */
} copy;

static inline int64_t copy_index(const copy *c, int row) {
  return (c->b.pair + row / 32) * c->w->apart + row % 16;
}

static inline const unsigned char *copy_source(const copy *c, int row) {
  return c->w->w[row / 16 % 2] + copy_index(c, row) * c->w->step + c->b.c * 2;
}

static inline unsigned char *copy_target(const copy *c, int row, int steps) {
  return c->to + (row / 16 * steps * 16 + row % 16) * 64;
}

static inline void copy_line(unsigned char *to, const unsigned char *from) {
  _mm512_storeu_si512(to, _mm512_loadu_si512(from));
}

/* Whether there are all rows and all columns: nothing to fill up with zeros. */
static int is_whole(const copy *c) {
  const int64_t last = copy_index(c, c->b.pairs * 32 - 1);
  return c->b.columns == BLOCK_STEPS * 32 && last < c->w->rows[0] && last < c->w->rows[1];
}

static void copy_row(const copy *c, int row) {
  const int steps = block_steps(&c->b), lines = c->b.columns / 32, tail = c->b.columns % 32;
  unsigned char *const to = copy_target(c, row, steps);
  if (copy_index(c, row) >= c->w->rows[row / 16 % 2]) {
    for (int s = 0; s < steps; s++) _mm512_storeu_si512(to + s * TILE, _mm512_setzero_si512());
    return;
  }
  const unsigned char *const from = copy_source(c, row);
  for (int l = 0; l < lines; l++) copy_line(to + l * TILE, from + l * 64);
  if (tail != 0) {
    const __mmask32 used = (__mmask32)((1u << tail) - 1);
    _mm512_storeu_si512(to + lines * TILE, _mm512_maskz_loadu_epi16(used, from + lines * 64));
  }
}

/* Up to so many rows more. */
static void copy_rows(copy *c, int rows) {
  for (const int all = c->b.pairs * 32; rows > 0 && c->row < all; rows--) copy_row(c, c->row++);
}

/* One run of the inner loop: four tiles of sums. */
typedef struct run {
  float *sums; /* [2, 2, 16, 16] */
  int add;     /* whether there are sums of the columns before */
} run;

#define BEGIN_SUM(tile, r)                           \
  do {                                               \
    if ((r)->add) {                                  \
      _tile_loadd(tile, (r)->sums + tile * 256, 64); \
    } else {                                         \
      _tile_zero(tile);                              \
    }                                                \
  } while (0)

/*
 * now->sums (+)= w[2, steps] x[2, steps], and then the tiles hold the sums of the next run. With one
 * group of activation rows, the second half of the sums means nothing. Meanwhile `rows` of the next
 * block are copied, which is whole, and those after them asked for: 2, 4, 8 or 16, or none.
 */
GK_TEMPLATE void multiply(const unsigned char *w, const unsigned char *x, int64_t x_group,
                          int groups, int steps, const run *now, const run *next, copy *ahead,
                          int rows, const unsigned char *want_x, int want_lines) {
  const unsigned char *const w1 = w + steps * TILE, *const x1 = x + x_group;
  const unsigned char *from = NULL, *want = NULL;
  unsigned char *to = NULL;
  const int steps_a_row = rows == 0 ? 1 : BLOCK_STEPS / rows; /* of `rows` lines each */
  for (int s = 0; s < steps; s++) {
    if (rows > 0) {
      if (s % steps_a_row == 0) {
        const int row = ahead->row + s / steps_a_row, later = row + rows;
        from = copy_source(ahead, row);
        to = copy_target(ahead, row, BLOCK_STEPS);
        want = later < ahead->b.pairs * 32 ? copy_source(ahead, later) : from;
      }
      for (int l = 0; l < rows; l++) {
        _mm_prefetch((const char *)want + l * 64, _MM_HINT_T1);
        copy_line(to + l * TILE, from + l * 64);
      }
      from += rows * 64;
      want += rows * 64;
      to += rows * TILE;
    }
    for (int l = 0; l < want_lines; l++) {
      _mm_prefetch((const char *)want_x + (s * want_lines + l) * 64, _MM_HINT_T1);
    }
    /* The weights go past the first-level cache, which belongs to the activations. */
    _tile_stream_loadd(4, w + s * TILE, 64);
    _tile_loadd(6, x + s * TILE, 64);
    if (groups == 2) _tile_loadd(7, x1 + s * TILE, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_stream_loadd(5, w1 + s * TILE, 64);
    _tile_dpbf16ps(1, 5, 6);
    if (groups == 2) {
      _tile_dpbf16ps(2, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  ahead->row += rows;
  /* Each sum goes and the next comes while the unit is busy with the others. */
  _tile_stored(0, now->sums, 64);
  BEGIN_SUM(0, next);
  _tile_stored(1, now->sums + 256, 64);
  BEGIN_SUM(1, next);
  if (groups == 2) _tile_stored(2, now->sums + 512, 64);
  BEGIN_SUM(2, next);
  if (groups == 2) _tile_stored(3, now->sums + 768, 64);
  BEGIN_SUM(3, next);
}

/* What becomes of two tiles [2, 16, 16] of sums: weight rows of the pair `pair`, activation rows
 * from i on. */
typedef void finish(const void *target, const float *sums, int64_t pair, int64_t i);

/* Sums to be finished one run after they were stored: to load at once what tiles have just left in
 * memory would wait until it is there. */
typedef struct pending {
  const float *sums;
  int64_t pair, i;
  int groups; /* of activation rows; 0 for nothing */
} pending;

GK_TEMPLATE void finish_pending(const pending *p, finish *done, const void *target) {
  for (int g = 0; g < p->groups; g++) done(target, p->sums + g * 512, p->pair, p->i + g * 16);
}

/* All products of packed x [m, k], at most BLOCK_M rows, with the weights. */
GK_TEMPLATE void multiply_all(const weights *w, const unsigned char *x, int64_t m, int64_t first_i,
                              unsigned char *scratch, finish *done, const void *target) {
  const int64_t x_group = packed_tiles(w->k) * TILE;
  float *const sums = (float *)(scratch + 2 * BLOCK_BYTES); /* [pairs, passes, 4, 16, 16] */
  unsigned char *tiles = scratch, *next_tiles = scratch + BLOCK_BYTES;
  const int passes = (int)((m + 31) / 32); /* of 32 activation rows */

  copy first = {w, block_at(w, 0, 0), tiles, 0};
  copy_rows(&first, BLOCK_ROWS);
  gk_tiles_see_stores();
  run now = {sums, 0};
  pending late = {0};
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (block b = first.b, next; b.pair < w->pairs; b = next) {
    next = block_after(w, &b);
    copy ahead = {w, next, next_tiles, 0};
    const int steps = block_steps(&b), runs = passes * b.pairs;
    int rows_a_run = 2;
    while (rows_a_run * runs < next.pairs * 32) rows_a_run *= 2;
    const int meanwhile =
        next.pairs > 0 && steps == BLOCK_STEPS && rows_a_run <= 16 && is_whole(&ahead);
    const int want_lines = (32 + b.pairs - 1) / b.pairs;
    const int last = b.c + b.columns >= w->k;
    for (int pass = 0; pass < passes; pass++) {
      const unsigned char *x_at = x + 2 * pass * x_group + b.c / 32 * TILE;
      const int groups = m - pass * 32 > 16 ? 2 : 1;
      const unsigned char *x_next =
          pass + 1 < passes ? x_at + 2 * x_group : x + (last ? 0 : b.c / 32 + steps) * TILE;
      for (int pair = 0; pair < b.pairs; pair++) {
        const unsigned char *w_at = tiles + pair * 2 * steps * TILE;
        /* A part of the activations of the next pass: two strips of `steps` tiles. */
        const int64_t part = (int64_t)pair * steps * want_lines * 64, strip = steps * TILE;
        const unsigned char *want_x =
            part < strip ? x_next + part : x_next + x_group + (part - strip);
        run after = {sums, next.c > 0}; /* the first of the next block */
        if (pair + 1 < b.pairs) {
          after = (run){now.sums + passes * 1024, b.c > 0};
        } else if (pass + 1 < passes) {
          after = (run){sums + (pass + 1) * 1024, b.c > 0};
        }
        const int rows = meanwhile && ahead.row < next.pairs * 32 ? rows_a_run : 0;
#define MULTIPLY(groups, steps, rows) \
  multiply(w_at, x_at, x_group, groups, steps, &now, &after, &ahead, rows, want_x, want_lines)
        if (groups == 1) {
          MULTIPLY(1, steps, 0);
        } else if (rows == 2) {
          MULTIPLY(2, BLOCK_STEPS, 2);
        } else if (rows == 4) {
          MULTIPLY(2, BLOCK_STEPS, 4);
        } else if (rows == 8) {
          MULTIPLY(2, BLOCK_STEPS, 8);
        } else if (rows == 16) {
          MULTIPLY(2, BLOCK_STEPS, 16);
        } else {
          MULTIPLY(2, steps, 0);
        }
#undef MULTIPLY
        if (groups == 1 || rows == 0) copy_rows(&ahead, rows_a_run);
        finish_pending(&late, done, target);
        late = (pending){now.sums, b.pair + pair, first_i + pass * 32, last ? groups : 0};
        now = after;
      }
    }
    copy_rows(&ahead, BLOCK_ROWS);
    unsigned char *swap = tiles;
    tiles = next_tiles;
    next_tiles = swap;
  }
  finish_pending(&late, done, target);
}

GK_TEMPLATE void multiply_blocks(const weights *w, const void *x, int64_t m, void *scratch,
                                 finish *done, const void *target) {
  gk_tiles_begin();
  for (int64_t i = 0; i < m && w->pairs > 0; i += BLOCK_M) {
    const unsigned char *x_i = (const unsigned char *)x + i / 16 * packed_tiles(w->k) * TILE;
    multiply_all(w, x_i, m - i < BLOCK_M ? m - i : BLOCK_M, i, scratch, done, target);
  }
  _tile_release();
}

typedef struct rows_target {
  int64_t n, m;
  float alpha, beta;
  const int32_t *rows;
  const float *scales;
  float *y;
  int64_t y_stride;
} rows_target;

/* y[rows[i..], 32 * pair..] = alpha * scales * sums' + beta * y */
static void finish_rows(const void *target, const float *sums, int64_t pair, int64_t i) {
  const rows_target *t = target;
  const int64_t rows = t->m - i < 16 ? t->m - i : 16;
  for (int half = 0; half < 2; half++) {
    const int64_t j = pair * 32 + half * 16;
    if (j >= t->n) return;
    const __mmask16 columns = t->n - j >= 16 ? 0xffff : gk_first_lanes(t->n - j);
    __m512 v[16];
    GK_UNROLL(16) for (int r = 0; r < 16; r++) v[r] = _mm512_loadu_ps(sums + (half * 16 + r) * 16);
    gk_transpose_16x16(v);
    GK_UNROLL(16) for (int r = 0; r < 16; r++) {
      if (r < rows) {
        float *y = t->y + (t->rows == NULL ? i + r : t->rows[i + r]) * t->y_stride + j;
        const float factor = t->scales == NULL ? t->alpha : t->alpha * t->scales[i + r];
        __m512 product = _mm512_mul_ps(_mm512_set1_ps(factor), v[r]);
        if (t->beta != 0) {
          const __m512 before = _mm512_maskz_loadu_ps(columns, y);
          product = _mm512_add_ps(product, _mm512_mul_ps(_mm512_set1_ps(t->beta), before));
        }
        _mm512_mask_storeu_ps(y, columns, product);
      }
    }
  }
}

void gemm_bf16_amx(const void *w, int64_t w_stride, int64_t n, int64_t k, const void *x, int64_t m,
                   float alpha, const int32_t *rows, const float *scales, float beta, float *y,
                   int64_t y_stride, void *scratch) {
  assert(n >= 0 && k >= 0 && m >= 0);
  if (k == 0) {
    gemm_bf16_scalar(w, w_stride, n, k, x, m, alpha, rows, scales, beta, y, y_stride, scratch);
    return;
  }
  const unsigned char *const at = w;
  const weights all = {.w = {at, at + (n > 16 ? 16 * w_stride * 2 : 0)},
                       .step = w_stride * 2,
                       .rows = {n, n - 16},
                       .apart = 32,
                       .pairs = (n + 31) / 32,
                       .k = k};
  const rows_target target = {n, m, alpha, beta, rows, scales, y, y_stride};
  multiply_blocks(&all, x, m, scratch, finish_rows, &target);
}

typedef struct packed_target {
  int64_t n, m, first, cols;
  unsigned char *out;
} packed_target;

/* Columns of the result, in pairs, are rows of the sums: they need no transpose. */
static void finish_packed(const void *target, const float *sums, int64_t pair, int64_t i) {
  const packed_target *t = target;
  const int64_t j = t->first + pair * 16, columns = t->n - pair * 16; /* or fewer, or none */
  const __mmask16 rows = t->m - i >= 16 ? 0xffff : gk_first_lanes(t->m - i);
  unsigned char *out = t->out + (i / 16 * packed_tiles(t->cols) + j / 32) * TILE + j % 32 / 2 * 64;
  GK_UNROLL(8) for (int p = 0; p < 8; p++) {
    __m512 gated[2];
    GK_UNROLL(2) for (int h = 0; h < 2; h++) {
      const float *gate = sums + (2 * p + h) * 16, *up = gate + 256;
      const __mmask16 used = 2 * p + h < columns ? rows : 0;
      gated[h] =
          _mm512_maskz_mov_ps(used, gk_vec_silu(_mm512_loadu_ps(gate)) * _mm512_loadu_ps(up));
    }
    _mm512_storeu_si512(out + p * 64, gk_interleave_16(gated[0], gated[1]));
  }
}

void silu_mul_gemm_bf16_amx(const void *gate, const void *up, int64_t w_stride, int64_t n,
                            int64_t k, const void *x, int64_t m, int64_t first, int64_t out_cols,
                            void *out, void *scratch) {
  assert(n >= 0 && k >= 0 && m >= 0 && first % PACKED_COLS == 0);
  assert(n % PACKED_COLS == 0 || first + n == out_cols);
  if (k == 0) {
    silu_mul_gemm_bf16_scalar(gate, up, w_stride, n, k, x, m, first, out_cols, out, scratch);
    return;
  }
  const weights all = {.w = {gate, up},
                       .step = w_stride * 2,
                       .rows = {n, n},
                       .apart = 16,
                       .pairs = (n + 31) / 32 * 2, /* up to the last column of a packed tile */
                       .k = k};
  const packed_target target = {n, m, first, out_cols, out};
  multiply_blocks(&all, x, m, scratch, finish_packed, &target);
}
