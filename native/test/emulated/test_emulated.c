/*
 * Holds what stands in for instructions to their description. A CPU with AMX answers the same
 * questions: compile this with -march=sapphirerapids in place of amx.h, and link it with the objects
 * of any preset.
 */

#include <sys/wait.h>

#include "check.h"

/* The tier for which all is there. */
static bool is_amx(const gk_table *kernels) { return strcmp(kernels->isa, "amx") == 0; }

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* ---- masks ---------------------------------------------------------------------------------- */

/* Lanes [first, end), of an operand that has no others: the pointer lies before it. */
static void check_masked(int place, int first, int end) {
  check_case("lanes=[%d,%d) place=%d", first, end, place);
  const int count = end - first;
  const uint32_t used = (uint32_t)(((uint64_t)1 << end) - ((uint64_t)1 << first));
  uint16_t wide[32] = {0}, *words = check_bytes(check_places[place].at_end, 0, 1, count, count, 2);
  for (int i = 0; i < count; i++) wide[first + i] = words[i] = (uint16_t)check_random();
  check_seal(words);
  uint16_t loaded[32] = {0};
  const __m512i all = _mm512_maskz_loadu_epi16(used, words - first);
  memcpy(loaded, &all, sizeof all);
  CHECK(memcmp(loaded, wide, sizeof wide) == 0);
  if (end > 16) return;

  const __m256i half = _mm256_maskz_loadu_epi16((__mmask16)used, words - first);
  CHECK(memcmp(&half, wide, sizeof half) == 0);
  uint16_t *words_out = check_bytes(check_places[place].at_end, 0, 1, count, count, 2);
  _mm256_mask_storeu_epi16(words_out - first, (__mmask16)used, half);
  CHECK(memcmp(words_out, words, (size_t)count * 2) == 0);

  float floats[16] = {0}, *x = check_f32(place, 1, count, count);
  for (int i = 0; i < count; i++) floats[first + i] = x[i] = check_uniform(-1, 1);
  const __m512 vector = _mm512_maskz_loadu_ps((__mmask16)used, x - first);
  CHECK(memcmp(&vector, floats, sizeof vector) == 0);
  float *out = check_f32(place, 1, count, count);
  _mm512_mask_storeu_ps(out - first, (__mmask16)used, vector);
  CHECK(memcmp(out, x, (size_t)count * 4) == 0);
}

static void masks_keep_bytes_untouched(const gk_table *kernels) {
  if (!is_amx(kernels)) return;
  CHECK_EACH_PLACE(place) {
    for (int end = 1; end <= 32; end++) {
      for (int first = 0; first < end; first++) {
        check_masked(place, first, end);
        check_release();
      }
    }
  }
}

/* ---- numbers -------------------------------------------------------------------------------- */

static void reduce_leaves_the_fraction(const gk_table *kernels) {
  if (!is_amx(kernels)) return;
  static const float cases[][2] = {
      {0, 0},         {0.75f, 0.75f},  {-0.25f, 0.75f},        {-3, 0},
      {125.5f, 0.5f}, {-125.5f, 0.5f}, {INFINITY, 0},          {-INFINITY, 0},
      {8388609, 0},   {-1.5f, 0.5f},   {0x1p-149f, 0x1p-149f}, {1.9999999f, 0.99999988f}};
  for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
    check_case("of %g", (double)cases[c][0]);
    const __m512 left =
        _mm512_reduce_ps(_mm512_set1_ps(cases[c][0]), _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
    CHECK(_mm512_cvtss_f32(left) == cases[c][1]);
  }
  CHECK(isnan(_mm512_cvtss_f32(
      _mm512_reduce_ps(_mm512_set1_ps(NAN), _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC))));
}

/* One rounding, by way of a double that holds the product exactly. */
static void scalef_rounds_once(const gk_table *kernels) {
  if (!is_amx(kernels)) return;
  for (int n = -190; n <= 190; n++) {
    float x[16], actual[16];
    for (int i = 0; i < 16; i++) x[i] = check_uniform(-2, 2) * (i % 4 == 0 ? 0x1p-127f : 1);
    check_case("n=%d", n);
    const float power = (float)n + check_uniform(0, 0.99f);
    __m512 v;
    memcpy(&v, x, sizeof v);
    v = _mm512_scalef_ps(v, _mm512_set1_ps(power));
    memcpy(actual, &v, sizeof v);
    for (int i = 0; i < 16; i++) {
      CHECK_SAME(actual[i], (float)ldexp((double)x[i], n), "%a * 2^%d", (double)x[i], n);
    }
  }
  const __m512 nan = _mm512_scalef_ps(_mm512_set1_ps(NAN), _mm512_set1_ps(3));
  CHECK(isnan(_mm512_cvtss_f32(nan)));
  CHECK(isnan(_mm512_cvtss_f32(_mm512_scalef_ps(_mm512_set1_ps(3), nan))));
}

/* The nearer of the two bfloat16 around it; of equally near ones the even one. */
static uint16_t nearest_bf16(uint32_t bits) {
  const float x = float_of(bits);
  const uint32_t below = bits & 0xffff0000, above = below + 0x10000;
  if (isnan(x)) return (uint16_t)(below >> 16 | 0x40);
  if (fabsf(x) < 0x1p-126f) return signbit(x) ? 0x8000 : 0; /* subnormal */
  if (isinf(x)) return (uint16_t)(below >> 16);
  /* As if the exponent had no end: what is past the largest number goes to infinity. */
  const double value = (double)x, low = (double)float_of(below);
  const double high = isinf(float_of(above)) ? copysign(0x1p128, value) : (double)float_of(above);
  const double down = fabs(value - low), up = fabs(high - value);
  return (uint16_t)((down < up || (down == up && (below >> 16) % 2 == 0) ? below : above) >> 16);
}

static void bf16_is_the_nearest(const gk_table *kernels) {
  if (!is_amx(kernels)) return;
  static const uint32_t tails[] = {0, 1, 0x7fff, 0x8000, 0x8001, 0xffff};
  for (uint32_t upper = 0; upper < 0x10000; upper += 16) {
    for (size_t t = 0; t < sizeof tails / sizeof tails[0]; t++) {
      uint32_t x[16];
      for (uint32_t i = 0; i < 16; i++) x[i] = (upper + i) << 16 | tails[t];
      __m512 v;
      memcpy(&v, x, sizeof v);
      const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(v, _mm512_set1_ps(1));
      uint16_t to[32];
      memcpy(to, &both, sizeof to);
      for (int i = 0; i < 16; i++) {
        check_case("bits=%08x", x[i]);
        CHECK(to[i] == 0x3f80);
        CHECK(to[16 + i] == nearest_bf16(x[i]));
      }
    }
  }
}

static void halves_and_words_are_converted(const gk_table *kernels) {
  if (!is_amx(kernels)) return;
  for (uint32_t first = 0; first < 0x10000; first += 16) {
    uint16_t from[16];
    for (uint32_t i = 0; i < 16; i++) from[i] = (uint16_t)(first + i);
    __m256i words;
    memcpy(&words, from, sizeof words);
    const __m512 numbers = _mm512_cvtph_ps(words);
    const __m512i wide = _mm512_cvtepu16_epi32(words);
    const __m256i narrow =
        _mm512_cvtepi32_epi16(_mm512_or_si512(wide, _mm512_set1_epi32(INT32_MIN)));
    float values[16];
    uint32_t integers[16];
    memcpy(values, &numbers, sizeof values);
    memcpy(integers, &wide, sizeof integers);
    CHECK(memcmp(&narrow, from, sizeof from) == 0);
    for (int i = 0; i < 16; i++) {
      CHECK(integers[i] == from[i]);
      CHECK_SAME(values[i], (float)check_f16_value(from[i]), "binary16 %04x", from[i]);
    }
  }
}

static void lanes_go_where_they_belong(const gk_table *kernels) {
  if (!is_amx(kernels)) return;
  float a[16], b[16], to[16];
  for (int i = 0; i < 16; i++) {
    a[i] = (float)i;
    b[i] = (float)(16 + i);
  }
  const __m512 va = _mm512_loadu_ps(a), vb = _mm512_loadu_ps(b);
#define CHECK_SHUFFLE(which)                                                        \
  do {                                                                              \
    _mm512_storeu_ps(to, _mm512_shuffle_f32x4(va, vb, which));                      \
    for (int i = 0; i < 16; i++) {                                                  \
      const int quarter = which >> (i / 4 * 2) & 3;                                 \
      CHECK_SAME(to[i], (i < 8 ? a : b)[quarter * 4 + i % 4], "%#x[%d]", which, i); \
    }                                                                               \
  } while (0)
  CHECK_SHUFFLE(0x44);
  CHECK_SHUFFLE(0x4e);
  CHECK_SHUFFLE(0x88);
  CHECK_SHUFFLE(0xb1);
  CHECK_SHUFFLE(0xdd);
  CHECK_SHUFFLE(0xee);
#undef CHECK_SHUFFLE
  const __m256 upper = _mm512_extractf32x8_ps(va, 1), lower = _mm512_extractf32x8_ps(va, 0);
  CHECK(memcmp(&upper, a + 8, 32) == 0 && memcmp(&lower, a, 32) == 0);
  CHECK(_mm512_mask_cmp_ps_mask(0x7f3f, va, _mm512_set1_ps(10), _CMP_LT_OQ) == 0x033f);
  CHECK(_mm512_mask_cmp_ps_mask(0x7f3f, va, _mm512_set1_ps(NAN), _CMP_NLT_UQ) == 0x7f3f);
  /* 1 - 2^-24 is no float: with two roundings this would be 0. */
  const float c = 1 - 0x1p-12f, d = 1 + 0x1p-12f;
  CHECK(_mm512_cvtss_f32(_mm512_fmadd_ps(_mm512_set1_ps(c), _mm512_set1_ps(d),
                                         _mm512_set1_ps(-1))) == -0x1p-24f);
}

/* ---- tiles ---------------------------------------------------------------------------------- */

typedef struct tile_config {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} tile_config;

/* 0: [m, n] sums, 1: [m, k] pairs, 2: [k, n] pairs. */
static tile_config config_of(int m, int k, int n) {
  return (tile_config){.palette = 1,
                       .row_bytes = {(uint16_t)(n * 4), (uint16_t)(k * 4), (uint16_t)(n * 4)},
                       .rows = {(uint8_t)m, (uint8_t)m, (uint8_t)k}};
}

/* Now and then subnormal, or so small that products are. */
static float random_bf16(void) {
  const uint32_t exponents[] = {0, 1, 60, 64, 67, 126, 127, 128};
  const uint32_t bits = (uint32_t)check_random();
  return float_of((bits & 0x807f0000) | exponents[bits % 8] << 23);
}

static float flushed(float x) { return fabsf(x) < 0x1p-126f ? copysignf(0, x) : x; }

static float flushed_fma(float a, float b, float c) {
  return flushed(fmaf(flushed(a), flushed(b), flushed(c)));
}

static void check_product(int m, int k, int n) {
  check_case("m=%d k=%d n=%d", m, k, n);
  float a[16][32], b[16][32], expected[16][16];
  float *sums = check_f32(0, m, n, n + 3);
  uint16_t *a_bits = check_bytes(true, 0, m, 2 * k, 2 * k + 2, 2);
  uint16_t *b_bits = check_bytes(false, 0, k, 2 * n, 2 * n + 6, 2);
  for (int i = 0; i < m; i++) {
    for (int j = 0; j < n; j++) sums[i * (n + 3) + j] = expected[i][j] = check_uniform(-1, 1);
    for (int j = 0; j < 2 * k; j++) {
      a[i][j] = random_bf16();
      a_bits[i * (2 * k + 2) + j] = (uint16_t)(bits_of(a[i][j]) >> 16);
    }
  }
  for (int i = 0; i < k; i++) {
    for (int j = 0; j < 2 * n; j++) {
      b[i][j] = random_bf16();
      b_bits[i * (2 * n + 6) + j] = (uint16_t)(bits_of(b[i][j]) >> 16);
    }
  }
  if (m * n > 4) sums[0] = expected[0][0] = 0x1p-140f; /* with nothing added, zero */
  if (m * n > 4) {
    for (int j = 0; j < 2 * k; j++) {
      a[0][j] = 0;
      a_bits[j] = 0;
    }
  }
  for (int i = 0; i < m; i++) {
    for (int j = 0; j < n; j++) {
      float first = 0, second = 0;
      for (int p = 0; p < k; p++) {
        first = flushed_fma(a[i][2 * p], b[p][2 * j], first);
        second = flushed_fma(a[i][2 * p + 1], b[p][2 * j + 1], second);
      }
      expected[i][j] = flushed(flushed(expected[i][j]) + flushed(first + second));
    }
  }
  const tile_config config = config_of(m, k, n);
  _tile_loadconfig(&config);
  _tile_loadd(0, sums, (n + 3) * 4);
  _tile_loadd(1, a_bits, (2 * k + 2) * 2);
  _tile_stream_loadd(2, b_bits, (2 * n + 6) * 2);
  _tile_dpbf16ps(0, 1, 2);
  _tile_stored(0, sums, (n + 3) * 4);
  _tile_release();
  for (int i = 0; i < m; i++) {
    for (int j = 0; j < n; j++) CHECK_SAME(sums[i * (n + 3) + j], expected[i][j], "[%d,%d]", i, j);
  }
  check_release();
}

static void products_are_rounded_as_described(const gk_table *kernels) {
  if (!is_amx(kernels)) return;
  for (int i = 0; i < 50; i++) check_product(16, 16, 16);
  for (int i = 0; i < 200; i++)
    check_product(1 + (int)check_below(16), 1 + (int)check_below(16), 1 + (int)check_below(16));
}

static void a_configuration_zeroes_tiles(const gk_table *kernels) {
  if (!is_amx(kernels)) return;
  float x[16 * 16], zeros[16 * 16] = {0};
  for (int i = 0; i < 256; i++) x[i] = 1;
  const tile_config config = config_of(16, 16, 16);
  _tile_loadconfig(&config);
  _tile_loadd(0, x, 64);
  _tile_release();
  _tile_loadconfig(&config);
  _tile_stored(0, x, 64);
  _tile_release();
  CHECK(memcmp(x, zeros, sizeof x) == 0);
}

/* ---- misuse --------------------------------------------------------------------------------- */

static float target[16 * 16];

static void zero_without_configuration(void) { _tile_zero(0); }

static void load_after_release(void) {
  const tile_config config = config_of(16, 16, 16);
  _tile_loadconfig(&config);
  _tile_release();
  _tile_loadd(0, target, 64);
}

static void store_of_a_tile_left_out(void) {
  const tile_config config = config_of(16, 16, 16);
  _tile_loadconfig(&config);
  _tile_stored(3, target, 64);
}

static void product_of_tiles_that_do_not_fit(void) {
  tile_config config = config_of(16, 16, 16);
  config.rows[2] = 15;
  _tile_loadconfig(&config);
  _tile_dpbf16ps(0, 1, 2);
}

static void unknown_palette(void) {
  tile_config config = config_of(16, 16, 16);
  config.palette = 2;
  _tile_loadconfig(&config);
}

static void reserved_byte(void) {
  tile_config config = config_of(16, 16, 16);
  config.reserved[13] = 1;
  _tile_loadconfig(&config);
}

static void ninth_tile(void) {
  tile_config config = config_of(16, 16, 16);
  config.row_bytes[8] = 64;
  config.rows[8] = 16;
  _tile_loadconfig(&config);
}

static void too_many_rows(void) {
  const tile_config config = config_of(17, 16, 16);
  _tile_loadconfig(&config);
}

static void rows_too_long(void) {
  const tile_config config = config_of(16, 16, 17);
  _tile_loadconfig(&config);
}

static void rows_without_bytes(void) {
  tile_config config = config_of(16, 16, 16);
  config.rows[3] = 16;
  _tile_loadconfig(&config);
}

#if defined(GK_EMULATED_AMX_H) /* the unit lets these pass, or no assembler lets them through */
static void same_tile_twice(void) {
  const tile_config config = config_of(16, 16, 16);
  _tile_loadconfig(&config);
  _tile_dpbf16ps(0, 1, 1);
}

static void configured_twice(void) {
  const tile_config config = config_of(16, 16, 16);
  _tile_loadconfig(&config);
  _tile_loadconfig(&config);
}

static void never_released(void) {
  const tile_config config = config_of(16, 16, 16);
  _tile_loadconfig(&config);
  exit(0);
}
#endif

static void misuse_ends_the_process(const gk_table *kernels) {
  if (!is_amx(kernels)) return;
  static const struct {
    const char *name;
    void (*run)(void);
  } all[] = {
#define MISUSE(name) {#name, name}
    MISUSE(zero_without_configuration),
    MISUSE(load_after_release),
    MISUSE(store_of_a_tile_left_out),
    MISUSE(product_of_tiles_that_do_not_fit),
    MISUSE(unknown_palette),
    MISUSE(reserved_byte),
    MISUSE(ninth_tile),
    MISUSE(too_many_rows),
    MISUSE(rows_too_long),
    MISUSE(rows_without_bytes),
#if defined(GK_EMULATED_AMX_H)
    MISUSE(same_tile_twice),
    MISUSE(configured_twice),
    MISUSE(never_released),
#endif
#undef MISUSE
  };
  for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
    check_case("%s", all[i].name);
    fflush(NULL);
    const pid_t child = fork();
    if (child == 0) {
      signal(SIGSEGV, SIG_DFL);
      if (freopen("/dev/null", "w", stderr) == NULL) _exit(1);
      all[i].run();
      _exit(0);
    }
    int status = 0;
    CHECK(child > 0 && waitpid(child, &status, 0) == child && WIFSIGNALED(status));
  }
}

CHECK_MAIN(CHECK_TEST(masks_keep_bytes_untouched), CHECK_TEST(scalef_rounds_once),
           CHECK_TEST(reduce_leaves_the_fraction), CHECK_TEST(bf16_is_the_nearest),
           CHECK_TEST(halves_and_words_are_converted), CHECK_TEST(lanes_go_where_they_belong),
           CHECK_TEST(products_are_rounded_as_described), CHECK_TEST(a_configuration_zeroes_tiles),
           CHECK_TEST(misuse_ends_the_process))
