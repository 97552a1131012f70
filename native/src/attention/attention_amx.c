/*
 * Attention of many queries on the tile unit, transposed throughout: a tile of scores has a key in
 * each row and a query in each lane. Then softmax is arithmetic on whole vectors, its result, in
 * pairs of keys, is what the second product takes, and only the finished sums are transposed.
 *
 *   scores [keys, queries] = K [keys, head_dim] * Q' [head_dim, queries]       Q' is packed once
 *   sums [head_dim, queries] += V' [head_dim, keys] * p [keys, queries]
 *
 * For each 64 visible keys, K is copied and V transposed, both rounded where the cache is f32, and
 * then all queries at hand go over them, so that this costs little.
 *
 * While exponentials of one tile of queries are computed, the unit has the scores of the next one and
 * the sums of the one before, which do not wait for each other. The CPU looks ahead a few hundred
 * instructions, fewer than either has. So they are cut into operations of one tile each, to be strewn
 * among the exponentials; for heads of 64 dimensions, which nearly all models have, the compiler does
 * it: 32 operations, 32 pairs of keys.
 *
 * Softmax counts in powers of two: p = 2^(c * s - max), c = scale * log2(e). Nearly always no number
 * is so large that a score could be Inf or NaN, and a tile of queries sees all keys at hand. For
 * such a plain tile nothing is masked or looked for.
 */

#include <assert.h>
#include <immintrin.h>
#include <math.h>
#include <stddef.h>

#include "kernels.h"
#include "pack/pack_tile.h"
#include "simd/exp_avx512.h"
#include "simd/load_scalar.h"
#include "simd/tiles_amx.h"

enum {
  TILE = 1024, /* bytes */
  KEYS = 64,
  MOST_DIM = 256,
  MOST_QUERIES = 16, /* tiles of 16 queries at hand */
  MOST_SUMS = 64     /* tiles of sums, with that many queries */
};

/* 16 rows, fewer at the end, of one head. */
typedef struct queries {
  int64_t head, row;
  int lanes;
  int tame;        /* whether no score can be Inf or NaN for them */
  int started;     /* whether there are sums */
  __mmask16 saw;   /* lanes that saw a key */
  __m512 max, sum; /* about the largest c * s, the sum of p */
} queries;

typedef struct attention {
  const unsigned char *k, *v;
  int32_t dtype;         /* of both */
  int64_t kv_step, past; /* bytes from one key to the next, keys before the first row */
  int64_t head_dim;
  int steps, dims; /* of 32, of 16 */
  float c;         /* p = 2^(c * s - max) */
} attention;

typedef struct workspace {
  _Alignas(64) unsigned char q[MOST_SUMS / 2 * TILE + MOST_QUERIES * TILE]; /* [tile, step] */
  _Alignas(64) unsigned char k[KEYS * MOST_DIM * 2];                        /* [key, head_dim] */
  _Alignas(64) unsigned char v[MOST_DIM / 16 * 2 * TILE]; /* [dim, key / 32, 16, 32] */
  _Alignas(64) float s[2][KEYS * 16];                     /* of two tiles of queries in turn */
  _Alignas(64) unsigned char p[2][KEYS / 32 * TILE];
  _Alignas(64) float sums[MOST_SUMS * 256]; /* [tile, dim, 16, 16] */
  int64_t key[KEYS];                        /* the visible ones at hand, ascending */
} workspace;

/* Up to 32 numbers of the cache as bfloat16; zeros after the first `count`. */
static __m512i load_32(const unsigned char *from, int32_t dtype, int64_t count) {
  if (dtype == GK_F32) return gk_round_32(from, count);
  const __mmask32 used = count >= 32 ? 0xffffffff : (__mmask32)((1u << count) - 1);
  return _mm512_maskz_loadu_epi16(used, from);
}

/*
 * Numbers below 2^50 are tame: no sum of MOST_DIM products of such overflows, so that scores are
 * finite. `most` collects magnitudes of bfloat16.
 */
static inline __m512i gather_most(__m512i most, __m512i numbers) {
  return _mm512_max_epu16(most, _mm512_and_si512(numbers, _mm512_set1_epi16(0x7fff)));
}
static inline int is_tame(__m512i most) {
  return _mm512_cmpge_epu16_mask(most, _mm512_set1_epi16((127 + 50) << 7)) == 0;
}

/* Returns whether they are tame. */
static int load_keys(const attention *a, int count, workspace *w) {
  const int64_t size = gk_element_size(a->dtype);
  unsigned char *to = w->k;
  __m512i most = _mm512_setzero_si512();
  for (int j = 0; j < count; j++) {
    const unsigned char *from = a->k + w->key[j] * a->kv_step;
    for (int s = 0; s < a->steps; s++, to += 64) {
      const __m512i numbers = load_32(from + s * 32 * size, a->dtype, a->head_dim - s * 32);
      most = gather_most(most, numbers);
      _mm512_storeu_si512(to, numbers);
    }
  }
  for (; to < w->k + KEYS * a->steps * 64; to += 64) {
    _mm512_storeu_si512(to, _mm512_setzero_si512());
  }
  return is_tame(most);
}

static void load_values(const attention *a, int count, workspace *w) {
  const int64_t size = gk_element_size(a->dtype);
  for (int s = 0; s < a->steps; s++) {
    for (int half = 0; half < KEYS / 32; half++) { /* of the keys */
      /* Pairs of keys: of the first four of each eight dimensions, and of the others. */
      __m512 low[16], high[16];
      GK_UNROLL(16) for (int j = 0; j < 16; j++) {
        __m512i pair[2];
        GK_UNROLL(2) for (int h = 0; h < 2; h++) {
          const int key = half * 32 + 2 * j + h;
          pair[h] = _mm512_setzero_si512();
          if (key < count) {
            pair[h] = load_32(a->v + w->key[key] * a->kv_step + s * 32 * size, a->dtype,
                              a->head_dim - s * 32);
          }
        }
        low[j] = _mm512_castsi512_ps(_mm512_unpacklo_epi16(pair[0], pair[1]));
        high[j] = _mm512_castsi512_ps(_mm512_unpackhi_epi16(pair[0], pair[1]));
      }
      gk_transpose(low);
      gk_transpose(high);
      unsigned char *const to = w->v + (s * 2 * (KEYS / 32) + half) * TILE;
      GK_UNROLL(16) for (int i = 0; i < 16; i++) {
        unsigned char *const row = to + i / 8 * (KEYS / 32) * TILE + (i / 4 % 2 * 8 + i % 4) * 64;
        _mm512_storeu_ps(row, low[i]);
        _mm512_storeu_ps(row + 4 * 64, high[i]);
      }
    }
  }
}

/* The scores of a tile of queries, s[key, query]. */
typedef struct scoring {
  const unsigned char *q, *k;
  int64_t k_stride;
  int sixteens; /* of keys, 0 to 4 */
  float *s;
} scoring;

enum { SCORE_STEP = 5, SCORE_END = 4 }; /* operations */

/* Operation i of a step of 32 dimensions: the queries, then four times 16 keys. Instructions have tiles
 * by number, so each is a case. */
GK_TEMPLATE void score_operation(const scoring *w, int step, int i) {
#define SCORE(tile, keys)                                       \
  do {                                                          \
    if (step == 0) _tile_zero(tile);                            \
    _tile_loadd(keys, k + (int64_t)16 * tile * stride, stride); \
    _tile_dpbf16ps(tile, keys, 4);                              \
  } while (0)
  if (w->sixteens < (i == 0 ? 1 : i)) return;
  const unsigned char *const k = w->k + step * 64;
  const int64_t stride = w->k_stride;
  switch (i) {
    case 0:
      _tile_loadd(4, w->q + step * TILE, 64);
      break;
    case 1:
      SCORE(0, 5);
      break;
    case 2:
      SCORE(1, 6);
      break;
    case 3:
      SCORE(2, 5);
      break;
    case 4:
      SCORE(3, 6);
      break;
    default:
      assert(0);
  }
#undef SCORE
}

/* Operation i after the steps. */
GK_TEMPLATE void score_end_operation(const scoring *w, int i) {
  if (i >= w->sixteens) return;
  switch (i) {
    case 0:
      _tile_stored(0, w->s, 64);
      break;
    case 1:
      _tile_stored(1, w->s + 256, 64);
      break;
    case 2:
      _tile_stored(2, w->s + 512, 64);
      break;
    case 3:
      _tile_stored(3, w->s + 768, 64);
      break;
    default:
      assert(0);
  }
}

static void scores(const scoring *w, int steps) {
  for (int step = 0; step < steps; step++) {
    GK_UNROLL(5) for (int i = 0; i < SCORE_STEP; i++) score_operation(w, step, i);
  }
  GK_UNROLL(4) for (int i = 0; i < SCORE_END; i++) score_end_operation(w, i);
}

/* Lanes, which are queries in order, that see a key. */
static inline __mmask16 lanes_seeing(int64_t key, int64_t last_of_lane_0) {
  const int64_t blind = key - last_of_lane_0;
  return (__mmask16)(blind <= 0 ? 0xffffu : blind >= 16 ? 0 : 0xffffu << blind);
}

/* Moves a maximum where a score exceeds it by MOVE: no power is too large for that, and sums need not
 * be multiplied each time. */
GK_TEMPLATE void move_max(const attention *a, int plain, int count, const int64_t *key,
                          const float *s, queries *t, float *sums) {
  enum { MOVE = 24 };
  const __m512 nothing = gk_vec_set1(-INFINITY), c = gk_vec_set1(a->c);
  __m512 most[4] = {nothing, nothing, nothing, nothing};
  if (plain) {
    for (int j = 0; j < KEYS; j += 4) {
      GK_UNROLL(4) for (int i = 0; i < 4; i++) {
        most[i] = gk_vec_max(_mm512_loadu_ps(s + (j + i) * 16), most[i]);
      }
    }
    GK_UNROLL(4) for (int i = 0; i < 4; i++) most[i] = gk_vec_mul(most[i], c);
    t->saw = 0xffff;
  } else {
    for (int j = 0; j < count; j++) {
      const __mmask16 sees = lanes_seeing(key[j], a->past + t->row);
      const __m512 score = gk_vec_mul(_mm512_loadu_ps(s + j * 16), c);
      most[0] = gk_vec_max(_mm512_mask_mov_ps(nothing, sees, score), most[0]);
      t->saw |= sees;
    }
  }
  const __m512 max = gk_vec_max(gk_vec_max(most[0], most[1]), gk_vec_max(most[2], most[3]));
  const __mmask16 moves =
      _mm512_cmp_ps_mask(max, gk_vec_add(t->max, gk_vec_set1(MOVE)), _CMP_GT_OQ);
  if (moves == 0) return;
  const __m512 moved = _mm512_mask_mov_ps(t->max, moves, max);
  /* exp(-Inf) is 0: there was nothing before. -Inf - -Inf does not come here. */
  const __m512 power = gk_vec_mul(gk_vec_sub(t->max, moved), gk_vec_set1(0x1.62e430p-1f));
  const __m512 factor = _mm512_mask_mov_ps(gk_vec_set1(1), moves, gk_vec_exp(power));
  t->max = moved;
  t->sum = gk_vec_mul(t->sum, factor);
  if (!t->started) return;
  for (int i = 0; i < a->dims * 16; i++) {
    _mm512_storeu_ps(sums + i * 16, gk_vec_mul(_mm512_loadu_ps(sums + i * 16), factor));
  }
}

/*
 * 2^x, |x| <= 126, rounded to bfloat16, in the lower half of each lane.
 *
 * With n the integer below x and f = x - n, the bits of 2^x as bfloat16 are 128 * (127 + n) and
 * 128 * (2^f - 1), or 128 * (127 + x + f * r(f)) with r(f) = (2^f - 1) / f - 1. The last addition
 * rounds this to an integer, as the last bit of so large a sum is 1/128. r is a polynomial of least
 * error: 9e-5 of 2^x at most, where steps of bfloat16 are 4e-3 to 8e-3.
 */
static inline __m512i power_of_2(__m512 x) {
  const __m512 f = _mm512_reduce_ps(x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
  __m512 r = gk_vec_fma(f, gk_vec_set1(0x1.3baaaap-4f), gk_vec_set1(0x1.d23788p-3f));
  r = gk_vec_fma(r, f, gk_vec_set1(-0x1.38334ep-2f));
  return _mm512_castps_si512(gk_vec_add(gk_vec_fma(r, f, x), gk_vec_set1(0x1.8p+16f + 127)));
}

/* What is subtracted from c * s. Before the first finite score the maximum is -Inf, and -Inf - -Inf
 * would be NaN. */
static inline __m512 offset_of(const queries *t, int plain) {
  return plain ? t->max : gk_vec_where(t->max, gk_vec_set1(-INFINITY), gk_vec_set1(0), t->max);
}

/* p of keys j and j + 1, added to sum[2] as what it is after rounding. */
GK_TEMPLATE void power_pair(const attention *a, int plain, int j, int count, const int64_t *key,
                            const float *s, const queries *t, __m512 offset, __m512 *sum,
                            unsigned char *p) {
  const __m512 c = gk_vec_set1(a->c);
  const __m512 least = gk_vec_set1(-126); /* powers of less are subnormal numbers, which are slow */
  const __m512i low = _mm512_set1_epi32(0xffff), nan = _mm512_set1_epi32(0x7fc0);
  __m512i bits[2];
  GK_UNROLL(2) for (int i = 0; i < 2; i++) {
    const __m512 score = _mm512_loadu_ps(s + (j + i) * 16);
    if (plain) {
      bits[i] = power_of_2(gk_vec_max(least, _mm512_fmsub_ps(score, c, offset)));
    } else {
      const __m512 x = gk_vec_sub(gk_vec_mul(score, c), offset);
      const __mmask16 sees = j + i < count ? lanes_seeing(key[j + i], a->past + t->row) : 0;
      const __mmask16 is_nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
      bits[i] = _mm512_mask_mov_epi32(power_of_2(gk_vec_max(least, x)), is_nan, nan);
      bits[i] = _mm512_maskz_mov_epi32(sees, bits[i]);
    }
  }
  const __m512i even = _mm512_slli_epi32(bits[0], 16), odd = _mm512_slli_epi32(bits[1], 16);
  sum[0] = gk_vec_add(sum[0], _mm512_castsi512_ps(even));
  sum[1] = gk_vec_add(sum[1], _mm512_castsi512_ps(odd));
  /* Where a bit of `low` is set that of bits[0], else that of `odd`. */
  _mm512_storeu_si512(p + j * 32, _mm512_ternarylogic_epi32(bits[0], odd, low, 0xe4));
}

/* p of some of the keys, and t->sum. */
GK_TEMPLATE void powers(const attention *a, int plain, int begin, int end, int count,
                        const int64_t *key, const float *s, queries *t, unsigned char *p) {
  const __m512 offset = offset_of(t, plain);
  __m512 sum[2] = {t->sum, _mm512_setzero_ps()};
  for (int j = begin; j < end; j += 2) {
    power_pair(a, plain, j, count, key, s, t, offset, sum, p);
  }
  t->sum = gk_vec_add(sum[0], sum[1]);
}

/* What a tile of queries adds to its sums[dim, 16, query]: v * p. */
typedef struct adding {
  const unsigned char *v, *p;
  int sixteens; /* of keys, 0 to 4 */
  int started;  /* whether there are sums */
  float *sums;
} adding;

enum { ADD_GROUP = 18 }; /* operations */

/* Operation i for up to four tiles of dimensions from d on, of so many `left`: 0 to 3 begin the sums, 4
 * to 8 add the first half of the keys, 9 to 13 the second, 14 to 17 store the sums. */
GK_TEMPLATE void add_operation(const adding *w, int d, int left, int i) {
#define BEGIN(tile)                             \
  do {                                          \
    if (left <= tile) break;                    \
    if (w->started) {                           \
      _tile_loadd(tile, sums + tile * 256, 64); \
    } else {                                    \
      _tile_zero(tile);                         \
    }                                           \
  } while (0)
#define ADD(tile, half, v_tile, p_tile)                    \
  do {                                                     \
    if (left <= tile) break;                               \
    _tile_loadd(v_tile, v + (2 * tile + half) * TILE, 64); \
    _tile_dpbf16ps(tile, v_tile, p_tile);                  \
  } while (0)
#define END(tile)                                               \
  do {                                                          \
    if (left > tile) _tile_stored(tile, sums + tile * 256, 64); \
  } while (0)
  const int second_half = i >= 9 && i < 14; /* of the keys */
  if (!__builtin_expect(w->sixteens > (second_half ? 2 : 0), 1)) return;
  const unsigned char *const v = w->v + d * 2 * TILE;
  float *const sums = w->sums + d * 256;
  switch (i) {
    case 0:
      BEGIN(0);
      break;
    case 1:
      BEGIN(1);
      break;
    case 2:
      BEGIN(2);
      break;
    case 3:
      BEGIN(3);
      break;
    case 4:
      _tile_loadd(5, w->p, 64);
      break;
    case 5:
      ADD(0, 0, 4, 5);
      break;
    case 6:
      ADD(1, 0, 4, 5);
      break;
    case 7:
      ADD(2, 0, 4, 5);
      break;
    case 8:
      ADD(3, 0, 4, 5);
      break;
    case 9:
      _tile_loadd(7, w->p + TILE, 64);
      break;
    case 10:
      ADD(0, 1, 6, 7);
      break;
    case 11:
      ADD(1, 1, 6, 7);
      break;
    case 12:
      ADD(2, 1, 6, 7);
      break;
    case 13:
      ADD(3, 1, 6, 7);
      break;
    case 14:
      END(0);
      break;
    case 15:
      END(1);
      break;
    case 16:
      END(2);
      break;
    case 17:
      END(3);
      break;
    default:
      assert(0);
  }
#undef BEGIN
#undef ADD
#undef END
}

static void add_values(const adding *w, int dims) {
  for (int d = 0; d < dims; d += 4) {
    GK_UNROLL(18) for (int i = 0; i < ADD_GROUP; i++) add_operation(w, d, dims - d, i);
  }
}

/* out[row, dim] = sums[dim, query] / sum; 0 for a query that saw no key, NaN for one whose scores are
 * all -Inf */
static void finish(const attention *a, const queries *t, const float *sums, float *out,
                   int64_t out_stride) {
  const __m512 one = gk_vec_set1(1);
  const __mmask16 infinite = _mm512_cmp_ps_mask(t->max, gk_vec_set1(-INFINITY), _CMP_EQ_OQ);
  const __m512 inverse = _mm512_maskz_mov_ps(
      t->saw, _mm512_mask_mov_ps(_mm512_div_ps(one, t->sum), infinite, gk_vec_set1(NAN)));
  for (int d = 0; d < a->dims; d++) {
    const int64_t rest = a->head_dim - d * 16;
    const __mmask16 used = rest >= 16 ? 0xffff : gk_first_lanes(rest);
    __m512 v[16];
    GK_UNROLL(16) for (int i = 0; i < 16; i++) {
      const __m512 sum =
          t->started ? _mm512_loadu_ps(sums + d * 256 + i * 16) : _mm512_setzero_ps();
      v[i] = gk_vec_mul(sum, inverse);
    }
    gk_transpose(v);
    GK_UNROLL(16) for (int r = 0; r < 16; r++) {
      float *to = out + (t->row + r) * out_stride + t->head * a->head_dim + d * 16;
      if (r < t->lanes) _mm512_mask_storeu_ps(to, used, v[r]);
    }
  }
}

/*
 * All p of a plain tile of 64 dimensions, an operation for the unit before each pair of keys. Those of
 * the scores come first, so that they are stored long before they are read. The tile's own sums, of
 * which there are more than the first-level cache holds, are asked for: it adds to them next.
 */
static void powers_beside(const attention *a, const float *s, queries *t, unsigned char *p,
                          const scoring *after, const adding *before, const float *own_sums) {
  enum { STEPS = 2, DIMS = 4, SCORES = STEPS * SCORE_STEP, SCORED = SCORES + SCORE_END };
  _Static_assert(SCORED + ADD_GROUP == KEYS / 2, "there is an operation for each pair of keys");
  const __m512 offset = offset_of(t, 1);
  __m512 sum[2] = {t->sum, _mm512_setzero_ps()};
  GK_UNROLL(32) for (int i = 0; i < KEYS / 2; i++) {
    if (i < SCORES) {
      score_operation(after, i / SCORE_STEP, i % SCORE_STEP);
    } else if (i < SCORED) {
      score_end_operation(after, i - SCORES);
    } else {
      add_operation(before, 0, DIMS, i - SCORED);
    }
    _mm_prefetch((const char *)own_sums + i * 128, _MM_HINT_T0);
    _mm_prefetch((const char *)own_sums + i * 128 + 64, _MM_HINT_T0);
    power_pair(a, 1, 2 * i, KEYS, NULL, s, t, offset, sum, p);
  }
  t->sum = gk_vec_add(sum[0], sum[1]);
}

/* Tiles of queries and the keys at hand. */
typedef struct meeting {
  queries *tiles;
  int begin, end; /* those that see any of the keys */
  int keys;
  int sixteens[MOST_QUERIES]; /* of keys, up to the last of which a tile sees any */
} meeting;

static float *sums_of(const attention *a, int t, workspace *w) {
  return w->sums + t * a->dims * 256;
}

/* Of a tile, or nothing after the last. */
static scoring scoring_of(const attention *a, const meeting *m, int t, workspace *w) {
  if (t == m->end) return (scoring){0};
  return (scoring){.q = w->q + t * a->steps * TILE,
                   .k = w->k,
                   .k_stride = a->steps * 64,
                   .sixteens = m->sixteens[t],
                   .s = w->s[t % 2]};
}

/* Of a tile, whose sums are started then; or nothing before the first. */
static adding start_adding(const attention *a, const meeting *m, int t, workspace *w) {
  if (t < m->begin) return (adding){0};
  const int started = m->tiles[t].started;
  m->tiles[t].started = 1;
  return (adding){.v = w->v,
                  .p = w->p[t % 2],
                  .sixteens = m->sixteens[t],
                  .started = started,
                  .sums = sums_of(a, t, w)};
}

/* The exponentials of a tile of queries, the scores of the next one and the sums of the one before. */
GK_TEMPLATE void attend_tile(const attention *a, int plain, const meeting *m, int at,
                             workspace *w) {
  queries *const t = &m->tiles[at];
  const float *const s = w->s[at % 2];
  unsigned char *const p = w->p[at % 2];
  float *const sums = sums_of(a, at, w);
  const int seen = m->sixteens[at] * 16, count = plain ? KEYS : seen < m->keys ? seen : m->keys;
  move_max(a, plain, count, w->key, s, t, sums);
  const scoring after = scoring_of(a, m, at + 1, w);
  const adding before = start_adding(a, m, at - 1, w);
  if (plain && a->head_dim == 64) {
    powers_beside(a, s, t, p, &after, &before, sums);
    return;
  }
  scores(&after, a->steps);
  powers(a, plain, 0, 32, count, w->key, s, t, p);
  add_values(&before, a->dims);
  if (plain || count > 32) powers(a, plain, 32, KEYS, count, w->key, s, t, p);
}

/* The keys at hand, for those tiles of queries that see any of them: the last ones, as tiles come in
 * the order of their rows. */
static void attend_keys(const attention *a, queries *tiles, int count, int keys, int tame,
                        workspace *w) {
  meeting m = {.tiles = tiles, .end = count, .keys = keys};
  for (int t = 0; t < count; t++) {
    m.sixteens[t] = (keys + 15) / 16;
    const int64_t end = a->past + tiles[t].row + tiles[t].lanes;
    while (m.sixteens[t] > 0 && w->key[m.sixteens[t] * 16 - 16] >= end) m.sixteens[t]--;
    if (m.sixteens[t] == 0) m.begin = t + 1;
  }
  if (m.begin == m.end) return;
  const scoring first = scoring_of(a, &m, m.begin, w);
  scores(&first, a->steps);
  for (int t = m.begin; t < m.end; t++) {
    gk_tiles_see_stores();
    if (tame && tiles[t].tame && keys == KEYS && w->key[KEYS - 1] <= a->past + tiles[t].row) {
      attend_tile(a, 1, &m, t, w);
    } else {
      attend_tile(a, 0, &m, t, w);
    }
  }
  gk_tiles_see_stores();
  const adding last = start_adding(a, &m, m.end - 1, w);
  add_values(&last, a->dims);
}

/* All keys for some tiles of queries. */
static void attend(const attention *a, const uint8_t *key_mask, queries *tiles, int count,
                   workspace *w) {
  int64_t end = 0; /* of the keys that any of them sees */
  for (int t = 0; t < count; t++) {
    const int64_t last = a->past + tiles[t].row + tiles[t].lanes;
    if (last > end) end = last;
  }
  for (int64_t key = 0; key < end;) {
    int keys = 0;
    for (; key < end && keys < KEYS; key++) {
      if (key_mask == NULL || key_mask[key] != 0) w->key[keys++] = key;
    }
    if (keys == 0) return;
    const int tame = load_keys(a, keys, w);
    load_values(a, keys, w);
    gk_tiles_see_stores();
    attend_keys(a, tiles, count, keys, tame, w);
  }
}

int32_t attention_bf16_amx(const float *q, int64_t q_stride, int64_t heads, int64_t rows,
                           const void *k, const void *v, int32_t dtype, int64_t kv_stride,
                           int64_t past, const uint8_t *key_mask, int64_t head_dim, float scale,
                           float *out, int64_t out_stride) {
  assert(heads >= 0 && rows >= 0 && past >= 0 && head_dim >= 0);
  if (dtype != GK_F32 && dtype != GK_BF16) return GK_EINVAL;
  if (head_dim > MOST_DIM || head_dim == 0) {
    return attention_f32_avx512(q, q_stride, heads, rows, k, v, dtype, kv_stride, past, key_mask,
                                head_dim, scale, out, out_stride);
  }
  const attention a = {.k = k,
                       .v = v,
                       .dtype = dtype,
                       .kv_step = kv_stride * gk_element_size(dtype),
                       .past = past,
                       .head_dim = head_dim,
                       .steps = (int)((head_dim + 31) / 32),
                       .dims = (int)((head_dim + 15) / 16),
                       .c = scale * 0x1.715476p+0f};
  const int fitting = MOST_SUMS / a.dims;
  const int at_once = fitting < MOST_QUERIES ? fitting : MOST_QUERIES;
  const int64_t blocks = (rows + 15) / 16;
  workspace w;
  gk_tiles_begin();
  for (int64_t first = 0; first < blocks * heads; first += at_once) {
    queries tiles[MOST_QUERIES];
    int count = 0;
    for (int64_t at = first; at < blocks * heads && count < at_once; at++, count++) {
      queries *t = &tiles[count];
      const int64_t row = at / heads * 16, rest = rows - row;
      *t = (queries){.head = at % heads,
                     .row = row,
                     .lanes = rest < 16 ? (int)rest : 16,
                     .max = _mm512_set1_ps(-INFINITY),
                     .sum = _mm512_setzero_ps()};
      const float *lane[16];
      for (int r = 0; r < 16; r++) {
        lane[r] = q + (row + (r < t->lanes ? r : 0)) * q_stride + t->head * head_dim;
      }
      const __mmask16 used = t->lanes == 16 ? 0xffff : gk_first_lanes(t->lanes);
      __m512i most = _mm512_setzero_si512();
      for (int s = 0; s < a.steps; s++) {
        unsigned char *const to = w.q + (count * a.steps + s) * TILE;
        gk_pack_tile(lane, used, s * 32, head_dim - s * 32, to);
        for (int r = 0; r < 16; r++) most = gather_most(most, _mm512_loadu_si512(to + r * 64));
      }
      t->tame = is_tame(most) && scale > 0 && scale < 0x1p+10f;
    }
    attend(&a, key_mask, tiles, count, &w);
    for (int t = 0; t < count; t++) {
      finish(&a, &tiles[t], sums_of(&a, t, &w), out, out_stride);
    }
  }
  _tile_release();
  return GK_OK;
}
