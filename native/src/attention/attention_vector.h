#ifndef GK_ATTENTION_VECTOR_H
#define GK_ATTENTION_VECTOR_H

/*
 * Attention of the wide tiers; include the tier's simd/vec_<isa>.h and simd/exp_<isa>.h, and
 * simd/load_scalar.h, first.
 *
 * A "line" is one query: head h of row r. Four lines make a tile, which shares each load of a key
 * or value; 16 tiles make a block, which goes over the keys once, KEYS visible ones at a time
 * (hidden ones are left out before any of them is read), so that these are in cache for all tiles
 * but the first. The scores of a tile stand key by key, four lines side by side, in which order
 * softmax needs no shuffles: a vector holds GK_LANES / 4 keys of four lines.
 *
 * What an output row goes through depends on its query and its visible keys alone, not on its
 * neighbours in the tile.
 */

#include <assert.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

enum {
  LINES = 4,
  TILES = 16,
  KEYS = 48, /* a multiple of all attention_keys_in_flight and of GK_LANES / LINES */
  MOST_KEYS_IN_FLIGHT = 8,
  MOST_VALUES_IN_FLIGHT = 4
};

/* Keys that `lines` queries are multiplied by at a time. With four lines: so many that the sums and
 * the operands fill the registers. */
GK_TEMPLATE int attention_keys_in_flight(int lines) {
  return lines == LINES ? GK_REGISTERS * 3 / 16 : MOST_KEYS_IN_FLIGHT / lines;
}

/* Vectors of each output line that are summed up at a time. */
GK_TEMPLATE int attention_values_in_flight(int lines) {
  return lines == LINES ? GK_REGISTERS / 8 : MOST_VALUES_IN_FLIGHT;
}

typedef struct attention_tile {
  int lines; /* how many are lines of their own; the others repeat the last one */
  const float *q[LINES];
  float *out[LINES];
  int64_t keys[LINES]; /* line l sees keys below keys[l] only; ascending */
  int64_t seen[LINES]; /* visible keys so far */
  gk_vec max, sum; /* of line l in the lanes l, l + 4, ...: the same maximum in all, partial sums */
} attention_tile;

/* s[j, l] = scale * q[l] . k[j] for the keys in flight; lines that there are not repeat others */
GK_TEMPLATE void attention_scores(int lines, const float *const *q, const unsigned char *const *k,
                                  int32_t dtype, int64_t head_dim, float scale, float *s) {
  const int keys = attention_keys_in_flight(lines);
  const int64_t size = gk_element_size(dtype);
  gk_vec sum[MOST_KEYS_IN_FLIGHT][LINES];
  GK_UNROLL(8) for (int j = 0; j < keys; j++) {
    GK_UNROLL(4) for (int l = 0; l < lines; l++) sum[j][l] = gk_vec_set1(0);
  }
  int64_t i = 0;
  for (; i + GK_LANES <= head_dim; i += GK_LANES) {
    gk_vec k_j[MOST_KEYS_IN_FLIGHT];
    GK_UNROLL(8)
    for (int j = 0; j < keys; j++) k_j[j] = gk_vec_load_weights(k[j] + i * size, dtype);
    GK_UNROLL(4) for (int l = 0; l < lines; l++) {
      const gk_vec q_l = gk_vec_load(q[l] + i);
      GK_UNROLL(8) for (int j = 0; j < keys; j++) sum[j][l] = gk_vec_fma(q_l, k_j[j], sum[j][l]);
    }
  }
  if (i < head_dim) {
    gk_vec q_l[LINES];
    GK_UNROLL(4) for (int l = 0; l < lines; l++) q_l[l] = gk_vec_load_first(q[l] + i, head_dim - i);
    GK_UNROLL(8) for (int j = 0; j < keys; j++) {
      const gk_vec k_j = gk_vec_load_first_weights(k[j] + i * size, head_dim - i, dtype);
      GK_UNROLL(4) for (int l = 0; l < lines; l++) sum[j][l] = gk_vec_fma(q_l[l], k_j, sum[j][l]);
    }
  }
  /* Each dot product is added up in the same order, whichever four are added up together. */
  const int together = LINES / lines; /* keys */
  GK_UNROLL(8) for (int j = 0; j < keys; j += together) {
    const __m128 dots =
        _mm_mul_ps(gk_vec_sum4(sum[j][0], sum[j + 1 / lines][1 % lines],
                               sum[j + 2 / lines][2 % lines], sum[j + 3 / lines][3 % lines]),
                   _mm_set1_ps(scale));
    float *const s_j = s + j * LINES;
    if (lines == 4) {
      _mm_storeu_ps(s_j, dots);
    } else if (lines == 2) {
      _mm_storeu_ps(s_j, _mm_movelh_ps(dots, dots));
      _mm_storeu_ps(s_j + LINES, _mm_movehl_ps(dots, dots));
    } else {
      _mm_storeu_ps(s_j, _mm_shuffle_ps(dots, dots, 0x00));
      _mm_storeu_ps(s_j + LINES, _mm_shuffle_ps(dots, dots, 0x55));
      _mm_storeu_ps(s_j + 2 * LINES, _mm_shuffle_ps(dots, dots, 0xaa));
      _mm_storeu_ps(s_j + 3 * LINES, _mm_shuffle_ps(dots, dots, 0xff));
    }
  }
}

/* s = exp(s - max) with the new maximum, and what the sums so far are to be multiplied by for it.
 */
GK_TEMPLATE void attention_softmax(attention_tile *tile, float *s, int64_t keys, float *rescale) {
  const gk_vec nothing = gk_vec_set1(-INFINITY);
  gk_vec max = tile->max;
  for (int64_t at = 0; at < keys * LINES; at += GK_LANES)
    max = gk_vec_max(gk_vec_load(s + at), max);
  max = gk_vec_max_of_quads(max);
  /* Before the first finite score the maximum is -Inf, and -Inf - -Inf would be NaN. */
  const gk_vec subtract = gk_vec_where(max, nothing, gk_vec_set1(0), max);
  const gk_vec factor =
      gk_vec_where(max, tile->max, gk_vec_set1(1), gk_vec_exp(gk_vec_sub(tile->max, subtract)));
  gk_vec sum = gk_vec_mul(tile->sum, factor);
  for (int64_t at = 0; at < keys * LINES; at += GK_LANES) {
    const gk_vec p = gk_vec_exp(gk_vec_sub(gk_vec_load(s + at), subtract));
    gk_vec_store(s + at, p);
    sum = gk_vec_add(sum, p);
  }
  tile->max = max;
  tile->sum = sum;
  gk_vec_store_first(rescale, LINES, factor);
}

/* out[l, i..] = out[l, i..] * rescale[l] + sum over j of p[j, l] * v[j, i..], for `vecs` vectors or
 * `tail` lanes of i */
GK_TEMPLATE void attention_values_at(int lines, int vecs, int64_t tail, float *const *out,
                                     const unsigned char *v, int32_t dtype, const int64_t *at,
                                     int64_t begin, int64_t end, const float *p,
                                     const float *rescale) {
  gk_vec sum[LINES][MOST_VALUES_IN_FLIGHT];
  GK_UNROLL(4) for (int l = 0; l < lines; l++) {
    GK_UNROLL(4) for (int u = 0; u < vecs; u++) {
      const float *out_lu = out[l] + u * GK_LANES;
      sum[l][u] = gk_vec_mul(tail ? gk_vec_load_first(out_lu, tail) : gk_vec_load(out_lu),
                             gk_vec_set1(rescale[l]));
    }
  }
  for (int64_t j = begin; j < end; j++) {
    gk_vec v_j[MOST_VALUES_IN_FLIGHT];
    GK_UNROLL(4) for (int u = 0; u < vecs; u++) {
      const unsigned char *v_ju = v + at[j] + u * GK_LANES * gk_element_size(dtype);
      v_j[u] =
          tail ? gk_vec_load_first_weights(v_ju, tail, dtype) : gk_vec_load_weights(v_ju, dtype);
    }
    GK_UNROLL(4) for (int l = 0; l < lines; l++) {
      const gk_vec p_jl = gk_vec_set1(p[j * LINES + l]);
      GK_UNROLL(4) for (int u = 0; u < vecs; u++) sum[l][u] = gk_vec_fma(p_jl, v_j[u], sum[l][u]);
    }
  }
  GK_UNROLL(4) for (int l = 0; l < lines; l++) {
    GK_UNROLL(4) for (int u = 0; u < vecs; u++) {
      float *out_lu = out[l] + u * GK_LANES;
      if (tail) {
        gk_vec_store_first(out_lu, tail, sum[l][u]);
      } else {
        gk_vec_store(out_lu, sum[l][u]);
      }
    }
  }
}

/* The above for all of head_dim. */
GK_TEMPLATE void attention_values(int lines, int64_t head_dim, float *const *out,
                                  const unsigned char *v, int32_t dtype, const int64_t *at,
                                  int64_t begin, int64_t end, const float *p,
                                  const float *rescale) {
  const int in_flight = attention_values_in_flight(lines);
  float *out_i[LINES];
  int64_t i = 0;
#define ATTENTION_VALUES_AT(vecs, tail)                                                           \
  GK_UNROLL(4) for (int l = 0; l < lines; l++) out_i[l] = out[l] + i;                             \
  attention_values_at(lines, vecs, tail, out_i, v + i * gk_element_size(dtype), dtype, at, begin, \
                      end, p, rescale)
  for (; i + in_flight * GK_LANES <= head_dim; i += in_flight * GK_LANES) {
    ATTENTION_VALUES_AT(in_flight, 0);
  }
  for (; i + GK_LANES <= head_dim; i += GK_LANES) {
    ATTENTION_VALUES_AT(1, 0);
  }
  if (i < head_dim) {
    ATTENTION_VALUES_AT(1, head_dim - i);
  }
#undef ATTENTION_VALUES_AT
}

/* s[j, l] of `count` keys, which start at k + at[j] */
GK_TEMPLATE void attention_all_scores(int lines, const float *const *q, const unsigned char *k,
                                      int32_t dtype, const int64_t *at, int64_t count,
                                      int64_t head_dim, float scale, float *s) {
  const int in_flight = attention_keys_in_flight(lines);
  for (int64_t j = 0; j < count; j += in_flight) {
    const unsigned char
        *k_j[MOST_KEYS_IN_FLIGHT]; /* a last few that are missing repeat the last key */
    for (int u = 0; u < in_flight; u++) k_j[u] = k + at[j + u < count ? j + u : count - 1];
    attention_scores(lines, q, k_j, dtype, head_dim, scale, s + j * LINES);
  }
}

/* One tile over one block of `count` visible keys: key[j] the number, at[j] the offset of the row in bytes;
 * `lines` is a constant, 1, 2 or LINES, and at least those of the tile. */
GK_TEMPLATE void attention_step(int lines, attention_tile *tile, const unsigned char *k,
                                const unsigned char *v, int32_t dtype, const int64_t *key,
                                const int64_t *at, int64_t count, int64_t head_dim, float scale) {
  int64_t visible[LINES];
  for (int l = 0; l < LINES; l++) {
    visible[l] = count;
    while (visible[l] > 0 && key[visible[l] - 1] >= tile->keys[l]) visible[l]--;
    tile->seen[l] += visible[l];
  }
  const int64_t all = visible[0], any = visible[LINES - 1]; /* ascending, as tile->keys */
  if (any == 0) return;

  float s[KEYS * LINES];
  attention_all_scores(lines, tile->q, k, dtype, at, any, head_dim, scale, s);
  const int64_t group = GK_LANES / LINES, padded = (any + group - 1) / group * group;
  for (int l = 0; l < LINES; l++) {
    for (int64_t j = visible[l]; j < padded; j++) s[j * LINES + l] = -INFINITY;
  }

  static const float unchanged[LINES] = {1, 1, 1, 1};
  float rescale[LINES];
  attention_softmax(tile, s, padded, rescale);
  attention_values(lines, head_dim, tile->out, v, dtype, at, 0, all, s, rescale);
  /* Values that some lines do not see stay out of their sums altogether: 0 * NaN would be NaN. */
  for (int l = 0; l < tile->lines && all < any; l++) {
    attention_values(1, head_dim, tile->out + l, v, dtype, at, all, visible[l], s + l, unchanged);
  }
}

GK_TEMPLATE void attention_of(const float *q, int64_t q_stride, int64_t heads, int64_t rows,
                              const unsigned char *k, const unsigned char *v, int32_t dtype,
                              int64_t kv_stride, int64_t past, const uint8_t *key_mask,
                              int64_t head_dim, float scale, float *out, int64_t out_stride) {
  const int64_t lines = rows * heads, kv_step = kv_stride * gk_element_size(dtype);
  for (int64_t line = 0; line < lines; line += TILES * LINES) {
    attention_tile tiles[TILES];
    int tile_count = 0;
    int64_t keys = 0;
    for (int64_t t = line; t < lines && tile_count < TILES; t += LINES, tile_count++) {
      attention_tile *tile = &tiles[tile_count];
      tile->lines = lines - t < LINES ? (int)(lines - t) : LINES;
      for (int l = 0; l < LINES; l++) {
        const int64_t own = t + (l < tile->lines ? l : tile->lines - 1), r = own / heads,
                      h = own % heads;
        tile->q[l] = q + r * q_stride + h * head_dim;
        tile->out[l] = out + r * out_stride + h * head_dim;
        tile->keys[l] = past + r + 1;
        tile->seen[l] = 0;
        memset(tile->out[l], 0, (size_t)head_dim * sizeof(float));
      }
      tile->max = gk_vec_set1(-INFINITY);
      tile->sum = gk_vec_set1(0);
      keys = tile->keys[LINES - 1];
    }

    int64_t next = 0;
    while (next < keys) {
      int64_t key[KEYS], at[KEYS], count = 0;
      for (; next < keys && count < KEYS; next++) {
        if (key_mask != NULL && key_mask[next] == 0) continue;
        key[count] = next;
        at[count++] = next * kv_step;
      }
      for (int t = 0; t < tile_count && count > 0; t++) {
        /* A single new token has as few lines as heads share a key. */
        if (tiles[t].lines == 1) {
          attention_step(1, &tiles[t], k, v, dtype, key, at, count, head_dim, scale);
        } else if (tiles[t].lines == 2) {
          attention_step(2, &tiles[t], k, v, dtype, key, at, count, head_dim, scale);
        } else {
          attention_step(LINES, &tiles[t], k, v, dtype, key, at, count, head_dim, scale);
        }
      }
    }

    for (int t = 0; t < tile_count; t++) {
      float sum[LINES];
      gk_vec_store_first(sum, LINES, gk_vec_sum_of_quads(tiles[t].sum));
      for (int l = 0; l < tiles[t].lines; l++) {
        const float normalise = 1 / sum[l];
        if (tiles[t].seen[l] == 0) continue; /* zeros */
        for (int64_t i = 0; i < head_dim; i++) tiles[t].out[l][i] *= normalise;
      }
    }
  }
}

GK_TEMPLATE int32_t attention(const float *q, int64_t q_stride, int64_t heads, int64_t rows,
                              const void *k, const void *v, int32_t dtype, int64_t kv_stride,
                              int64_t past, const uint8_t *key_mask, int64_t head_dim, float scale,
                              float *out, int64_t out_stride) {
  assert(heads >= 0 && rows >= 0 && past >= 0 && head_dim >= 0);
  switch (dtype) {
    case GK_F32:
      attention_of(q, q_stride, heads, rows, k, v, GK_F32, kv_stride, past, key_mask, head_dim,
                   scale, out, out_stride);
      return GK_OK;
    case GK_BF16:
      attention_of(q, q_stride, heads, rows, k, v, GK_BF16, kv_stride, past, key_mask, head_dim,
                   scale, out, out_stride);
      return GK_OK;
    default:
      return GK_EINVAL;
  }
}

#endif
