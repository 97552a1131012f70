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
 * Exponentials take most of the time. While those of one tile of queries are computed, the unit has
 * the scores of the next one and the sums of the one before, which do not wait for each other.
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
  int started;     /* whether there are sums */
  __mmask16 saw;   /* lanes that saw a key */
  __m512 max, sum; /* about the largest score, the sum of exp(score - max) */
} queries;

typedef struct attention {
  const unsigned char *k, *v;
  int32_t dtype;         /* of both */
  int64_t kv_step, past; /* bytes from one key to the next, keys before the first row */
  int64_t head_dim;
  int steps, dims; /* of 32, of 16 */
  float scale;
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

/* 16 numbers of two keys in turn as bfloat16, those of the masks; zeros in place of the others. */
static __m512i load_pair(const unsigned char *even, __mmask16 even_used, const unsigned char *odd,
                         __mmask16 odd_used, int32_t dtype) {
  if (dtype == GK_F32) {
    return gk_interleave_16(_mm512_maskz_loadu_ps(even_used, even),
                            _mm512_maskz_loadu_ps(odd_used, odd));
  }
  return gk_interleave_16x16(_mm256_maskz_loadu_epi16(even_used, even),
                             _mm256_maskz_loadu_epi16(odd_used, odd));
}

static void load_keys(const attention *a, int count, workspace *w) {
  const int64_t size = gk_element_size(a->dtype);
  for (int j = 0; j < KEYS; j++) {
    unsigned char *to = w->k + j * a->steps * 64;
    for (int s = 0; s < a->steps; s++) {
      const unsigned char *from = a->k + w->key[j < count ? j : 0] * a->kv_step + s * 32 * size;
      const __m512i numbers = load_32(from, a->dtype, a->head_dim - s * 32);
      _mm512_storeu_si512(to + s * 64, j < count ? numbers : _mm512_setzero_si512());
    }
  }
}

static void load_values(const attention *a, int count, workspace *w) {
  const int64_t size = gk_element_size(a->dtype);
  for (int d = 0; d < a->dims; d++) {
    const int64_t rest = a->head_dim - d * 16;
    const __mmask16 used = rest >= 16 ? 0xffff : gk_first_lanes(rest);
    for (int step = 0; step < KEYS / 32; step++) {
      __m512 pair[16]; /* of keys, for each dimension */
      for (int j = 0; j < 16; j++) {
        const unsigned char *from[2];
        __mmask16 there[2];
        for (int h = 0; h < 2; h++) {
          const int key = step * 32 + 2 * j + h;
          from[h] = a->v + w->key[key < count ? key : 0] * a->kv_step + d * 16 * size;
          there[h] = key < count ? used : 0;
        }
        pair[j] = _mm512_castsi512_ps(load_pair(from[0], there[0], from[1], there[1], a->dtype));
      }
      gk_transpose_16x16(pair);
      unsigned char *to = w->v + (d * (KEYS / 32) + step) * TILE;
      GK_UNROLL(16) for (int i = 0; i < 16; i++) _mm512_storeu_ps(to + i * 64, pair[i]);
    }
  }
}

/* s[key, query] */
static void scores(const attention *a, const unsigned char *q, const unsigned char *k, float *s) {
  const int64_t k_stride = a->steps * 64;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int step = 0; step < a->steps; step++, k += 64) {
    _tile_loadd(4, q + step * TILE, 64);
    _tile_loadd(5, k, k_stride);
    _tile_dpbf16ps(0, 5, 4);
    _tile_loadd(6, k + 16 * k_stride, k_stride);
    _tile_dpbf16ps(1, 6, 4);
    _tile_loadd(5, k + 32 * k_stride, k_stride);
    _tile_dpbf16ps(2, 5, 4);
    _tile_loadd(6, k + 48 * k_stride, k_stride);
    _tile_dpbf16ps(3, 6, 4);
  }
  _tile_stored(0, s, 64);
  _tile_stored(1, s + 256, 64);
  _tile_stored(2, s + 512, 64);
  _tile_stored(3, s + 768, 64);
}

/* Lanes, which are queries in order, that see a key. */
static inline __mmask16 lanes_seeing(int64_t key, int64_t last_of_lane_0) {
  const int64_t blind = key - last_of_lane_0;
  return (__mmask16)(blind <= 0 ? 0xffffu : blind >= 16 ? 0 : 0xffffu << blind);
}

/*
 * p = exp(scale * s - max), with a maximum that is moved only where a score exceeds it by MOVE: no
 * exponential is too large for that, and sums need not be multiplied each time. 1 if they are to be
 * multiplied by *factor.
 */
GK_TEMPLATE int softmax_of(const attention *a, int count, int all_seen, const int64_t *key,
                           const float *s, queries *t, unsigned char *p, __m512 *factor) {
  enum { MOVE = 16 };
  const __m512 nothing = _mm512_set1_ps(-INFINITY), scale = _mm512_set1_ps(a->scale);
  const int64_t first = a->past + t->row; /* the last key that lane 0 sees */
  __m512 most[4] = {nothing, nothing, nothing, nothing};
  for (int j = 0; j < count; j++) {
    const __mmask16 sees = all_seen ? 0xffff : lanes_seeing(key[j], first);
    const __m512 score = _mm512_mul_ps(_mm512_loadu_ps(s + j * 16), scale);
    most[j % 4] =
        gk_vec_max(all_seen ? score : _mm512_mask_mov_ps(nothing, sees, score), most[j % 4]);
    if (!all_seen) t->saw |= sees;
  }
  if (all_seen) t->saw = 0xffff;
  const __m512 max = gk_vec_max(gk_vec_max(most[0], most[1]), gk_vec_max(most[2], most[3]));
  const __mmask16 moves =
      _mm512_cmp_ps_mask(max, gk_vec_add(t->max, _mm512_set1_ps(MOVE)), _CMP_GT_OQ);
  *factor = gk_vec_set1(1);
  if (moves != 0) {
    const __m512 moved = _mm512_mask_mov_ps(t->max, moves, max);
    /* exp(-Inf) is 0: there was nothing before. -Inf - -Inf does not come here. */
    *factor = _mm512_mask_mov_ps(*factor, moves, gk_vec_exp(gk_vec_sub(t->max, moved)));
    t->sum = gk_vec_mul(t->sum, *factor);
    t->max = moved;
  }
  /* Before the first finite score the maximum is -Inf, and -Inf - -Inf would be NaN. */
  const __m512 subtract = gk_vec_where(t->max, nothing, _mm512_setzero_ps(), t->max);
  const __m512 least = _mm512_set1_ps(-87); /* of less are subnormal numbers, which are slow: 0 */
  __m512 sum[2] = {t->sum, _mm512_setzero_ps()};
  for (int j = 0; j < KEYS; j += 2) {
    __m512 e[2];
    GK_UNROLL(2) for (int h = 0; h < 2; h++) {
      const __mmask16 sees = j + h >= count ? 0
                             : all_seen     ? 0xffff
                                            : lanes_seeing(key[j + h], first);
      const __m512 score = _mm512_mul_ps(_mm512_loadu_ps(s + (j + h) * 16), scale);
      const __m512 x = gk_vec_sub(score, subtract);
      const __mmask16 counts = _mm512_mask_cmp_ps_mask(sees, x, least, _CMP_NLT_UQ); /* or NaN */
      e[h] = _mm512_maskz_mov_ps(counts, gk_vec_exp(_mm512_max_ps(least, x)));
      sum[h] = gk_vec_add(sum[h], e[h]);
    }
    _mm512_storeu_si512(p + j * 32, gk_interleave_16(e[0], e[1]));
  }
  t->sum = gk_vec_add(sum[0], sum[1]);
  return moves != 0;
}

static int softmax(const attention *a, int count, const int64_t *key, const float *s, queries *t,
                   unsigned char *p, __m512 *factor) {
  return count == KEYS && key[KEYS - 1] <= a->past + t->row
             ? softmax_of(a, KEYS, 1, key, s, t, p, factor)
             : softmax_of(a, count, 0, key, s, t, p, factor);
}

/* sums[dim, 16, query] += v * p, four tiles of dimensions at a time */
static void add_values(const attention *a, int started, const unsigned char *v,
                       const unsigned char *p, float *sums) {
  _tile_loadd(6, p, 64);
  _tile_loadd(7, p + TILE, 64);
  for (int d = 0; d < a->dims; d += 4, v += 8 * TILE, sums += 1024) {
    const int left = a->dims - d;
#define FOR_EACH_SUM(DO) \
  DO(0);                 \
  if (left > 1) DO(1);   \
  if (left > 2) DO(2);   \
  if (left > 3) DO(3)
#define BEGIN(i)                          \
  do {                                    \
    if (started) {                        \
      _tile_loadd(i, sums + i * 256, 64); \
    } else {                              \
      _tile_zero(i);                      \
    }                                     \
  } while (0)
#define ADD_LOW(i)                        \
  do {                                    \
    _tile_loadd(4, v + 2 * i * TILE, 64); \
    _tile_dpbf16ps(i, 4, 6);              \
  } while (0)
#define ADD_HIGH(i)                             \
  do {                                          \
    _tile_loadd(5, v + (2 * i + 1) * TILE, 64); \
    _tile_dpbf16ps(i, 5, 7);                    \
  } while (0)
#define END(i) _tile_stored(i, sums + i * 256, 64)
    FOR_EACH_SUM(BEGIN);
    FOR_EACH_SUM(ADD_LOW);
    FOR_EACH_SUM(ADD_HIGH);
    FOR_EACH_SUM(END);
#undef FOR_EACH_SUM
#undef BEGIN
#undef ADD_LOW
#undef ADD_HIGH
#undef END
  }
}

/* out[row, dim] = sums[dim, query] / sum, and 0 for a query that saw no key */
static void finish(const attention *a, const queries *t, const float *sums, float *out,
                   int64_t out_stride) {
  const __m512 one = gk_vec_set1(1);
  const __m512 inverse = _mm512_maskz_mov_ps(t->saw, _mm512_div_ps(one, t->sum));
  for (int d = 0; d < a->dims; d++) {
    const int64_t rest = a->head_dim - d * 16;
    const __mmask16 used = rest >= 16 ? 0xffff : gk_first_lanes(rest);
    __m512 v[16];
    GK_UNROLL(16) for (int i = 0; i < 16; i++) {
      const __m512 sum =
          t->started ? _mm512_loadu_ps(sums + d * 256 + i * 16) : _mm512_setzero_ps();
      v[i] = gk_vec_mul(sum, inverse);
    }
    gk_transpose_16x16(v);
    GK_UNROLL(16) for (int r = 0; r < 16; r++) {
      float *to = out + (t->row + r) * out_stride + t->head * a->head_dim + d * 16;
      if (r < t->lanes) _mm512_mask_storeu_ps(to, used, v[r]);
    }
  }
}

static float *sums_of(const attention *a, int t, workspace *w) {
  return w->sums + t * a->dims * 256;
}

/* The keys at hand, for those tiles of queries that see any of them: the last ones, as tiles come in
 * the order of their rows. */
static void attend_keys(const attention *a, queries *tiles, int count, int keys, workspace *w) {
  int t = 0;
  while (t < count && w->key[0] >= a->past + tiles[t].row + tiles[t].lanes) t++;
  if (t == count) return;
  scores(a, w->q + t * a->steps * TILE, w->k, w->s[t % 2]);
  for (const int first = t; t <= count; t++) {
    if (t + 1 < count) scores(a, w->q + (t + 1) * a->steps * TILE, w->k, w->s[(t + 1) % 2]);
    if (t > first) {
      add_values(a, tiles[t - 1].started, w->v, w->p[(t - 1) % 2], sums_of(a, t - 1, w));
      tiles[t - 1].started = 1;
    }
    if (t == count) return;
    __m512 factor;
    const int moved = softmax(a, keys, w->key, w->s[t % 2], &tiles[t], w->p[t % 2], &factor);
    if (moved && tiles[t].started) {
      float *const sums = sums_of(a, t, w);
      for (int i = 0; i < a->dims * 16; i++) {
        _mm512_storeu_ps(sums + i * 16, gk_vec_mul(_mm512_loadu_ps(sums + i * 16), factor));
      }
    }
    gk_tiles_see_stores();
  }
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
    load_keys(a, keys, w);
    load_values(a, keys, w);
    gk_tiles_see_stores();
    attend_keys(a, tiles, count, keys, w);
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
                       .scale = scale};
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
      for (int s = 0; s < a.steps; s++) {
        gk_pack_tile(lane, used, s * 32, head_dim - s * 32, w.q + (count * a.steps + s) * TILE);
      }
    }
    attend(&a, key_mask, tiles, count, &w);
    for (int t = 0; t < count; t++) {
      finish(&a, &tiles[t], sums_of(&a, t, &w), out, out_stride);
    }
  }
  _tile_release();
  return GK_OK;
}
