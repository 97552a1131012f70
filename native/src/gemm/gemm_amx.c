/*
 * Products on the tile unit. It multiplies 16 rows of 32 bfloat16, which is what a row-major weight
 * is, by 32 x 16 stored as pairs, which is what packed activations are. So each tile of the result
 * is a piece of the transposed product, 16 weight rows by 16 activation rows.
 *
 * Runs. One step of the inner loop multiplies 2 tiles of weights by 2 of activations, four products
 * of 16 cycles for four loads of 1 KiB; a run is as many steps as its columns have. Two orders:
 *
 *   Where the activations stay in the second-level cache, of columns that are not too many, a run
 *   has all columns and sums never leave the tiles:
 *
 *     for each 32 weight rows                            64 KiB of 1024 columns
 *       for each 32 activation rows                      all of them at most 1 MiB
 *
 *   Otherwise it has 512, and of its activations 32 KiB, which stay in the first-level cache; sums
 *   wait in scratch from one 512 columns to the next:
 *
 *     for each block of 256 weight rows x 512 columns    in the second-level cache
 *       for each 32 activation rows                      32 KiB, in the first-level cache
 *         for each 32 of the weight rows
 *
 * Weights. Rows that are a power of two long would meet in the same sets of every cache (two dozen
 * rows of 16 KiB fill theirs), and their ends may lie anywhere. So while one block is multiplied
 * the next is copied, a few lines in each step, into tiles that lie side by side and are in use for
 * microseconds. The copy is what brings the weights from memory. Where it can, a block has whole
 * rows: its copy then reads without a gap, which the CPU sees and fetches ahead into the
 * second-level cache, faster than it could be asked to.
 *
 * Results. What becomes of a run's sums is spread over the steps of the run after the next, in
 * pieces: in a block between two runs it would keep the unit waiting, since the CPU looks no more
 * than three steps ahead. The run in between asks for the lines that they go to.
 *
 * Groups. Experts have weights of their own and few activations each. They are multiplied in one
 * go, so that the first block of each is copied beside the last of the one before.
 *
 * What bounds it, on Sapphire and Emerald Rapids: lines on their way into and out of the
 * first-level cache. A step is 64 cycles of the unit. With weights in the second-level cache and
 * activations in the first, and nothing else, it takes 65; with both in the second, 79. In a model,
 * on two cores that share memory, leaving parts out of 120 cycles (512 activation rows, 2048
 * columns) shows what each takes: the copy 27, half of it to fetch its 2 lines a step and half to
 * store them; activations on their way from the third-level cache 14; sums that wait, and results,
 * 15. Of experts (128 rows, 1024 columns) the copy takes 40 in a hundred.
 */

#include <assert.h>
#include <immintrin.h>
#include <stddef.h>

#include "kernels.h"
#include "pack/pack_tile.h"
#include "simd/silu_avx512.h"
#include "simd/tiles_amx.h"

enum {
  TILE = 1024,          /* bytes */
  RUN_STEPS = 16,       /* of 32 columns, where sums wait */
  LONG_STEPS = 64,      /* at most, where they do not */
  NEAR_BYTES = 1 << 20, /* of activations that stay in the second-level cache */
  BLOCK_PAIRS = 8,      /* of tiles: 256 weight rows */
  BLOCK_M = 512,        /* activation rows, which share one reading of the weights */
  BLOCK_BYTES = BLOCK_PAIRS * 2 * RUN_STEPS * TILE,
  SUMS_BYTES = BLOCK_PAIRS * (BLOCK_M / 32) * 4 * TILE,
  SLOTS = 4,  /* for sums that do not wait */
  STREAMS = 4 /* at most, of a copy */
};
_Static_assert(2 * LONG_STEPS * TILE <= BLOCK_BYTES, "a block of long rows is too long");
_Static_assert(2 * BLOCK_BYTES + SUMS_BYTES <= GK_GEMM_SCRATCH, "scratch is too small");

/*
 * The weights of a call: of each group, a matrix. Tiles come in pairs: the same activations are
 * multiplied by rows of `w[0]` and of `w[1]`, which lie 16 rows further on, or in another matrix.
 */
typedef struct weights {
  const unsigned char *w[2]; /* of the first group */
  int64_t step;              /* bytes from row to row */
  int64_t group;             /* bytes from group to group */
  int64_t rows[2];           /* that there are from w[0] and w[1] on */
  int64_t apart;             /* rows from one pair of tiles to the next */
  int64_t pairs;
  int64_t k;
} weights;

/* The activations of a call: group g has rows starts[g] to starts[g + 1], from a tile on. */
typedef struct activations {
  const unsigned char *x; /* packed */
  int64_t groups;
  const int32_t *starts; /* NULL for one group of `m` rows */
  int64_t m;
} activations;

static int64_t group_end(const activations *a, int64_t group) {
  return a->starts == NULL ? a->m : a->starts[group + 1];
}

/* Activation rows of one group, which share one reading of its weights. */
typedef struct part {
  int64_t group;
  int64_t row, tile; /* the first: among all rows, and among tiles of 16 */
  int64_t m;         /* at most BLOCK_M; 0 after the last part */
} part;

/* What comes from that row on, which is of this group or the next that has any. */
static part part_from(const activations *a, int64_t group, int64_t row, int64_t tile) {
  while (group < a->groups && row == group_end(a, group)) group++;
  const int64_t m = group < a->groups ? group_end(a, group) - row : 0;
  return (part){group, row, tile, m < BLOCK_M ? m : BLOCK_M};
}

static part part_after(const activations *a, const part *p) {
  return part_from(a, p->group, p->row + p->m, p->tile + (p->m + 15) / 16);
}

/* Some rows, and all their columns or 512, of a part's weights. */
typedef struct block {
  part p;
  int64_t pair, c;    /* the first */
  int pairs, columns; /* how many */
} block;

static block block_at(const weights *w, const part *p, int64_t pair, int64_t c) {
  const int64_t steps = packed_tiles(w->k), x_bytes = (p->m + 15) / 16 * steps * TILE;
  const int alone = steps > RUN_STEPS && steps <= LONG_STEPS && p->m > 32 && x_bytes <= NEAR_BYTES;
  const int64_t most = alone ? 1 : BLOCK_PAIRS;
  const int64_t pairs = w->pairs - pair, columns = w->k - c;
  return (block){.p = *p,
                 .pair = pair,
                 .c = c,
                 .pairs = (int)(pairs < most ? pairs : most),
                 .columns = (int)(alone || columns < RUN_STEPS * 32 ? columns : RUN_STEPS * 32)};
}

static int block_steps(const block *b) { return (b->columns + 31) / 32; }

/* Of 32 activation rows. */
static int block_passes(const block *b) { return (int)((b->p.m + 31) / 32); }

/* Whether a run has all columns. */
static int is_whole(const weights *w, const block *b) { return b->columns == w->k; }

/* Columns before rows, so that sums wait as short as they can. */
static block block_after(const weights *w, const activations *a, const block *b) {
  const int64_t c = b->c + b->columns, pair = b->pair + b->pairs;
  if (c < w->k) return block_at(w, &b->p, b->pair, c);
  if (pair < w->pairs) return block_at(w, &b->p, pair, 0);
  const part next = part_after(a, &b->p);
  return block_at(w, &next, 0, 0);
}

/*
 * A block on its way into tiles [pairs, 2, steps, 16 rows, 64 bytes], in two or four streams side by
 * side: the first half of them reads rows of w[0] one after the other, the second of w[1].
 */
typedef struct copy {
  const weights *w;
  block b;
  unsigned char *to;
  int streams;
  int rows;      /* of each stream */
  int row, line; /* of each stream, the next */
} copy;

static copy copy_of(const weights *w, const block *b, unsigned char *to, int streams) {
  return (copy){.w = w, .b = *b, .to = to, .streams = streams, .rows = b->pairs * 32 / streams};
}

/* Which w[] a stream reads. */
static inline int copy_half(const copy *c, int stream) { return stream * 2 / c->streams; }

/* A stream's row among those that the block has of w[]. */
static inline int copy_place(const copy *c, int stream, int row) {
  return stream % (c->streams / 2) * c->rows + row;
}

/* A stream's row among all of w[]. */
static inline int64_t copy_index(const copy *c, int stream, int row) {
  const int place = copy_place(c, stream, row);
  return (c->b.pair + place / 16) * c->w->apart + place % 16;
}

static inline const unsigned char *copy_source(const copy *c, int stream, int row) {
  return c->w->w[copy_half(c, stream)] + c->b.p.group * c->w->group +
         copy_index(c, stream, row) * c->w->step + c->b.c * 2;
}

static inline unsigned char *copy_target(const copy *c, int stream, int row, int steps) {
  const int place = copy_place(c, stream, row);
  return c->to + ((place / 16 * 2 + copy_half(c, stream)) * steps * 16 + place % 16) * 64;
}

static inline void copy_line(unsigned char *to, const unsigned char *from) {
  _mm512_storeu_si512(to, _mm512_loadu_si512(from));
}

/* Whether there are all rows, of so many lines that a stream's steps end with a row: it takes 1, 2
 * or 4 lines in each. */
static int is_even(const copy *c) {
  const int64_t last = (c->b.pair + c->b.pairs - 1) * c->w->apart + 15;
  return c->b.columns % (4 * 32) == 0 && last < c->w->rows[0] && last < c->w->rows[1];
}

/* A row from a line on; rows and columns that there are not are zeros. */
static void copy_row(const copy *c, int stream, int row, int line) {
  const int steps = block_steps(&c->b), lines = c->b.columns / 32, tail = c->b.columns % 32;
  unsigned char *const to = copy_target(c, stream, row, steps);
  if (copy_index(c, stream, row) >= c->w->rows[copy_half(c, stream)]) {
    for (int s = line; s < steps; s++) _mm512_storeu_si512(to + s * TILE, _mm512_setzero_si512());
    return;
  }
  const unsigned char *const from = copy_source(c, stream, row);
  for (int l = line; l < lines; l++) copy_line(to + l * TILE, from + l * 64);
  if (tail != 0) {
    const __mmask32 used = (__mmask32)((1u << tail) - 1);
    _mm512_storeu_si512(to + lines * TILE, _mm512_maskz_loadu_epi16(used, from + lines * 64));
  }
}

/* All that is left. */
static void copy_rest(copy *c) {
  for (; c->row < c->rows; c->row++) {
    for (int stream = 0; stream < c->streams; stream++) copy_row(c, stream, c->row, c->line);
    c->line = 0;
  }
}

/* Where a stream is. */
typedef struct stream {
  const unsigned char *from, *want; /* `want`: the same place in the row after */
  unsigned char *to;
} stream;

static inline stream stream_at(const copy *c, int i, int steps) {
  const int after = c->row + 1 < c->rows ? c->row + 1 : c->row;
  return (stream){.from = copy_source(c, i, c->row) + c->line * 64,
                  .want = copy_source(c, i, after) + c->line * 64,
                  .to = copy_target(c, i, c->row, steps) + c->line * TILE};
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

/* An eighth of 4 KiB: what the second half of a run asks for in each of its steps. */
static inline void want_sums(const run *next, int s) {
  for (int l = s % 8 * 8; l < s % 8 * 8 + 8; l++) {
    _mm_prefetch((const char *)next->sums + l * 64, _MM_HINT_T0);
  }
}

/* Four tiles [2, 2, 16, 16] of sums to be finished: of the pair `pair` of weights; of up to 32
 * activation rows from the first, `row` among all rows and `tile` among tiles. */
typedef struct pending {
  const float *sums;
  int64_t pair, row, tile;
  int rows; /* 0 for nothing */
} pending;

enum { PIECES = 16 };

/* Finishes a piece of sums, or asks for the lines that it will go to. */
typedef void finish(const void *target, const pending *p, int piece);

typedef struct finisher {
  finish *done, *expect;
  const void *target;
} finisher;

GK_TEMPLATE void finish_from(const finisher *f, pending *p, int piece) {
  if (p->rows > 0) {
    for (; piece < PIECES; piece++) f->done(f->target, p, piece);
  }
  p->rows = 0;
}

/* Two rows of tiles of weights, two of activations; with one of these, x[1] is not read. */
typedef struct operands {
  const unsigned char *w[2], *x[2];
} operands;

/* What a run asks for: so many lines in each of its steps. */
typedef struct wish {
  const unsigned char *x;
  int lines;
} wish;

/*
 * now->sums (+)= w[2, steps] x[2, steps], and then the tiles hold the sums of the next run. With one
 * group of activation rows, the second half of the sums means nothing. Meanwhile, in each step, so
 * many `lines` of the next block are copied: 2, 4, 8 or 16, or none; and `ready` is finished, while
 * `late` is expected. Where there are `gaps` between the rows that are copied, the CPU does not see
 * which line comes next, so it is asked for a row ahead.
 */
GK_TEMPLATE void multiply(const operands *of, int groups, int steps, const run *now,
                          const run *next, int lines, int gaps, copy *ahead, const wish *want,
                          const finisher *f, pending *ready, const pending *late) {
  const int streams = lines < STREAMS ? lines : STREAMS, each = lines == 0 ? 0 : lines / streams;
  const int row_lines = block_steps(&ahead->b);
  const int apart = steps < 2 * PIECES ? 1 : steps / PIECES; /* steps from piece to piece */
  int line = ahead->line, piece = 0, due = 0;
  stream at[STREAMS];
  for (int i = 0; i < streams; i++) at[i] = stream_at(ahead, i, row_lines);
  for (int s = 0; s < steps; s++) {
    if (lines > 0) {
      GK_UNROLL(4) for (int i = 0; i < streams; i++) {
        for (int l = 0; l < each; l++) {
          if (gaps) _mm_prefetch((const char *)at[i].want + l * 64, _MM_HINT_T1);
          if (lines == 2) __builtin_prefetch(at[i].to + (each + l) * TILE, 1);
          copy_line(at[i].to + l * TILE, at[i].from + l * 64);
        }
        at[i].from += each * 64;
        at[i].want += each * 64;
        at[i].to += each * TILE;
      }
      line += each;
      if (line == row_lines) {
        ahead->line = line = 0;
        ahead->row++;
        for (int i = 0; i < streams; i++) at[i] = stream_at(ahead, i, row_lines);
      }
    }
    for (int l = 0; l < want->lines; l++) {
      _mm_prefetch((const char *)want->x + (s * want->lines + l) * 64, _MM_HINT_T1);
    }
    if (next->add && s >= RUN_STEPS / 2) want_sums(next, s);
    if (s == due && piece < PIECES) {
      if (ready->rows > 0) f->done(f->target, ready, piece);
      if (late->rows > 0) f->expect(f->target, late, piece);
      piece++;
      due += apart;
    }
    /* The weights go past the first-level cache, which belongs to the activations. */
    _tile_stream_loadd(4, of->w[0] + s * TILE, 64);
    _tile_loadd(6, of->x[0] + s * TILE, 64);
    if (groups == 2) _tile_loadd(7, of->x[1] + s * TILE, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_stream_loadd(5, of->w[1] + s * TILE, 64);
    _tile_dpbf16ps(1, 5, 6);
    if (groups == 2) {
      _tile_dpbf16ps(2, 4, 7);
      _tile_dpbf16ps(3, 5, 7);
    }
  }
  ahead->line = line;
  /* Each sum goes and the next comes while the unit is busy with the others. */
  _tile_stored(0, now->sums, 64);
  BEGIN_SUM(0, next);
  _tile_stored(1, now->sums + 256, 64);
  BEGIN_SUM(1, next);
  if (groups == 2) _tile_stored(2, now->sums + 512, 64);
  BEGIN_SUM(2, next);
  if (groups == 2) _tile_stored(3, now->sums + 768, 64);
  BEGIN_SUM(3, next);
  finish_from(f, ready, piece);
}

/* So many lines in each step copy a block in so many of them. */
static int lines_a_step(const block *b, int steps) {
  int lines = 2;
  while (lines < 16 && lines * steps < b->pairs * 32 * block_steps(b)) lines *= 2;
  return lines;
}

/* Where the sums of one pair of weights and one pass of activations are. */
static float *sums_at(float *sums, const block *b, int pair, int pass) {
  return sums + ((int64_t)pair * block_passes(b) + pass) * 1024;
}

/* The run after that of a pair and a pass of a block. */
GK_TEMPLATE run run_after(const weights *w, const block *b, const block *next, int pair, int pass,
                          float *sums, int *slot) {
  const int more_pairs = pair + 1 < b->pairs, more = more_pairs || pass + 1 < block_passes(b);
  const block *const then = more ? b : next;
  run after = {.add = then->c > 0};
  if (is_whole(w, then)) {
    *slot = (*slot + 1) % SLOTS;
    after.sums = sums + *slot * 1024;
  } else if (more_pairs) {
    after.sums = sums_at(sums, b, pair + 1, pass);
  } else {
    after.sums = sums_at(sums, then, 0, more ? pass + 1 : 0);
  }
  return after;
}

/* All products of the activations with the weights. */
GK_TEMPLATE void multiply_all(const weights *w, const activations *a, void *scratch,
                              const finisher *f) {
  const int64_t x_group = packed_tiles(w->k) * TILE;
  unsigned char *tiles = scratch, *next_tiles = tiles + BLOCK_BYTES;
  float *const sums = (float *)(tiles + 2 * BLOCK_BYTES); /* [pairs, passes, 4, 16, 16] */
  const part start = part_from(a, 0, a->starts == NULL ? 0 : a->starts[0], 0);
  if (start.m == 0 || w->pairs == 0) return;

  block b = block_at(w, &start, 0, 0), next;
  copy first = copy_of(w, &b, tiles, STREAMS);
  copy_rest(&first);
  gk_tiles_begin();
  gk_tiles_see_stores();
  int slot = 0;
  run now = {.sums = sums};
  pending late = {0}, ready = {0}; /* of the run before, and of the one before that */
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (; b.p.m > 0; b = next) {
    next = block_after(w, a, &b);
    const int more = next.p.m > 0;
    const int passes = block_passes(&b), steps = block_steps(&b);
    const int full_passes = (int)((b.p.m + 15) / 32); /* which copy beside their products */
    const int lines = lines_a_step(&next, full_passes * b.pairs * steps);
    copy ahead = copy_of(w, &next, next_tiles, lines < STREAMS ? lines : STREAMS);
    const int meanwhile = more && is_even(&ahead);
    const int last = b.c + b.columns >= w->k;
    const unsigned char *const x = a->x + b.p.tile * x_group + b.c / 32 * TILE;
    const unsigned char *const next_x =
        more ? a->x + next.p.tile * x_group + next.c / 32 * TILE : x;
    for (int pass = 0; pass < passes; pass++) {
      const unsigned char *const x_at = x + 2 * pass * x_group;
      const unsigned char *const x_next = pass + 1 < passes ? x_at + 2 * x_group : next_x;
      const int rows = (int)b.p.m - pass * 32, groups = rows > 16 ? 2 : 1;
      for (int pair = 0; pair < b.pairs; pair++) {
        const unsigned char *const w_at = tiles + pair * 2 * steps * TILE;
        const operands of = {{w_at, w_at + steps * TILE}, {x_at, x_at + x_group}};
        /* Some of the activations of the next pass, two strips of tiles, unless they are near. */
        const int want_lines = steps > RUN_STEPS ? 0 : (32 + b.pairs - 1) / b.pairs;
        const int64_t from = (int64_t)pair * steps * want_lines * 64, strip = steps * TILE;
        const wish want = {from < strip ? x_next + from : x_next + x_group + (from - strip),
                           want_lines};
        const run after = run_after(w, &b, &next, pair, pass, sums, &slot);
        if (late.sums == now.sums || ready.sums == now.sums) { /* of one pair, one pass */
          finish_from(f, &ready, 0);
          finish_from(f, &late, 0);
        }
#define MULTIPLY(groups, lines, gaps) \
  multiply(&of, groups, steps, &now, &after, lines, gaps, &ahead, &want, f, &ready, &late)
#define MULTIPLY_AND_COPY(lines) \
  do {                           \
    if (is_whole(w, &next)) {    \
      MULTIPLY(2, lines, 0);     \
    } else {                     \
      MULTIPLY(2, lines, 1);     \
    }                            \
  } while (0)
        const int copied = meanwhile && ahead.row < ahead.rows ? lines : 0;
        if (groups == 1) {
          MULTIPLY(1, 0, 0);
        } else if (copied == 0) {
          MULTIPLY(2, 0, 0);
        } else if (copied == 2) {
          MULTIPLY_AND_COPY(2);
        } else if (copied == 4) {
          MULTIPLY_AND_COPY(4);
        } else if (copied == 8) {
          MULTIPLY_AND_COPY(8);
        } else {
          MULTIPLY_AND_COPY(16);
        }
#undef MULTIPLY_AND_COPY
#undef MULTIPLY
        ready = late;
        late = (pending){.sums = now.sums,
                         .pair = b.pair + pair,
                         .row = b.p.row + pass * 32,
                         .tile = b.p.tile + pass * 2,
                         .rows = !last       ? 0
                                 : rows < 32 ? rows
                                             : 32};
        now = after;
      }
    }
    if (more) copy_rest(&ahead);
    unsigned char *const swap = tiles;
    tiles = next_tiles;
    next_tiles = swap;
  }
  finish_from(f, &ready, 0);
  finish_from(f, &late, 0);
  _tile_release();
}

typedef struct rows_target {
  int64_t n;
  float alpha, beta;
  const int32_t *rows;
  const float *scales;
  float *y;
  int64_t y_stride;
} rows_target;

/* Where in y 16 columns of a pending row go. */
static inline float *row_at(const rows_target *t, const pending *p, int row, int half) {
  const int64_t i = p->row + row;
  return t->y + (t->rows == NULL ? i : t->rows[i]) * t->y_stride + p->pair * 32 + half * 16;
}

/* The fourth part of a half: y[rows[row..row + 4], 16 columns] = alpha * scales * sums' + beta * y.
 * Loads put the rows of a column together in fours, which leaves 4 x 4 to transpose. */
static inline void finish_rows(const void *target, const pending *p, int piece) {
  const rows_target *t = target;
  const int half = piece % 2, group = piece / 8, first = piece / 2 % 4 * 4;
  const int row = group * 16 + first;
  const int64_t left = t->n - p->pair * 32 - half * 16;
  if (left <= 0 || row >= p->rows) return;
  const __mmask16 columns = left >= 16 ? 0xffff : gk_first_lanes(left);
  const float *const sums = p->sums + (group * 2 + half) * 256 + first;
  __m512 v[4];
  GK_UNROLL(4) for (int r = 0; r < 4; r++) {
    v[r] = _mm512_castps128_ps512(_mm_loadu_ps(sums + r * 16));
    v[r] = _mm512_insertf32x4(v[r], _mm_loadu_ps(sums + (r + 4) * 16), 1);
    v[r] = _mm512_insertf32x4(v[r], _mm_loadu_ps(sums + (r + 8) * 16), 2);
    v[r] = _mm512_insertf32x4(v[r], _mm_loadu_ps(sums + (r + 12) * 16), 3);
  }
  const __m512 low[2] = {_mm512_unpacklo_ps(v[0], v[1]), _mm512_unpacklo_ps(v[2], v[3])};
  const __m512 high[2] = {_mm512_unpackhi_ps(v[0], v[1]), _mm512_unpackhi_ps(v[2], v[3])};
  v[0] = _mm512_shuffle_ps(low[0], low[1], 0x44);
  v[1] = _mm512_shuffle_ps(low[0], low[1], 0xee);
  v[2] = _mm512_shuffle_ps(high[0], high[1], 0x44);
  v[3] = _mm512_shuffle_ps(high[0], high[1], 0xee);
  GK_UNROLL(4) for (int r = 0; r < 4; r++) {
    if (row + r < p->rows) {
      float *const y = row_at(t, p, row + r, half);
      const float factor = t->scales == NULL ? t->alpha : t->alpha * t->scales[p->row + row + r];
      __m512 product = _mm512_mul_ps(_mm512_set1_ps(factor), v[r]);
      if (t->beta != 0) {
        const __m512 before = _mm512_maskz_loadu_ps(columns, y);
        product = _mm512_add_ps(product, _mm512_mul_ps(_mm512_set1_ps(t->beta), before));
      }
      _mm512_mask_storeu_ps(y, columns, product);
    }
  }
}

static inline void expect_rows(const void *target, const pending *p, int piece) {
  const int row = piece / 2 * 4;
  for (int r = row; r < row + 4 && r < p->rows; r++) {
    _mm_prefetch((const char *)row_at(target, p, r, piece % 2), _MM_HINT_T1);
  }
}

static void multiply_rows(const void *w, int64_t w_stride, int64_t w_group, int64_t n, int64_t k,
                          const activations *a, float alpha, const int32_t *rows,
                          const float *scales, float beta, float *y, int64_t y_stride,
                          void *scratch) {
  const unsigned char *const at = w;
  const weights all = {.w = {at, at + (n > 16 ? 16 * w_stride * 2 : 0)},
                       .step = w_stride * 2,
                       .group = w_group * 2,
                       .rows = {n, n - 16},
                       .apart = 32,
                       .pairs = (n + 31) / 32,
                       .k = k};
  const rows_target target = {n, alpha, beta, rows, scales, y, y_stride};
  const finisher f = {finish_rows, expect_rows, &target};
  multiply_all(&all, a, scratch, &f);
}

void gemm_bf16_amx(const void *w, int64_t w_stride, int64_t n, int64_t k, const void *x, int64_t m,
                   float alpha, const int32_t *rows, const float *scales, float beta, float *y,
                   int64_t y_stride, void *scratch) {
  assert(n >= 0 && k >= 0 && m >= 0);
  if (k == 0) {
    gemm_bf16_scalar(w, w_stride, n, k, x, m, alpha, rows, scales, beta, y, y_stride, scratch);
    return;
  }
  const activations a = {.x = x, .groups = 1, .m = m};
  multiply_rows(w, w_stride, 0, n, k, &a, alpha, rows, scales, beta, y, y_stride, scratch);
}

void gemm_grouped_bf16_amx(const void *w, int64_t w_stride, int64_t w_group, int64_t n, int64_t k,
                           const void *x, int64_t groups, const int32_t *starts, float alpha,
                           const int32_t *rows, const float *scales, float beta, float *y,
                           int64_t y_stride, void *scratch) {
  assert(n >= 0 && k >= 0 && groups >= 0);
  if (k == 0) {
    gemm_grouped_bf16_scalar(w, w_stride, w_group, n, k, x, groups, starts, alpha, rows, scales,
                             beta, y, y_stride, scratch);
    return;
  }
  const activations a = {.x = x, .groups = groups, .starts = starts};
  multiply_rows(w, w_stride, w_group, n, k, &a, alpha, rows, scales, beta, y, y_stride, scratch);
}

typedef struct packed_target {
  int64_t n, first, cols;
  unsigned char *out;
} packed_target;

/* Where a piece goes: two columns of up to 16 rows. */
static inline unsigned char *piece_at(const packed_target *t, const pending *p, int piece) {
  const int64_t j = t->first + p->pair * 16 + piece % 8 * 2;
  return t->out + ((p->tile + piece / 8) * packed_tiles(t->cols) + j / 32) * TILE + j % 32 / 2 * 64;
}

/* Columns of the result, in pairs, are rows of the sums: they need no transpose. */
static inline void finish_packed(const void *target, const pending *p, int piece) {
  const packed_target *t = target;
  const int first = piece % 8 * 2, rows = p->rows - piece / 8 * 16;
  if (rows <= 0) return;
  const int64_t columns = t->n - p->pair * 16; /* or fewer than 16, or none */
  const __mmask16 there = rows >= 16 ? 0xffff : gk_first_lanes(rows);
  const float *const sums = p->sums + piece / 8 * 512;
  __m512 gated[2];
  GK_UNROLL(2) for (int h = 0; h < 2; h++) {
    const float *gate = sums + (first + h) * 16, *up = gate + 256;
    const __mmask16 used = first + h < columns ? there : 0;
    gated[h] = _mm512_maskz_mov_ps(used, gk_vec_silu(_mm512_loadu_ps(gate)) * _mm512_loadu_ps(up));
  }
  _mm512_storeu_si512(piece_at(t, p, piece), gk_interleave_16(gated[0], gated[1]));
}

static inline void expect_packed(const void *target, const pending *p, int piece) {
  if (piece / 8 * 16 < p->rows) __builtin_prefetch(piece_at(target, p, piece), 1);
}

static void multiply_gated(const void *gate, const void *up, int64_t w_stride, int64_t w_group,
                           int64_t n, int64_t k, const activations *a, int64_t first,
                           int64_t out_cols, void *out, void *scratch) {
  const weights all = {.w = {gate, up},
                       .step = w_stride * 2,
                       .group = w_group * 2,
                       .rows = {n, n},
                       .apart = 16,
                       .pairs = (n + 31) / 32 * 2, /* up to the last column of a packed tile */
                       .k = k};
  const packed_target target = {n, first, out_cols, out};
  const finisher f = {finish_packed, expect_packed, &target};
  multiply_all(&all, a, scratch, &f);
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
  const activations a = {.x = x, .groups = 1, .m = m};
  multiply_gated(gate, up, w_stride, 0, n, k, &a, first, out_cols, out, scratch);
}

void silu_mul_gemm_grouped_bf16_amx(const void *gate, const void *up, int64_t w_stride,
                                    int64_t w_group, int64_t n, int64_t k, const void *x,
                                    int64_t groups, const int32_t *starts, int64_t first,
                                    int64_t out_cols, void *out, void *scratch) {
  assert(n >= 0 && k >= 0 && groups >= 0 && first % PACKED_COLS == 0);
  assert(n % PACKED_COLS == 0 || first + n == out_cols);
  if (k == 0) {
    silu_mul_gemm_grouped_bf16_scalar(gate, up, w_stride, w_group, n, k, x, groups, starts, first,
                                      out_cols, out, scratch);
    return;
  }
  const activations a = {.x = x, .groups = groups, .starts = starts};
  multiply_gated(gate, up, w_stride, w_group, n, k, &a, first, out_cols, out, scratch);
}
