#include "check.h"
#include "pack/packed.h"

/* Of no use before or after, so one will do for all tests but the one that guards it. */
static unsigned char working_memory[GK_GEMM_SCRATCH];

static int64_t packed_count(int64_t m, int64_t k) {
  return (m + PACKED_ROWS - 1) / PACKED_ROWS * packed_tiles(k) * PACKED_TILE;
}

static uint16_t *packed_buffer(int place, int64_t m, int64_t k) {
  const int64_t count = packed_count(m, k);
  const check_place at = check_places[place];
  return check_bytes(at.at_end, at.skew * sizeof(uint32_t), 1, count, count, sizeof(uint16_t));
}

/* Nearest bfloat16 by comparison of its two neighbours; normal numbers only. */
static double rounded(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  const uint16_t below = (uint16_t)(bits >> 16);
  const double low = check_bf16_value(below), high = check_bf16_value((uint16_t)(below + 1));
  const double to_low = fabs((double)x - low), to_high = fabs(high - (double)x);
  if (to_low != to_high) return to_low < to_high ? low : high;
  return below % 2 == 0 ? low : high;
}

static double packed_value(const uint16_t *packed, int64_t i, int64_t c, int64_t k) {
  uint16_t bits;
  memcpy(&bits, (const unsigned char *)packed + packed_at(i, c, k) * 2, sizeof bits);
  return check_bf16_value(bits);
}

/* Packed activations, of which the reference reads the values back. */
static uint16_t *packed_random(const gk_table *kernels, int place, int64_t m, int64_t k) {
  float *x = check_f32(place, m, k, k);
  check_fill(x, m, k, k, -1, 1);
  uint16_t *packed = packed_buffer(place, m, k);
  kernels->pack_bf16(x, k, NULL, m, k, packed);
  check_seal(packed);
  return packed;
}

/* sum_c x(i,c) * w[j,c], and the same of magnitudes */
static double product(const uint16_t *x, int64_t i, const void *w, int64_t w_stride, int64_t j,
                      int64_t k, double *magnitude) {
  double sum = 0;
  *magnitude = 0;
  for (int64_t c = 0; c < k; c++) {
    const double p = packed_value(x, i, c, k) * check_weight(w, GK_BF16, j * w_stride + c);
    sum += p;
    *magnitude += fabs(p);
  }
  return sum;
}

static void pack_rounds_and_fills_up(const gk_table *kernels) {
  static const int64_t cols[] = {0, 1, 2, 15, 16, 17, 31, 32, 33, 47, 49, 64, 70};
  CHECK_EACH_PLACE(place) {
    for (int64_t m = 0; m <= 33; m += m < 3 || m > 13 ? 1 : 5) {
      for (size_t s = 0; s < sizeof cols / sizeof cols[0]; s++) {
        const int64_t k = cols[s], stride = k + 3;
        check_case("place=%d m=%lld k=%lld", place, (long long)m, (long long)k);
        float *x = check_f32(place, m, k, stride);
        check_fill(x, m, k, stride, -3, 3);
        if (m > 0 && k > 0) x[0] = 1.00390625f; /* between two, the even one is below */
        if (m > 0 && k > 1) x[1] = 1.01171875f; /* between two, the even one is above */
        check_seal(x);
        uint16_t *packed = packed_buffer(place, m, k);
        kernels->pack_bf16(x, stride, NULL, m, k, packed);
        for (int64_t i = 0; i < (m + 15) / 16 * 16; i++) {
          for (int64_t c = 0; c < packed_tiles(k) * 32; c++) {
            const double expected = i < m && c < k ? rounded(x[i * stride + c]) : 0;
            CHECK_CLOSE(packed_value(packed, i, c, k), expected, 0, "packed(%lld,%lld)",
                        (long long)i, (long long)c);
          }
        }
        check_release();
      }
    }
  }
}

static void pack_gathers_rows(const gk_table *kernels) {
  enum { M = 21, ROWS = 9, K = 40 };
  float *x = check_f32(0, ROWS, K, K);
  check_fill(x, ROWS, K, K, -3, 3);
  int32_t *rows = check_i32(0, M);
  for (int i = 0; i < M; i++) rows[i] = (int32_t)check_below(ROWS);
  uint16_t *packed = packed_buffer(0, M, K);
  kernels->pack_bf16(x, K, rows, M, K, packed);
  for (int i = 0; i < M; i++) {
    for (int c = 0; c < K; c++) {
      CHECK_CLOSE(packed_value(packed, i, c, K), rounded(x[rows[i] * K + c]), 0, "packed(%d,%d)", i,
                  c);
    }
  }
}

static void pack_keeps_infinities_and_nan(const gk_table *kernels) {
  const float x[5] = {INFINITY, -INFINITY, NAN, 3.4e38f, -0.0f};
  uint16_t *packed = packed_buffer(0, 1, 5);
  kernels->pack_bf16(x, 5, NULL, 1, 5, packed);
  CHECK(packed_value(packed, 0, 0, 5) == (double)INFINITY);
  CHECK(packed_value(packed, 0, 1, 5) == -(double)INFINITY);
  CHECK(isnan(packed_value(packed, 0, 2, 5)));
  CHECK(packed_value(packed, 0, 3, 5) == (double)INFINITY); /* above the largest bfloat16 */
  CHECK(packed_value(packed, 0, 4, 5) == 0 && signbit(packed_value(packed, 0, 4, 5)));
}

/* Every place in m, n and k at which a block, a pair of tiles or a tile begins, and its neighbours. */
static void check_product(const gk_table *kernels, int place, int64_t m, int64_t n, int64_t k) {
  check_case("place=%d m=%lld n=%lld k=%lld", place, (long long)m, (long long)n, (long long)k);
  const int64_t w_stride = k + 5, y_stride = n + 2;
  void *w = check_weights(place, n, k, w_stride, 2);
  check_fill_weights(w, GK_BF16, n, k, w_stride);
  check_seal(w);
  const uint16_t *x = packed_random(kernels, place, m, k);
  float *y = check_f32(place, m, n, y_stride);
  kernels->gemm_bf16(w, w_stride, n, k, x, m, 0.5f, NULL, NULL, 0, y, y_stride, working_memory);
  for (int64_t i = 0; i < m; i++) {
    for (int64_t j = 0; j < n; j++) {
      double magnitude;
      const double expected = 0.5 * product(x, i, w, w_stride, j, k, &magnitude);
      CHECK_CLOSE(y[i * y_stride + j], expected, (double)(k + 4) * CHECK_EPS * 0.5 * magnitude,
                  "y[%lld,%lld]", (long long)i, (long long)j);
    }
  }
  check_release();
}

static void every_tail_matches_reference(const gk_table *kernels) {
  static const int64_t ms[] = {1, 2, 15, 16, 17, 31, 32, 33, 48, 65};
  static const int64_t ns[] = {1, 15, 16, 17, 31, 32, 33, 63, 65};
  static const int64_t ks[] = {0, 1, 2, 3, 31, 32, 33, 63, 64, 65, 100};
  for (size_t a = 0; a < sizeof ms / sizeof ms[0]; a++) {
    for (size_t b = 0; b < sizeof ns / sizeof ns[0]; b++) {
      for (size_t c = 0; c < sizeof ks / sizeof ks[0]; c++) {
        check_product(kernels, (int)((a + b + c) % CHECK_PLACES), ms[a], ns[b], ks[c]);
      }
    }
  }
}

static void blocks_match_reference(const gk_table *kernels) {
  static const int64_t shapes[][3] = {
      {33, 260, 520},  {7, 300, 1030},  {520, 33, 70},   {1, 257, 513},    {3, 289, 1537},
      {513, 20, 512},  {100, 256, 511}, {16, 512, 544},  {130, 300, 1024}, {65, 200, 2048},
      {40, 288, 1536}, {33, 270, 768},  {270, 70, 2048}, {33, 300, 2560},  {5, 260, 2085}};
  for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
    check_product(kernels, (int)s % CHECK_PLACES, shapes[s][0], shapes[s][1], shapes[s][2]);
  }
}

static void rows_and_scales_scatter_and_accumulate(const gk_table *kernels) {
  enum { M = 37, ROWS = 50, N = 45, K = 77 };
  CHECK_EACH_PLACE(place) {
    check_case("place=%d", place);
    void *w = check_weights(place, N, K, K, 2);
    check_fill_weights(w, GK_BF16, N, K, K);
    const uint16_t *x = packed_random(kernels, place, M, K);
    float *y = check_f32(place, ROWS, N, N), *before = check_f32(place, ROWS, N, N);
    check_fill(before, ROWS, N, N, -1, 1);
    memcpy(y, before, ROWS * N * sizeof *y);
    int32_t *rows = check_i32(place, M);
    float *scales = check_f32(place, 1, M, M);
    for (int i = 0; i < M; i++) rows[i] = (int32_t)((i * 7 + 3) % ROWS);
    check_fill(scales, 1, M, M, 0, 1);
    check_seal(rows);
    check_seal(scales);
    kernels->gemm_bf16(w, K, N, K, x, M, 2, rows, scales, 0.75f, y, N, working_memory);
    for (int r = 0; r < ROWS; r++) {
      int i = 0;
      while (i < M && rows[i] != r) i++;
      for (int j = 0; j < N; j++) {
        if (i == M) {
          CHECK_SAME(y[r * N + j], before[r * N + j], "y[%d,%d]", r, j);
          continue;
        }
        double magnitude;
        const double factor = 2 * (double)scales[i];
        const double expected = factor * product(x, i, w, K, j, K, &magnitude);
        CHECK_CLOSE(y[r * N + j], expected + 0.75 * (double)before[r * N + j],
                    (K + 4) * CHECK_EPS * factor * magnitude + 2 * CHECK_EPS, "y[%d,%d]", r, j);
      }
    }
    check_release();
  }
}

static void splits_change_no_bit(const gk_table *kernels) {
  enum { M = 70, N = 300, K = 600 };
  void *w = check_weights(2, N, K, K, 2);
  check_fill_weights(w, GK_BF16, N, K, K);
  float *x = check_f32(0, M, K, K);
  check_fill(x, M, K, K, -1, 1);
  uint16_t *packed = packed_buffer(0, M, K), *one = packed_buffer(0, 1, K);
  kernels->pack_bf16(x, K, NULL, M, K, packed);
  float *y = check_f32(0, M, N, N), *part = check_f32(0, M, N, N);
  kernels->gemm_bf16(w, K, N, K, packed, M, 1, NULL, NULL, 0, y, N, working_memory);
  for (int64_t j = 0; j < N; j += 97) {
    const int64_t n = N - j < 97 ? N - j : 97;
    kernels->gemm_bf16((const unsigned char *)w + j * K * 2, K, n, K, packed, M, 1, NULL, NULL, 0,
                       part + j, N, working_memory);
  }
  for (int i = 0; i < M * N; i++) CHECK_SAME(part[i], y[i], "rows of w apart [%d]", i);
  for (int i = 0; i < M; i += 23) {
    kernels->pack_bf16(x + i * K, K, NULL, 1, K, one);
    kernels->gemm_bf16(w, K, N, K, one, 1, 1, NULL, NULL, 0, part, N, working_memory);
    for (int j = 0; j < N; j++) CHECK_SAME(part[j], y[i * N + j], "alone [%d,%d]", i, j);
  }
}

static void special_values_stay_in_their_row(const gk_table *kernels) {
  enum { M = 19, N = 40, K = 70 };
  uint16_t *w = check_weights(0, N, K, K, 2);
  check_fill_weights(w, GK_BF16, N, K, K);
  float *x = check_f32(0, M, K, K);
  check_fill(x, M, K, K, 0.5f, 1);
  w[4 * K + 69] = 0xff80u; /* -Inf */
  w[33 * K + 3] = 0x7fc0u; /* NaN */
  x[17 * K + 68] = NAN;
  uint16_t *packed = packed_buffer(0, M, K);
  kernels->pack_bf16(x, K, NULL, M, K, packed);
  float *y = check_f32(0, M, N, N);
  kernels->gemm_bf16(w, K, N, K, packed, M, 1, NULL, NULL, 0, y, N, working_memory);
  for (int i = 0; i < M; i++) {
    for (int j = 0; j < N; j++) {
      const float y_ij = y[i * N + j];
      CHECK(i == 17 || j == 33 ? isnan(y_ij) : j == 4 ? y_ij == -INFINITY : isfinite(y_ij));
    }
  }
}

static void check_gated(const gk_table *kernels, int place, int64_t m, int64_t n, int64_t k,
                        int64_t first, int64_t out_cols) {
  check_case("place=%d m=%lld n=%lld k=%lld first=%lld of %lld", place, (long long)m, (long long)n,
             (long long)k, (long long)first, (long long)out_cols);
  const int64_t w_stride = k + 1;
  void *gate = check_weights(place, n, k, w_stride, 2);
  void *up = check_weights(place, n, k, w_stride, 2);
  check_fill_weights(gate, GK_BF16, n, k, w_stride);
  check_fill_weights(up, GK_BF16, n, k, w_stride);
  const uint16_t *x = packed_random(kernels, place, m, k);
  uint16_t *out = packed_buffer(place, m, out_cols);
  kernels->silu_mul_gemm_bf16(gate, up, w_stride, n, k, x, m, first, out_cols, out, working_memory);
  const int64_t end = first + packed_tiles(n) * 32;
  for (int64_t i = 0; i < (m + 15) / 16 * 16; i++) {
    for (int64_t c = 0; c < packed_tiles(out_cols) * 32; c++) {
      if (c < first || c >= end) {
        uint16_t bits;
        memcpy(&bits, (unsigned char *)out + packed_at(i, c, out_cols) * 2, sizeof bits);
        CHECK(bits == CHECK_FILLER);
        continue;
      }
      const int64_t j = c - first;
      double expected = 0, tolerance = 0;
      if (i < m && j < n) {
        double of_gate, of_up;
        const double a = product(x, i, gate, w_stride, j, k, &of_gate);
        const double b = product(x, i, up, w_stride, j, k, &of_up);
        expected = a / (1 + exp(-a)) * b;
        /* silu's slope is below 1.1; a bfloat16 has 8 bits */
        tolerance = (double)(k + 4) * CHECK_EPS * (1.1 * of_gate * fabs(b) + fabs(a) * of_up) +
                    (0x1p-8 + 0x1p-16) * fabs(expected) + 0x1p-120;
      }
      CHECK_CLOSE(packed_value(out, i, c, out_cols), expected, tolerance, "out(%lld,%lld)",
                  (long long)i, (long long)c);
    }
  }
  check_release();
}

static void gated_product_matches_reference(const gk_table *kernels) {
  static const int64_t ms[] = {1, 15, 16, 17, 33, 40};
  static const int64_t ks[] = {0, 1, 31, 33, 64, 90};
  int place = 0;
  for (size_t a = 0; a < sizeof ms / sizeof ms[0]; a++) {
    for (size_t c = 0; c < sizeof ks / sizeof ks[0]; c++) {
      check_gated(kernels, place++ % CHECK_PLACES, ms[a], 64, ks[c], 32, 150);
      check_gated(kernels, place++ % CHECK_PLACES, ms[a], 22, ks[c], 128, 150);
      check_gated(kernels, place++ % CHECK_PLACES, ms[a], 1, ks[c], 0, 1);
    }
  }
  check_gated(kernels, 1, 35, 300, 1100, 0, 300);
  check_gated(kernels, 2, 35, 150, 2100, 0, 150);
  check_gated(kernels, 0, 530, 32, 40, 0, 32);
}

/* Groups in one go give the bits that each gives alone. */
static void check_groups(const gk_table *kernels, int place, int64_t n, int64_t k) {
  static const int64_t sizes[] = {0, 5, 33, 0, 0, 70, 16, 290, 1, 0};
  enum { GROUPS = sizeof sizes / sizeof sizes[0], FIRST = 3, M = FIRST + 415, ROWS = 310 };
  check_case("place=%d n=%lld k=%lld", place, (long long)n, (long long)k);
  int32_t *starts = check_i32(place, GROUPS + 1);
  int64_t tiles = 0, tile_of[GROUPS];
  starts[0] = FIRST;
  for (int g = 0; g < GROUPS; g++) {
    starts[g + 1] = starts[g] + (int32_t)sizes[g];
    tile_of[g] = tiles;
    tiles += (sizes[g] + 15) / 16;
  }
  check_seal(starts);
  const int64_t w_stride = k + 3, w_group = n * w_stride + 7;
  void *w = check_weights(place, GROUPS, w_group, w_group, 2);
  check_fill_weights(w, GK_BF16, GROUPS, w_group, w_group);
  const uint16_t *x = packed_random(kernels, place, tiles * 16, k);
  int32_t *rows = check_i32(place, M);
  for (int i = 0; i < M; i++) rows[i] = (int32_t)((i * 7 + 3) % ROWS);
  float *scales = check_f32(place, 1, M, M);
  check_fill(scales, 1, M, M, 0, 1);
  float *y = check_f32(place, ROWS, n, n), *one = check_f32(0, ROWS, n, n);
  check_fill(y, ROWS, n, n, -1, 1);
  memcpy(one, y, (size_t)(ROWS * n) * sizeof *y);
  uint16_t *out = packed_buffer(place, tiles * 16, n), *out_one = packed_buffer(0, tiles * 16, n);

  kernels->gemm_grouped_bf16(w, w_stride, w_group, n, k, x, GROUPS, starts, 2, rows, scales, 1, y,
                             n, working_memory);
  kernels->silu_mul_gemm_grouped_bf16(w, w, w_stride, w_group, n, k, x, GROUPS, starts, 0, n, out,
                                      working_memory);
  for (int g = 0; g < GROUPS; g++) {
    const unsigned char *w_g = (const unsigned char *)w + g * w_group * 2;
    const uint16_t *x_g = x + tile_of[g] * packed_tiles(k) * PACKED_TILE;
    kernels->gemm_bf16(w_g, w_stride, n, k, x_g, sizes[g], 2, rows + starts[g], scales + starts[g],
                       1, one, n, working_memory);
    kernels->silu_mul_gemm_bf16(w_g, w_g, w_stride, n, k, x_g, sizes[g], 0, n,
                                out_one + tile_of[g] * packed_tiles(n) * PACKED_TILE,
                                working_memory);
  }
  for (int64_t i = 0; i < ROWS * n; i++) CHECK_SAME(y[i], one[i], "y[%lld]", (long long)i);
  CHECK(memcmp(out, out_one, (size_t)packed_count(tiles * 16, n) * 2) == 0);

  float *all = check_f32(place, M, n, n); /* without `rows`, i itself is the row */
  kernels->gemm_grouped_bf16(w, w_stride, w_group, n, k, x, GROUPS, starts, 1, NULL, NULL, 0, all,
                             n, working_memory);
  for (int g = 0; g < GROUPS; g++) {
    kernels->gemm_bf16((const unsigned char *)w + g * w_group * 2, w_stride, n, k,
                       x + tile_of[g] * packed_tiles(k) * PACKED_TILE, sizes[g], 1, NULL, NULL, 0,
                       one, n, working_memory);
    for (int64_t i = 0; i < sizes[g] * n; i++) {
      CHECK_SAME(all[starts[g] * n + i], one[i], "group %d [%lld]", g, (long long)i);
    }
  }
  check_release();
}

static void groups_match_each_alone(const gk_table *kernels) {
  static const int64_t shapes[][2] = {{1, 1},     {40, 70},   {64, 256},  {32, 768},
                                      {96, 1100}, {288, 512}, {64, 2048}, {33, 2100}};
  for (size_t s = 0; s < sizeof shapes / sizeof shapes[0]; s++) {
    check_groups(kernels, (int)s % CHECK_PLACES, shapes[s][0], shapes[s][1]);
  }
}

static void working_memory_is_enough(const gk_table *kernels) {
  enum { M = 512, N = 256, K = 1024 };
  CHECK_EACH_PLACE(place) {
    void *w = check_weights(place, N, K, K, 2);
    memset(w, 0, N * K * 2);
    uint16_t *x = packed_buffer(place, M, K);
    memset(x, 0, (size_t)packed_count(M, K) * 2);
    float *y = check_f32(place, M, N, N);
    float *scratch = check_f32(place, 1, GK_GEMM_SCRATCH / 4, GK_GEMM_SCRATCH / 4);
    const bool slow = strcmp(kernels->isa, "amx") != 0;
    const int64_t m = slow ? 1 : M;
    kernels->gemm_bf16(w, K, N, K, x, m, 1, NULL, NULL, 0, y, N, scratch);
    for (int64_t i = 0; i < m * N; i++) CHECK(y[i] == 0);
    check_release();
  }
}

static void size_zero_does_nothing(const gk_table *kernels) {
  float y = 3;
  uint16_t w = 0, x[PACKED_TILE] = {0}, out = 7;
  kernels->gemm_bf16(&w, 1, 0, 1, x, 1, 1, NULL, NULL, 0, &y, 1, working_memory);
  kernels->gemm_bf16(&w, 1, 1, 1, x, 0, 1, NULL, NULL, 0, &y, 1, working_memory);
  kernels->silu_mul_gemm_bf16(&w, &w, 1, 0, 1, x, 1, 0, 0, &out, working_memory);
  kernels->silu_mul_gemm_bf16(&w, &w, 1, 1, 1, x, 0, 0, 1, &out, working_memory);
  const int32_t starts[] = {5, 5, 5};
  kernels->gemm_grouped_bf16(&w, 1, 1, 1, 1, x, 0, starts, 1, NULL, NULL, 0, &y, 1, working_memory);
  kernels->gemm_grouped_bf16(&w, 1, 1, 1, 1, x, 2, starts, 1, NULL, NULL, 0, &y, 1, working_memory);
  kernels->silu_mul_gemm_grouped_bf16(&w, &w, 1, 1, 1, 1, x, 2, starts, 0, 1, &out, working_memory);
  kernels->pack_bf16(&y, 1, NULL, 0, 1, &out);
  kernels->pack_bf16(&y, 1, NULL, 1, 0, &out);
  CHECK(y == 3 && out == 7);
}

CHECK_MAIN(CHECK_TEST(pack_rounds_and_fills_up), CHECK_TEST(pack_gathers_rows),
           CHECK_TEST(pack_keeps_infinities_and_nan), CHECK_TEST(every_tail_matches_reference),
           CHECK_TEST(blocks_match_reference), CHECK_TEST(rows_and_scales_scatter_and_accumulate),
           CHECK_TEST(splits_change_no_bit), CHECK_TEST(special_values_stay_in_their_row),
           CHECK_TEST(gated_product_matches_reference), CHECK_TEST(groups_match_each_alone),
           CHECK_TEST(working_memory_is_enough), CHECK_TEST(size_zero_does_nothing))
