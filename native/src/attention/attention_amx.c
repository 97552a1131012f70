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
 * the sums of the one before, which do not wait for each other.
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
      gk_transpose_16x16(low);
      gk_transpose_16x16(high);
      unsigned char *const to = w->v + (s * 2 * (KEYS / 32) + half) * TILE;
      GK_UNROLL(16) for (int i = 0; i < 16; i++) {
        unsigned char *const row = to + i / 8 * (KEYS / 32) * TILE + (i / 4 % 2 * 8 + i % 4) * 64;
        _mm512_storeu_ps(row, low[i]);
        _mm512_storeu_ps(row + 4 * 64, high[i]);
      }
    }
  }
}

/* s[key, query] of so many times 16 keys */
static inline void scores(const attention *a, const unsigned char *q, const unsigned char *k,
                          int sixteens, float *s) {
  const int64_t k_stride = a->steps * 64;
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
  for (int step = 0; step < a->steps; step++, k += 64) {
    _tile_loadd(4, q + step * TILE, 64);
    _tile_loadd(5, k, k_stride);
    _tile_dpbf16ps(0, 5, 4);
    if (sixteens > 1) {
      _tile_loadd(6, k + 16 * k_stride, k_stride);
      _tile_dpbf16ps(1, 6, 4);
    }
    if (sixteens > 2) {
      _tile_loadd(5, k + 32 * k_stride, k_stride);
      _tile_dpbf16ps(2, 5, 4);
    }
    if (sixteens > 3) {
      _tile_loadd(6, k + 48 * k_stride, k_stride);
      _tile_dpbf16ps(3, 6, 4);
    }
  }
  _tile_stored(0, s, 64);
  if (sixteens > 1) _tile_stored(1, s + 256, 64);
  if (sixteens > 2) _tile_stored(2, s + 512, 64);
  if (sixteens > 3) _tile_stored(3, s + 768, 64);
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

/* p of some of the keys, and t->sum of what p is after rounding. */
GK_TEMPLATE void powers(const attention *a, int plain, int begin, int end, int count,
                        const int64_t *key, const float *s, queries *t, unsigned char *p) {
  const __m512 c = gk_vec_set1(a->c), nothing = gk_vec_set1(-INFINITY);
  const __m512 least = gk_vec_set1(-126); /* powers of less are subnormal numbers, which are slow */
  const __m512i low = _mm512_set1_epi32(0xffff), nan = _mm512_set1_epi32(0x7fc0);
  /* Before the first finite score the maximum is -Inf, and -Inf - -Inf would be NaN. */
  const __m512 subtract = plain ? t->max : gk_vec_where(t->max, nothing, gk_vec_set1(0), t->max);
  __m512 sum[2] = {t->sum, _mm512_setzero_ps()};
  for (int j = begin; j < end; j += 2) {
    __m512i bits[2];
    GK_UNROLL(2) for (int i = 0; i < 2; i++) {
      const __m512 score = _mm512_loadu_ps(s + (j + i) * 16);
      if (plain) {
        bits[i] = power_of_2(gk_vec_max(least, _mm512_fmsub_ps(score, c, subtract)));
      } else {
        const __m512 x = gk_vec_sub(gk_vec_mul(score, c), subtract);
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
  t->sum = gk_vec_add(sum[0], sum[1]);
}

/* sums[dim, 16, query] += v * p of so many times 16 keys, four tiles of dimensions at a time */
static inline void add_values(const attention *a, int started, const unsigned char *v,
                              const unsigned char *p, int sixteens, float *sums) {
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
    _tile_dpbf16ps(i, 4, 5);              \
  } while (0)
#define ADD_HIGH(i)                             \
  do {                                          \
    _tile_loadd(6, v + (2 * i + 1) * TILE, 64); \
    _tile_dpbf16ps(i, 6, 7);                    \
  } while (0)
#define END(i) _tile_stored(i, sums + i * 256, 64)
    FOR_EACH_SUM(BEGIN);
    _tile_loadd(5, p, 64);
    FOR_EACH_SUM(ADD_LOW);
    if (sixteens > 2) {
      _tile_loadd(7, p + TILE, 64);
      FOR_EACH_SUM(ADD_HIGH);
    }
    FOR_EACH_SUM(END);
#undef FOR_EACH_SUM
#undef BEGIN
#undef ADD_LOW
#undef ADD_HIGH
#undef END
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

/* The exponentials of the tile of queries `at`, the scores of the next and the sums of the one
 * before, where they are in [begin, end). */
GK_TEMPLATE void attend_tile(const attention *a, int plain, queries *tiles, int at, int begin,
                             int end, const int *sixteens, int keys, workspace *w) {
  queries *const t = &tiles[at];
  const float *const s = w->s[at % 2];
  unsigned char *const p = w->p[at % 2];
  const int count = plain ? KEYS : sixteens[at] * 16 < keys ? sixteens[at] * 16 : keys;
  move_max(a, plain, count, w->key, s, t, sums_of(a, at, w));
  if (at + 1 < end) {
    scores(a, w->q + (at + 1) * a->steps * TILE, w->k, sixteens[at + 1], w->s[(at + 1) % 2]);
  }
  powers(a, plain, 0, 32, count, w->key, s, t, p);
  if (at > begin) {
    add_values(a, tiles[at - 1].started, w->v, w->p[(at - 1) % 2], sixteens[at - 1],
               sums_of(a, at - 1, w));
    tiles[at - 1].started = 1;
  }
  if (plain || count > 32) powers(a, plain, 32, KEYS, count, w->key, s, t, p);
}

/* The keys at hand, for those tiles of queries that see any of them: the last ones, as tiles come in
 * the order of their rows. */
static void attend_keys(const attention *a, queries *tiles, int count, int keys, int tame,
                        workspace *w) {
  int sixteens[MOST_QUERIES]; /* of keys, up to the last of which the tile sees any */
  int begin = 0;
  for (int t = 0; t < count; t++) {
    sixteens[t] = (keys + 15) / 16;
    const int64_t end = a->past + tiles[t].row + tiles[t].lanes;
    while (sixteens[t] > 0 && w->key[sixteens[t] * 16 - 16] >= end) sixteens[t]--;
    if (sixteens[t] == 0) begin = t + 1;
  }
  if (begin == count) return;
  scores(a, w->q + begin * a->steps * TILE, w->k, sixteens[begin], w->s[begin % 2]);
  for (int t = begin; t < count; t++) {
    gk_tiles_see_stores();
    if (tame && tiles[t].tame && keys == KEYS && w->key[KEYS - 1] <= a->past + tiles[t].row) {
      attend_tile(a, 1, tiles, t, begin, count, sixteens, keys, w);
    } else {
      attend_tile(a, 0, tiles, t, begin, count, sixteens, keys, w);
    }
  }
  gk_tiles_see_stores();
  const int last = count - 1;
  add_values(a, tiles[last].started, w->v, w->p[last % 2], sixteens[last], sums_of(a, last, w));
  tiles[last].started = 1;
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
