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
  KEY_TILES = KEYS / 16,
  MOST_DIM = 256,
  MOST_QUERIES = 16, /* tiles of 16 queries at hand */
  MOST_SUMS = 64     /* tiles of sums, with that many queries */
};

/* 16 rows, fewer at the end, of one head. */
typedef struct queries {
  int64_t head, row;
  int lanes;
  int started;     /* whether there are sums */
  __m512 max, sum; /* of scores, of their exponentials */
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
  _Alignas(64) float s[KEYS * 16];
  _Alignas(64) unsigned char p[KEYS / 32 * TILE];
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
static void scores(const attention *a, const unsigned char *q, workspace *w) {
  const int64_t k_stride = a->steps * 64;
  gk_tiles_see_stores();
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int s = 0; s < a->steps; s++) {
    const unsigned char *k = w->k + s * 64;
    _tile_loadd(4, q + s * TILE, 64);
    _tile_loadd(5, k, k_stride);
    _tile_dpbf16ps(0, 5, 4);
    _tile_loadd(6, k + 16 * k_stride, k_stride);
    _tile_dpbf16ps(1, 6, 4);
    _tile_loadd(5, k + 32 * k_stride, k_stride);
    _tile_dpbf16ps(2, 5, 4);
    _tile_loadd(6, k + 48 * k_stride, k_stride);
    _tile_dpbf16ps(3, 6, 4);
  }
  _tile_stored(0, w->s, 64);
  _tile_stored(1, w->s + 256, 64);
  _tile_stored(2, w->s + 512, 64);
  _tile_stored(3, w->s + 768, 64);
}

/* p = exp(scale * s - max) with the new maximum; returns what the sums so far are multiplied by. */
static __m512 softmax(const attention *a, int count, queries *t, workspace *w) {
  const __m512 nothing = _mm512_set1_ps(-INFINITY), scale = _mm512_set1_ps(a->scale);
  const int64_t first = a->past + t->row; /* the last key that lane 0 sees */
  __m512 max = t->max;
  for (int j = 0; j < count; j++) {
    const int64_t blind = w->key[j] - first; /* lanes before this one do not see the key */
    const __mmask16 sees = (__mmask16)(blind <= 0 ? 0xffffu : blind >= 16 ? 0 : 0xffffu << blind);
    const __m512 s = _mm512_mul_ps(_mm512_loadu_ps(w->s + j * 16), scale);
    const __m512 visible = _mm512_mask_mov_ps(nothing, sees, s);
    _mm512_storeu_ps(w->s + j * 16, visible);
    max = gk_vec_max(visible, max);
  }
  /* Before the first finite score the maximum is -Inf, and -Inf - -Inf would be NaN. */
  const __m512 subtract = gk_vec_where(max, nothing, _mm512_setzero_ps(), max);
  const __m512 factor =
      gk_vec_where(max, t->max, gk_vec_set1(1), gk_vec_exp(gk_vec_sub(t->max, subtract)));
  __m512 sum = gk_vec_mul(t->sum, factor);
  for (int j = 0; j < KEYS; j += 2) {
    __m512 p[2];
    GK_UNROLL(2) for (int h = 0; h < 2; h++) {
      if (j + h < count) {
        p[h] = gk_vec_exp(gk_vec_sub(_mm512_loadu_ps(w->s + (j + h) * 16), subtract));
        sum = gk_vec_add(sum, p[h]);
      } else {
        p[h] = _mm512_setzero_ps();
      }
    }
    _mm512_storeu_si512(w->p + j * 32, gk_interleave_16(p[0], p[1]));
  }
  t->max = max;
  t->sum = sum;
  return factor;
}

/* sums[dim, 16, query] = sums * factor + v * p */
static void add_values(const attention *a, const queries *t, __m512 factor, const workspace *w,
                       float *sums) {
  const int same = _mm512_cmp_ps_mask(factor, gk_vec_set1(1), _CMP_EQ_OQ) == 0xffff;
  if (t->started && !same) {
    for (int i = 0; i < a->dims * 16; i++) {
      _mm512_storeu_ps(sums + i * 16, gk_vec_mul(_mm512_loadu_ps(sums + i * 16), factor));
    }
  }
  gk_tiles_see_stores();
  _tile_loadd(6, w->p, 64);
  _tile_loadd(7, w->p + TILE, 64);
  for (int d = 0; d < a->dims; d++) {
    const unsigned char *v = w->v + d * 2 * TILE;
    if (t->started) {
      _tile_loadd(0, sums + d * 256, 64);
    } else {
      _tile_zero(0);
    }
    _tile_loadd(4, v, 64);
    _tile_dpbf16ps(0, 4, 6);
    _tile_loadd(5, v + TILE, 64);
    _tile_dpbf16ps(0, 5, 7);
    _tile_stored(0, sums + d * 256, 64);
  }
}

/* out[row, dim] = sums[dim, query] / sum, and 0 for a query that saw no key */
static void finish(const attention *a, const queries *t, const float *sums, float *out,
                   int64_t out_stride) {
  const __m512 one = gk_vec_set1(1);
  const __m512 inverse =
      gk_vec_where(t->max, gk_vec_set1(-INFINITY), _mm512_setzero_ps(), _mm512_div_ps(one, t->sum));
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
    for (int t = 0; t < count; t++) {
      queries *tile = &tiles[t];
      if (w->key[0] >= a->past + tile->row + tile->lanes) continue;
      scores(a, w->q + t * a->steps * TILE, w);
      const __m512 factor = softmax(a, keys, tile, w);
      add_values(a, tile, factor, w, w->sums + t * a->dims * 256);
      tile->started = 1;
    }
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
      finish(&a, &tiles[t], w.sums + t * a.dims * 256, out, out_stride);
    }
  }
  _tile_release();
  return GK_OK;
}
