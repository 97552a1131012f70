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
 * in use for microseconds. The copy is what brings the weights from memory; it costs the inner loop
 * two loads and two stores a step, on ports that the tile unit does not need.
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
  SUMS_BYTES = BLOCK_ROWS / 32 * (BLOCK_M / 32) * 4 * TILE,
  MOST_AT_ONCE = BLOCK_ROWS / 8 /* weight rows copied during one pass of the inner loop */
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
  int done; /* rows, of 32 for each pair */
} copy;

static const unsigned char *copy_source(const copy *c, int row) {
  const int which = row / 16 % 2;
  const int64_t at = (c->b.pair + row / 32) * c->w->apart + row % 16;
  return at < c->w->rows[which] ? c->w->w[which] + at * c->w->step + c->b.c * 2 : NULL;
}

/* Rows of a block that are copied while the inner loop runs once, and what that run asks for. */
typedef struct copy_rows {
  int count, lines, tail; /* rows; whole lines of 64 bytes in each; elements after them */
  const unsigned char *from[MOST_AT_ONCE];
  unsigned char *to[MOST_AT_ONCE];
  int wanted; /* rows that the next run will copy */
  const unsigned char *want[MOST_AT_ONCE];
} copy_rows;

static void copy_begin(copy *c, int count, copy_rows *some) {
  const int rows = c->b.pairs * 32, steps = block_steps(&c->b);
  some->count = some->wanted = 0;
  some->lines = c->b.columns / 32;
  some->tail = c->b.columns % 32;
  for (int last = c->done + count < rows ? c->done + count : rows; c->done < last; c->done++) {
    unsigned char *to = c->to + (c->done / 16 * steps * 16 + c->done % 16) * 64;
    const unsigned char *from = copy_source(c, c->done);
    if (from == NULL) { /* fills up a tile */
      for (int s = 0; s < steps; s++) _mm512_storeu_si512(to + s * TILE, _mm512_setzero_si512());
    } else {
      some->from[some->count] = from;
      some->to[some->count++] = to;
    }
  }
  for (int row = c->done; row < c->done + count && row < rows; row++) {
    const unsigned char *from = copy_source(c, row);
    if (from != NULL) some->want[some->wanted++] = from;
  }
}

static inline void copy_line(const copy_rows *some, int line) {
  for (int r = 0; r < some->wanted; r++) {
    _mm_prefetch((const char *)some->want[r] + line * 64, _MM_HINT_T1);
  }
  for (int r = 0; r < some->count; r++) {
    _mm512_storeu_si512(some->to[r] + line * TILE, _mm512_loadu_si512(some->from[r] + line * 64));
  }
}

/* What is left after the first `line` lines. */
static void copy_end(const copy_rows *some, int line) {
  for (; line < some->lines; line++) copy_line(some, line);
  if (some->tail == 0) return;
  const __mmask32 tail = (__mmask32)((1u << some->tail) - 1);
  for (int r = 0; r < some->count; r++) {
    _mm512_storeu_si512(some->to[r] + some->lines * TILE,
                        _mm512_maskz_loadu_epi16(tail, some->from[r] + some->lines * 64));
  }
}

static void copy_all(copy *c) {
  while (c->done < c->b.pairs * 32) {
    copy_rows some;
    copy_begin(c, 8, &some);
    copy_end(&some, 0);
  }
}

/* sums[2, 2, 16, 16] (+)= w[2, steps] x[2, steps], and meanwhile some rows of the next block are
 * copied. With one group of activation rows, the second half of sums is left alone. */
GK_TEMPLATE void multiply(const unsigned char *w, const unsigned char *x, int64_t x_group,
                          int groups, int steps, int add, float *sums, const copy_rows *some,
                          const unsigned char *want_x, int want_lines) {
  const unsigned char *const w1 = w + steps * TILE, *const x1 = x + x_group;
  if (add) {
    _tile_loadd(0, sums, 64);
    _tile_loadd(1, sums + 256, 64);
    if (groups == 2) {
      _tile_loadd(2, sums + 512, 64);
      _tile_loadd(3, sums + 768, 64);
    }
  } else {
    _tile_zero(0);
    _tile_zero(1);
    if (groups == 2) {
      _tile_zero(2);
      _tile_zero(3);
    }
  }
  const int together = steps < some->lines ? steps : some->lines;
  for (int s = 0; s < steps; s++) {
    if (s < together) copy_line(some, s);
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
  copy_end(some, together);
  _tile_stored(0, sums, 64);
  _tile_stored(1, sums + 256, 64);
  if (groups == 2) {
    _tile_stored(2, sums + 512, 64);
    _tile_stored(3, sums + 768, 64);
  }
}

/* What becomes of two tiles [2, 16, 16] of sums: weight rows of the pair `pair`, activation rows
 * from i on. */
typedef void finish(const void *target, const float *sums, int64_t pair, int64_t i);

/* All products of packed x [m, k], at most BLOCK_M rows, with the weights. */
GK_TEMPLATE void multiply_all(const weights *w, const unsigned char *x, int64_t m, int64_t first_i,
                              unsigned char *scratch, finish *done, const void *target) {
  const int64_t x_group = packed_tiles(w->k) * TILE;
  float *const sums = (float *)(scratch + 2 * BLOCK_BYTES); /* [pairs, passes, 4, 16, 16] */
  unsigned char *tiles = scratch, *next_tiles = scratch + BLOCK_BYTES;
  const int passes = (int)((m + 31) / 32); /* of 32 activation rows */

  copy first = {w, block_at(w, 0, 0), tiles, 0};
  copy_all(&first);
  for (block b = first.b, next; b.pair < w->pairs; b = next) {
    next = block_after(w, &b);
    copy ahead = {w, next, next_tiles, 0};
    const int steps = block_steps(&b), runs = passes * b.pairs;
    const int rows_a_run = (next.pairs * 32 + runs - 1) / runs;
    const int want_lines = (32 + b.pairs - 1) / b.pairs;
    const int add = b.c > 0, last = b.c + b.columns >= w->k;
    for (int pass = 0; pass < passes; pass++) {
      const unsigned char *x_at = x + 2 * pass * x_group + b.c / 32 * TILE;
      const int groups = m - pass * 32 > 16 ? 2 : 1;
      const unsigned char *x_next =
          pass + 1 < passes ? x_at + 2 * x_group : x + (last ? 0 : b.c / 32 + steps) * TILE;
      for (int pair = 0; pair < b.pairs; pair++) {
        const unsigned char *w_at = tiles + pair * 2 * steps * TILE;
        float *sums_at = sums + (pair * passes + pass) * 1024;
        copy_rows some;
        copy_begin(&ahead, rows_a_run, &some);
        /* A part of the activations of the next pass: two strips of `steps` tiles. */
        const int64_t part = (int64_t)pair * steps * want_lines * 64, strip = steps * TILE;
        const unsigned char *want_x =
            part < strip ? x_next + part : x_next + x_group + (part - strip);
        if (groups == 2) {
          multiply(w_at, x_at, x_group, 2, steps, add, sums_at, &some, want_x, want_lines);
        } else {
          multiply(w_at, x_at, x_group, 1, steps, add, sums_at, &some, want_x, want_lines);
        }
        for (int g = 0; last && g < groups; g++) {
          done(target, sums_at + g * 512, b.pair + pair, first_i + pass * 32 + g * 16);
        }
      }
    }
    unsigned char *swap = tiles;
    tiles = next_tiles;
    next_tiles = swap;
  }
}

GK_TEMPLATE void multiply_blocks(const weights *w, const void *x, int64_t m, void *scratch,
                                 finish *done, const void *target) {
  gk_tiles_begin();
  for (int64_t i = 0; i < m; i += BLOCK_M) {
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
