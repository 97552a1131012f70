#include "check.h"

typedef struct attention_case {
  int64_t heads, rows, past, head_dim;
  float scale;
  const uint8_t *key_mask; /* chosen by the test; [past + rows] */
  bool rounds;             /* attention_bf16 instead of attention_f32 */
} attention_case;

static bool is_visible(const attention_case *c, int64_t r, int64_t j) {
  return j <= c->past + r && (c->key_mask == NULL || c->key_mask[j] != 0);
}

/* The definition, in double. `p` has room for past + rows numbers. Returns the largest |score|, or
 * -1 without a key. */
static double reference_probabilities(const attention_case *c, const float *q, const float *k,
                                      int64_t kv_stride, int64_t r, double *p) {
  double max = -INFINITY, sum = 0, magnitude = -1;
  for (int64_t j = 0; j < c->past + c->rows; j++) {
    p[j] = 0;
    if (!is_visible(c, r, j)) continue;
    double dot = 0;
    for (int64_t i = 0; i < c->head_dim; i++) dot += (double)q[i] * (double)k[j * kv_stride + i];
    p[j] = (double)c->scale * dot;
    if (!(p[j] <= max)) max = p[j];
    magnitude = fmax(magnitude, fabs(p[j]));
  }
  for (int64_t j = 0; j < c->past + c->rows; j++) {
    if (is_visible(c, r, j)) sum += (p[j] = exp(p[j] - max));
  }
  for (int64_t j = 0; j < c->past + c->rows; j++) {
    if (is_visible(c, r, j)) p[j] /= sum;
  }
  return magnitude;
}

/* What rounding q, k, v and p to bfloat16 may add, relative to the largest value. */
static double rounding(const attention_case *c, const float *q, const float *k, int64_t kv_stride,
                       int64_t r) {
  double max = 0;
  for (int64_t j = 0; j < c->past + c->rows; j++) {
    if (!is_visible(c, r, j)) continue;
    double sum = 0;
    for (int64_t i = 0; i < c->head_dim; i++) {
      sum += fabs((double)q[i] * (double)k[j * kv_stride + i]);
    }
    max = fmax(max, fabs((double)c->scale) * sum);
  }
  return exp(max / 128) - 1 + 1.0 / 128;
}

/* Runs attention on operands that the caller may have spiked, and compares all of out with the
 * definition. */
static void compare(const attention_case *c, const float *q, int64_t q_stride, const float *k,
                    const float *v, int64_t kv_stride, const float *out, int64_t out_stride) {
  const int64_t keys = c->past + c->rows;
  double *p = malloc((size_t)keys * sizeof *p);
  for (int64_t r = 0; r < c->rows; r++) {
    for (int64_t h = 0; h < c->heads; h++) {
      const double score =
          reference_probabilities(c, q + r * q_stride + h * c->head_dim, k, kv_stride, r, p);
      const double rounded =
          c->rounds ? rounding(c, q + r * q_stride + h * c->head_dim, k, kv_stride, r) : 0;
      for (int64_t i = 0; i < c->head_dim; i++) {
        double expected = 0, max_v = 0;
        for (int64_t j = 0; j < keys; j++) {
          if (!is_visible(c, r, j)) continue;
          expected += p[j] * (double)v[j * kv_stride + i];
          max_v = fmax(max_v, fabs((double)v[j * kv_stride + i]));
        }
        const double tolerance =
            score < 0
                ? 0
                : ((double)(c->head_dim + keys + 16) * CHECK_EPS * (1 + score) + rounded) * max_v;
        CHECK_CLOSE(out[r * out_stride + h * c->head_dim + i], expected, tolerance, "out[%d,%d,%d]",
                    (int)r, (int)h, (int)i);
      }
    }
  }
  free(p);
}

static void name_case(const attention_case *c, int32_t dtype, int place) {
  check_case("dtype=%d place=%d heads=%lld rows=%lld past=%lld head_dim=%lld mask=%d rounds=%d",
             dtype, place, (long long)c->heads, (long long)c->rows, (long long)c->past,
             (long long)c->head_dim, c->key_mask != NULL, c->rounds);
}

#define EACH_CACHE_TYPE(dtype) \
  for (int32_t dtype = GK_F32; dtype <= GK_BF16; dtype += GK_BF16 - GK_F32)

/* The same numbers as a cache of `dtype` holds them, at any byte. For bfloat16 the lower halves of
 * x are cleared first, so that x and the cache are the same. */
static void *in_cache(int place, int32_t dtype, float *x, int64_t keys, int64_t cols,
                      int64_t stride) {
  unsigned char *cache = check_weights(place, keys, cols, stride, check_element_size(dtype));
  for (int64_t j = 0; j < keys; j++) {
    for (int64_t i = 0; i < cols; i++) {
      uint32_t bits;
      memcpy(&bits, &x[j * stride + i], sizeof bits);
      if (dtype == GK_BF16) {
        const uint16_t upper = (uint16_t)(bits >> 16);
        memcpy(cache + 2 * (j * stride + i), &upper, sizeof upper);
        bits &= 0xffff0000u;
        memcpy(&x[j * stride + i], &bits, sizeof bits);
      } else {
        memcpy(cache + 4 * (j * stride + i), &bits, sizeof bits);
      }
    }
  }
  check_seal(cache);
  return cache;
}

/* One call on padded buffers at guard pages; contents of hidden keys are NaN. A cache of bfloat16
 * gives the bits of one of f32 that holds the same numbers. */
static void check_attention_over(const gk_table *kernels, int place, const attention_case *c,
                                 int32_t dtype) {
  name_case(c, dtype, place);
  const int64_t keys = c->past + c->rows, hd = c->head_dim;
  const int64_t q_stride = c->heads * hd + 3, kv_stride = hd + 2, out_stride = c->heads * hd + 1;
  float *q = check_f32(place, c->rows, c->heads * hd, q_stride);
  check_fill(q, c->rows, c->heads * hd, q_stride, -1, 1);
  float *k = check_f32(place, keys, hd, kv_stride), *v = check_f32(place, keys, hd, kv_stride);
  for (int64_t j = 0; j < keys; j++) {
    if (c->key_mask != NULL && c->key_mask[j] == 0) continue; /* stays NaN */
    check_fill(k + j * kv_stride, 1, hd, hd, -1, 1);
    check_fill(v + j * kv_stride, 1, hd, hd, -1, 1);
  }
  uint8_t *mask = NULL;
  if (c->key_mask != NULL) {
    mask = check_weights(place, 1, keys, keys, 1);
    memcpy(mask, c->key_mask, (size_t)keys);
    check_seal(mask);
  }
  check_seal(q);
  const void *cached_k = in_cache(place, dtype, k, keys, hd, kv_stride);
  const void *cached_v = in_cache(place, dtype, v, keys, hd, kv_stride);
  float *out = check_f32(place, c->rows, c->heads * hd, out_stride);
  CHECK((c->rounds ? kernels->attention_bf16 : kernels->attention_f32)(
            q, q_stride, c->heads, c->rows, cached_k, cached_v, dtype, kv_stride, c->past, mask, hd,
            c->scale, out, out_stride) == GK_OK);
  compare(c, q, q_stride, k, v, kv_stride, out, out_stride);
  if (dtype == GK_BF16) {
    float *same = check_f32(place, c->rows, c->heads * hd, out_stride);
    (c->rounds ? kernels->attention_bf16 : kernels->attention_f32)(
        q, q_stride, c->heads, c->rows, k, v, GK_F32, kv_stride, c->past, mask, hd, c->scale, same,
        out_stride);
    for (int64_t r = 0; r < c->rows; r++) {
      for (int64_t i = 0; i < c->heads * hd; i++) {
        CHECK_SAME(out[r * out_stride + i], same[r * out_stride + i], "out[%d,%d]", (int)r, (int)i);
      }
    }
  }
  check_release();
}

static void check_attention(const gk_table *kernels, int place, const attention_case *c) {
  EACH_CACHE_TYPE(dtype) check_attention_over(kernels, place, c, dtype);
}

/* head_dim runs through every tail of a vector of 8 and of 16, and of the registers that hold
 * values. */
static void every_tail_matches_reference(const gk_table *kernels) {
  static const int64_t more[] = {48, 63, 64, 65, 72, 80, 96, 128, 131};
  CHECK_EACH_PLACE(place) {
    for (int64_t hd = 1; hd <= 33 + 9; hd++) {
      const attention_case c = {1 + hd % 5, 1 + hd % 3, hd % 7, hd <= 33 ? hd : more[hd - 34],
                                0.3f,       NULL,       false};
      check_attention(kernels, place, &c);
    }
  }
}

/* Around the blocks of 48 keys and of 64 queries, and every remainder of the tiles of 4 queries and
 * 3 or 6 keys. */
static void every_block_edge_matches_reference(const gk_table *kernels) {
  for (int64_t rows = 1; rows <= 13; rows++) {
    for (int64_t heads = 1; heads <= 9; heads++) {
      const attention_case c = {heads, rows, rows % 4, 17, 0.25f, NULL, false};
      check_attention(kernels, (int)(rows % CHECK_PLACES), &c);
    }
  }
  for (int64_t past = 0; past <= 100; past++) {
    const attention_case one = {1, 1, past, 8, 1, NULL, false},
                         grouped = {4, 2, past, 19, 1, NULL, false};
    check_attention(kernels, (int)(past % CHECK_PLACES), &one);
    check_attention(kernels, (int)(past % CHECK_PLACES), &grouped);
  }
  for (int64_t rows = 46; rows <= 66; rows += 4) {
    for (int64_t heads = 1; heads <= 3; heads++) {
      const attention_case c = {heads, rows, 5, 16, 0.5f, NULL, false};
      check_attention(kernels, (int)(rows % CHECK_PLACES), &c);
    }
  }
}

static void model_shapes_match_reference(const gk_table *kernels) {
  const attention_case cases[] = {
      {4, 1, 300, 64, 0.015625f, NULL, false},  /* decode, grouped queries */
      {4, 70, 0, 64, 0.015625f, NULL, false},   /* prefill */
      {2, 9, 150, 128, 0.0078125f, NULL, false} /* draft tokens after a prompt */
  };
  for (size_t i = 0; i < 3; i++) check_attention(kernels, 0, &cases[i]);
}

/* Around the blocks of 64 keys and 16 queries, the tiles of 16 and 32 dimensions, and more queries
 * than are at hand at once. */
static void rounding_stays_within_its_bound(const gk_table *kernels) {
  static const int64_t dims[] = {1, 15, 16, 17, 31, 32, 33, 64, 80, 96, 128, 200, 256, 257};
  for (size_t d = 0; d < sizeof dims / sizeof dims[0]; d++) {
    CHECK_EACH_PLACE(place) {
      const attention_case c = {1 + place, 19 + place, 7 * place, dims[d], 0.1f, NULL, true};
      check_attention(kernels, place, &c);
    }
  }
  for (int64_t past = 0; past <= 140; past += 3) {
    const attention_case one = {1, 1, past, 20, 0.25f, NULL, true};
    const attention_case grouped = {4, 33, past, 64, 0.125f, NULL, true};
    check_attention(kernels, (int)(past % CHECK_PLACES), &one);
    check_attention(kernels, (int)(past % CHECK_PLACES), &grouped);
  }
  const attention_case many = {3, 200, 40, 48, 0.125f, NULL, true};
  check_attention(kernels, 0, &many);
  /* More keys than are at hand at once, of each number of tiles of 32 dimensions. */
  for (int64_t hd = 32; hd <= 256; hd += 32) {
    const attention_case more = {2, 35, 560 + hd % 64, hd, 0.0625f, NULL, true};
    check_attention(kernels, (int)(hd / 32 % CHECK_PLACES), &more);
  }
  const attention_case one = {1, 16, 1100, 31, 0.125f, NULL, true};
  check_attention(kernels, 0, &one);
}

/*
 * The largest score grows, or falls, by far more than exp can bear, or jumps from one block of 64
 * keys to the next. All operands are exact in bfloat16, so that rounding p is the only rounding.
 */
static void rounding_survives_a_moving_maximum(const gk_table *kernels) {
  enum { ROWS = 35, PAST = 300, HD = 18, KEYS = PAST + ROWS };
  EACH_CACHE_TYPE(dtype) for (int course = 0; course < 4; course++) {
    const attention_case c = {1, ROWS, PAST, HD, 1, NULL, true};
    name_case(&c, dtype, course);
    float *q = check_f32(0, ROWS, HD, HD), *k = check_f32(0, KEYS, HD, HD),
          *v = check_f32(0, KEYS, HD, HD), *out = check_f32(0, ROWS, HD, HD);
    for (int64_t i = 0; i < ROWS * HD; i++) q[i] = i % HD == 0 ? 1 : i % HD == 1 ? 0.25f : 0;
    for (int64_t j = 0; j < KEYS; j++) {
      const int64_t steps[] = {j / 2, -j / 2, j / 64 * 40, j / 64 % 2 * 100};
      for (int64_t i = 0; i < HD; i++) {
        k[j * HD + i] = i == 0 ? (float)steps[course] : (float)(check_below(17) - 8);
        v[j * HD + i] = (float)(check_below(257) - 128) / 128;
      }
    }
    const void *cached_k = in_cache(0, dtype, k, KEYS, HD, HD),
               *cached_v = in_cache(0, dtype, v, KEYS, HD, HD);
    CHECK(kernels->attention_bf16(q, HD, 1, ROWS, cached_k, cached_v, dtype, HD, PAST, NULL, HD, 1,
                                  out, HD) == GK_OK);
    double p[KEYS];
    for (int64_t r = 0; r < ROWS; r++) {
      reference_probabilities(&c, q + r * HD, k, HD, r, p);
      for (int64_t i = 0; i < HD; i++) {
        double expected = 0;
        for (int64_t j = 0; j <= PAST + r; j++) expected += p[j] * (double)v[j * HD + i];
        CHECK_CLOSE(out[r * HD + i], expected, 1.0 / 128, "out[%d,%d]", (int)r, (int)i);
      }
    }
    check_release();
  }
}

static void hidden_keys_are_left_out(const gk_table *kernels) {
  uint8_t mask[256];
  for (int round = 0; round < 60; round++) {
    const attention_case c = {
        1 + check_below(5), 1 + check_below(20), check_below(120), 1 + check_below(40), 0.5f, mask,
        round % 2 == 1};
    const int64_t keys = c.past + c.rows, density = 1 + check_below(8);
    for (int64_t j = 0; j < keys; j++)
      mask[j] = check_below(8) < density ? (uint8_t)(1 + check_below(255)) : 0;
    if (round % 3 == 0)
      memset(mask, 0, (size_t)(c.past + c.rows / 2)); /* left padding: first rows see nothing */
    if (round % 10 == 0) memset(mask, 0, (size_t)keys);
    check_attention(kernels, round % CHECK_PLACES, &c);
  }
}

/* NaN and Inf in one row's key, value or query reach exactly the rows that see it. */
static void special_values_stay_with_those_who_see_them(const gk_table *kernels) {
  enum { HEADS = 3, ROWS = 11, PAST = 90, HD = 21, KEYS = PAST + ROWS, WIDTH = HEADS * HD };
  EACH_CACHE_TYPE(dtype) for (int64_t spike = PAST - 2; spike < KEYS; spike++) {
    for (int what = 0; what < 4; what++) {
      check_case("dtype=%d key=%lld what=%d", dtype, (long long)spike, what);
      float *q = check_f32(0, ROWS, WIDTH, WIDTH), *k = check_f32(0, KEYS, HD, HD),
            *v = check_f32(0, KEYS, HD, HD);
      check_fill(q, ROWS, WIDTH, WIDTH, 0.25f, 1);
      check_fill(k, KEYS, HD, HD, -1, 1);
      check_fill(v, KEYS, HD, HD, -1, 1);
      if (what == 0) k[spike * HD + 20] = NAN;
      if (what == 1) v[spike * HD + 7] = NAN;
      if (what == 2) v[spike * HD + 20] = -INFINITY;
      if (what == 3) k[spike * HD + 3] = -INFINITY; /* weighs nothing */
      const void *cached_k = in_cache(0, dtype, k, KEYS, HD, HD),
                 *cached_v = in_cache(0, dtype, v, KEYS, HD, HD);
      float *out = check_f32(0, ROWS, WIDTH, WIDTH);
      kernels->attention_f32(q, WIDTH, HEADS, ROWS, cached_k, cached_v, dtype, HD, PAST, NULL, HD,
                             1, out, WIDTH);
      for (int64_t r = 0; r < ROWS; r++) {
        for (int64_t at = 0; at < WIDTH; at++) {
          const float value = out[r * WIDTH + at];
          const bool seen = spike <= PAST + r, same_column = at % HD == (what == 1 ? 7 : 20);
          if (what == 0) CHECK(isnan(value) == seen);
          if (what == 1) CHECK(isnan(value) == (seen && same_column));
          if (what == 2) CHECK(seen && same_column ? value == -INFINITY : isfinite(value));
          if (what == 3) CHECK(isfinite(value));
        }
      }
      check_release();
    }
  }
  /* A query's NaN stays in its head and row, and a whole block of first keys of score -Inf does not
   * spoil what follows. */
  float *q = check_f32(0, ROWS, WIDTH, WIDTH), *k = check_f32(0, KEYS, HD, HD),
        *v = check_f32(0, KEYS, HD, HD);
  check_fill(q, ROWS, WIDTH, WIDTH, 0.25f, 1);
  check_fill(k, KEYS, HD, HD, -1, 1);
  check_fill(v, KEYS, HD, HD, -1, 1);
  q[4 * WIDTH + 1 * HD + 5] = NAN;
  for (int64_t j = 0; j < KEYS - ROWS; j++) k[j * HD] = -INFINITY;
  float *out = check_f32(0, ROWS, WIDTH, WIDTH);
  kernels->attention_f32(q, WIDTH, HEADS, ROWS, k, v, GK_F32, HD, PAST, NULL, HD, 1, out, WIDTH);
  for (int64_t r = 0; r < ROWS; r++) {
    for (int64_t at = 0; at < WIDTH; at++)
      CHECK(isnan(out[r * WIDTH + at]) == (r == 4 && at / HD == 1));
  }
  check_release();
}

/* Scores of thousands, growing and falling along the keys: exp of one alone would overflow, or all
 * would vanish. */
static void large_scores_neither_overflow_nor_vanish(const gk_table *kernels) {
  enum { ROWS = 3, PAST = 120, HD = 24, KEYS = PAST + ROWS };
  for (int falling = 0; falling < 2; falling++) {
    for (float size = 10; size < 1e5f; size *= 10) {
      const attention_case c = {2, ROWS, PAST, HD, 1, NULL, false};
      name_case(&c, GK_F32, falling);
      float *q = check_f32(0, ROWS, 2 * HD, 2 * HD), *k = check_f32(0, KEYS, HD, HD),
            *v = check_f32(0, KEYS, HD, HD);
      check_fill(q, ROWS, 2 * HD, 2 * HD, 0.5f, 1);
      check_fill(v, KEYS, HD, HD, -1, 1);
      for (int64_t j = 0; j < KEYS; j++) {
        const float grown = (float)(falling ? KEYS - j : j) / KEYS * size;
        check_fill(k + j * HD, 1, HD, HD, grown - 1, grown + 1);
      }
      float *out = check_f32(0, ROWS, 2 * HD, 2 * HD);
      kernels->attention_f32(q, 2 * HD, 2, ROWS, k, v, GK_F32, HD, PAST, NULL, HD, 1, out, 2 * HD);
      compare(&c, q, 2 * HD, k, v, HD, out, 2 * HD);
      check_release();
    }
  }
}

/* The same where queries and keys are rounded to bfloat16: they are such numbers already, so that
 * weights are as precise as bfloat16 has them, whichever score is the first and the largest. */
static void rounded_large_scores_neither_overflow_nor_vanish(const gk_table *kernels) {
  enum { HEADS = 2, ROWS = 35, PAST = 300, HD = 24, KEYS = PAST + ROWS, WIDTH = HEADS * HD };
  for (int shape = 0; shape < 4; shape++) {
    for (float size = 10; size < 1e5f; size *= 10) {
      const float sign = shape == 3 ? -1 : 1;
      const attention_case c = {HEADS, ROWS, PAST, HD, sign * size / 256, NULL, true};
      name_case(&c, GK_F32, shape);
      float *q = check_f32(0, ROWS, WIDTH, WIDTH), *k = check_f32(0, KEYS, HD, HD),
            *v = check_f32(0, KEYS, HD, HD), *out = check_f32(0, ROWS, WIDTH, WIDTH);
      for (int64_t i = 0; i < ROWS * WIDTH; i++) q[i] = i % HD == 1;
      check_fill(k, KEYS, HD, HD, -1, 1);
      check_fill(v, KEYS, HD, HD, -1, 1);
      for (int64_t j = 0; j < KEYS; j++) { /* growing, falling, with one peak, falling below 0 */
        const int64_t at = shape == 0 ? j : shape == 2 ? 250 * (j == 170) : KEYS - j;
        k[j * HD + 1] = sign * (float)(at * 256 / KEYS);
      }
      kernels->attention_bf16(q, WIDTH, HEADS, ROWS, k, v, GK_F32, HD, PAST, NULL, HD, c.scale, out,
                              WIDTH);
      double p[KEYS];
      for (int64_t r = 0; r < ROWS; r++) {
        const double score = reference_probabilities(&c, q + r * WIDTH, k, HD, r, p);
        const double tolerance = 1.0 / 128 + (HD + KEYS + 16) * CHECK_EPS * (1 + score);
        for (int64_t at = 0; at < WIDTH; at++) {
          double expected = 0;
          for (int64_t j = 0; j < KEYS; j++) expected += p[j] * (double)v[j * HD + at % HD];
          CHECK_CLOSE(out[r * WIDTH + at], expected, tolerance, "out[%d,%d]", (int)r, (int)at);
        }
      }
      check_release();
    }
  }
}

/* NaN and Inf in keys and queries, and products that overflow, make NaN of the same rows. */
static void rounded_special_keys_stay_with_those_who_see_them(const gk_table *kernels) {
  enum { HEADS = 3, ROWS = 37, PAST = 150, HD = 40, KEYS = PAST + ROWS, WIDTH = HEADS * HD };
  EACH_CACHE_TYPE(dtype) for (int what = 0; what < 7; what++) {
    for (int64_t spike = 3; spike < KEYS; spike += 29) {
      check_case("dtype=%d key=%lld what=%d", dtype, (long long)spike, what);
      float *q = check_f32(0, ROWS, WIDTH, WIDTH), *k = check_f32(0, KEYS, HD, HD),
            *v = check_f32(0, KEYS, HD, HD);
      check_fill(q, ROWS, WIDTH, WIDTH, 0.25f, 1);
      check_fill(k, KEYS, HD, HD, -1, 1);
      check_fill(v, KEYS, HD, HD, -1, 1);
      float *const key = k + spike * HD, *const query = q + spike % ROWS * WIDTH + HD;
      if (what == 0) key[20] = NAN;
      if (what == 1) key[20] = -NAN;
      if (what == 2) key[3] = -INFINITY; /* weighs nothing */
      if (what == 3) key[33] = INFINITY;
      if (what == 4) query[7] = NAN;
      if (what == 5) query[39] = key[39] = 1e30f;
      for (int64_t j = 0; what == 6 && j < PAST + 20; j++) k[j * HD] = -INFINITY;
      const void *cached_k = in_cache(0, dtype, k, KEYS, HD, HD),
                 *cached_v = in_cache(0, dtype, v, KEYS, HD, HD);
      float *out = check_f32(0, ROWS, WIDTH, WIDTH), *exact = check_f32(0, ROWS, WIDTH, WIDTH);
      kernels->attention_bf16(q, WIDTH, HEADS, ROWS, cached_k, cached_v, dtype, HD, PAST, NULL, HD,
                              0.125f, out, WIDTH);
      kernels->attention_f32(q, WIDTH, HEADS, ROWS, cached_k, cached_v, dtype, HD, PAST, NULL, HD,
                             0.125f, exact, WIDTH);
      for (int64_t i = 0; i < ROWS * WIDTH; i++) {
        CHECK(isnan(out[i]) == isnan(exact[i]));
        if (what != 5 && !isnan(exact[i])) { /* 5: rounding decides which key is the largest */
          CHECK_CLOSE(out[i], (double)exact[i], 0.05, "out[%d,%d]", (int)(i / WIDTH),
                      (int)(i % WIDTH));
        }
      }
      check_release();
    }
  }
}

/*
 * Rows in one call, in two, or head by head: the same bits. The contract promises only the same up
 * to its precision; all tiers do better, which keeps greedy decoding independent of how work is
 * split, so it is worth noticing a loss.
 */
static void splits_change_no_bit_over(const gk_table *kernels, int32_t dtype) {
  enum { HEADS = 3, ROWS = 30, PAST = 40, HD = 21, KEYS = PAST + ROWS, WIDTH = HEADS * HD };
  float *q = check_f32(0, ROWS, WIDTH, WIDTH), *k = check_f32(0, KEYS, HD, HD),
        *v = check_f32(0, KEYS, HD, HD);
  check_fill(q, ROWS, WIDTH, WIDTH, -2, 2);
  check_fill(k, KEYS, HD, HD, -1, 1);
  check_fill(v, KEYS, HD, HD, -1, 1);
  const void *cached_k = in_cache(0, dtype, k, KEYS, HD, HD),
             *cached_v = in_cache(0, dtype, v, KEYS, HD, HD);
  uint8_t *mask = check_weights(0, 1, KEYS, KEYS, 1);
  for (int64_t j = 0; j < KEYS; j++) mask[j] = j % 5 != 2;
  float *whole = check_f32(0, ROWS, WIDTH, WIDTH), *split = check_f32(0, ROWS, WIDTH, WIDTH);
  kernels->attention_f32(q, WIDTH, HEADS, ROWS, cached_k, cached_v, dtype, HD, PAST, mask, HD, 0.5f,
                         whole, WIDTH);
  for (int64_t at = 0; at <= ROWS; at++) {
    check_case("dtype=%d split=%lld", dtype, (long long)at);
    kernels->attention_f32(q, WIDTH, HEADS, at, cached_k, cached_v, dtype, HD, PAST, mask, HD, 0.5f,
                           split, WIDTH);
    for (int64_t h = 0; h < HEADS; h++) {
      kernels->attention_f32(q + at * WIDTH + h * HD, WIDTH, 1, ROWS - at, cached_k, cached_v,
                             dtype, HD, PAST + at, mask, HD, 0.5f, split + at * WIDTH + h * HD,
                             WIDTH);
    }
    for (int64_t i = 0; i < ROWS * WIDTH; i++) {
      CHECK_SAME(split[i], whole[i], "out[%lld,%lld]", (long long)(i / WIDTH),
                 (long long)(i % WIDTH));
    }
  }
  check_release();
}

static void splits_change_no_bit(const gk_table *kernels) {
  EACH_CACHE_TYPE(dtype) splits_change_no_bit_over(kernels, dtype);
}

static void size_zero_does_nothing(const gk_table *kernels) {
  float *q = check_f32(0, 2, 8, 8), *k = check_f32(0, 2, 8, 8), *v = check_f32(0, 2, 8, 8),
        *out = check_f32(0, 2, 8, 8);
  EACH_CACHE_TYPE(dtype) {
    CHECK(kernels->attention_f32(q, 8, 1, 0, k, v, dtype, 8, 2, NULL, 8, 1, out, 8) == GK_OK);
    CHECK(kernels->attention_f32(q, 8, 0, 2, k, v, dtype, 8, 0, NULL, 8, 1, out, 8) == GK_OK);
    CHECK(kernels->attention_f32(q, 8, 1, 2, k, v, dtype, 8, 0, NULL, 0, 1, out, 8) == GK_OK);
  }
  for (int i = 0; i < 16; i++) CHECK(isnan(out[i]));
}

static void other_types_are_refused_and_nothing_written(const gk_table *kernels) {
  static const int32_t others[] = {-1, GK_F16, GK_BF16 + 1, INT32_MAX};
  float *q = check_f32(0, 2, 8, 8), *k = check_f32(0, 2, 8, 8), *v = check_f32(0, 2, 8, 8),
        *out = check_f32(0, 2, 8, 8);
  check_fill(q, 2, 8, 8, -1, 1);
  for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
    const int32_t dtype = others[i];
    check_case("dtype=%d", dtype);
    CHECK(kernels->attention_f32(q, 8, 1, 2, k, v, dtype, 8, 0, NULL, 8, 1, out, 8) == GK_EINVAL);
    CHECK(kernels->attention_bf16(q, 8, 1, 2, k, v, dtype, 8, 0, NULL, 8, 1, out, 8) == GK_EINVAL);
    CHECK(kernels->attention_probs_f32(q, 8, 1, 2, k, dtype, 8, 0, NULL, 8, 1, out, 4) ==
          GK_EINVAL);
  }
  for (int i = 0; i < 16; i++) CHECK(check_is_filler((const unsigned char *)(out + i), 4));
  check_release();
}

static void probabilities_match_reference(const gk_table *kernels) {
  uint8_t mask[128];
  for (int round = 0; round < 120; round++) {
    const int32_t dtype = round < 60 ? GK_F32 : GK_BF16;
    const float scale = round % 7 == 3 ? 60.0f : 0.5f; /* at 60, exp(score) overflows */
    const attention_case c = {1 + check_below(4),
                              1 + check_below(12),
                              check_below(40),
                              1 + check_below(20),
                              scale,
                              round % 2 ? mask : NULL,
                              false};
    const int place = round % CHECK_PLACES;
    name_case(&c, dtype, place);
    const int64_t keys = c.past + c.rows, hd = c.head_dim, width = c.heads * hd,
                  p_stride = c.rows * keys + 4;
    for (int64_t j = 0; j < keys; j++) mask[j] = check_below(3) != 0;
    if (round % 5 == 1) memset(mask, 0, (size_t)c.past + 1);
    float *q = check_f32(place, c.rows, width, width + 2), *k = check_f32(place, keys, hd, hd + 1);
    check_fill(q, c.rows, width, width + 2, -1, 1);
    for (int64_t j = 0; j < keys; j++) {
      if (c.key_mask == NULL || mask[j]) check_fill(k + j * (hd + 1), 1, hd, hd, -3, 3);
    }
    const void *cached_k = in_cache(place, dtype, k, keys, hd, hd + 1);
    float *p = check_f32(place, c.heads, c.rows * keys, p_stride);
    CHECK(kernels->attention_probs_f32(q, width + 2, c.heads, c.rows, cached_k, dtype, hd + 1,
                                       c.past, c.key_mask, hd, c.scale, p, p_stride) == GK_OK);
    double expected[128];
    for (int64_t h = 0; h < c.heads; h++) {
      for (int64_t r = 0; r < c.rows; r++) {
        const double score =
            reference_probabilities(&c, q + r * (width + 2) + h * hd, k, hd + 1, r, expected);
        for (int64_t j = 0; j < keys; j++) {
          const double tolerance = is_visible(&c, r, j) ? (double)(hd + keys + 16) * CHECK_EPS *
                                                                  (1 + score) * expected[j] +
                                                              0x1p-126 /* where f32 ends */
                                                        : 0;
          CHECK_CLOSE(p[h * p_stride + r * keys + j], expected[j], tolerance, "p[%d,%d,%d]", (int)r,
                      (int)h, (int)j);
        }
      }
    }
    check_release();
  }
}

CHECK_MAIN(CHECK_TEST(every_tail_matches_reference), CHECK_TEST(every_block_edge_matches_reference),
           CHECK_TEST(model_shapes_match_reference), CHECK_TEST(rounding_stays_within_its_bound),
           CHECK_TEST(rounding_survives_a_moving_maximum), CHECK_TEST(hidden_keys_are_left_out),
           CHECK_TEST(special_values_stay_with_those_who_see_them),
           CHECK_TEST(large_scores_neither_overflow_nor_vanish),
           CHECK_TEST(rounded_large_scores_neither_overflow_nor_vanish),
           CHECK_TEST(rounded_special_keys_stay_with_those_who_see_them),
           CHECK_TEST(splits_change_no_bit), CHECK_TEST(size_zero_does_nothing),
           CHECK_TEST(other_types_are_refused_and_nothing_written),
           CHECK_TEST(probabilities_match_reference))
