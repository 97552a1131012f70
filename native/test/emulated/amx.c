/*
 * The tile unit, after the descriptions of its instructions in Intel's manual, volume 2 (325383):
 * LDTILECFG, TILERELEASE, TILEZERO, TILELOADD, TILESTORED, TDPBF16PS. Each thread has one.
 */

#include "amx.h"

#include <immintrin.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TILES = 8, MOST_ROWS = 16, MOST_BYTES = 64 };

/* What LDTILECFG reads: 64 bytes. */
typedef struct tile_config {
  uint8_t palette, start_row, reserved[14];
  uint16_t row_bytes[16];
  uint8_t rows[16];
} tile_config;

static _Thread_local struct {
  tile_config config; /* palette 0: released */
  _Alignas(32) unsigned char data[TILES][MOST_ROWS][MOST_BYTES];
} unit;

__attribute__((format(printf, 2, 3), noreturn)) static void refuse(const char *instruction,
                                                                   const char *format, ...) {
  fprintf(stderr, "%s: ", instruction);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  abort();
}

static int any_bits(const void *bytes, size_t count) {
  for (size_t i = 0; i < count; i++) {
    if (((const unsigned char *)bytes)[i] != 0) return 1;
  }
  return 0;
}

void emulated_tile_loadconfig(const void *from) {
  static const char name[] = "_tile_loadconfig";
  tile_config c;
  _Static_assert(sizeof c == 64, "as the instruction reads it");
  memcpy(&c, from, sizeof c);
  if (c.palette != 1) refuse(name, "palette is %d, not 1", c.palette);
  if (c.start_row != 0) refuse(name, "start_row is %d: no tile load was interrupted", c.start_row);
  if (any_bits(c.reserved, sizeof c.reserved) ||
      any_bits(c.row_bytes + TILES, sizeof c.row_bytes / 2) ||
      any_bits(c.rows + TILES, sizeof c.rows / 2)) {
    refuse(name, "reserved bytes are not zero");
  }
  for (int t = 0; t < TILES; t++) {
    if (c.rows[t] > MOST_ROWS || c.row_bytes[t] > MOST_BYTES ||
        (c.rows[t] == 0) != (c.row_bytes[t] == 0)) {
      refuse(name, "tile %d cannot be %d rows of %d bytes", t, c.rows[t], c.row_bytes[t]);
    }
  }
  if (unit.config.palette != 0) refuse(name, "the configuration before was not released");
  memset(&unit, 0, sizeof unit);
  unit.config = c;
}

void emulated_tile_release(void) { memset(&unit, 0, sizeof unit); }

/* Tiles left behind cost whoever switches from the thread, and keep the core from deep sleep. */
__attribute__((destructor)) static void expect_release(void) {
  if (unit.config.palette != 0) refuse("_tile_release", "missing: tiles are configured at the end");
}

static void expect_tile(const char *name, int tile) {
  if (unit.config.palette == 0) refuse(name, "no tiles are configured");
  if (tile < 0 || tile >= TILES || unit.config.rows[tile] == 0)
    refuse(name, "tile %d is not configured", tile);
}

void emulated_tile_zero(int tile) {
  expect_tile("_tile_zero", tile);
  memset(unit.data[tile], 0, sizeof unit.data[tile]);
}

void emulated_tile_loadd(int tile, const void *base, ptrdiff_t stride) {
  expect_tile("_tile_loadd", tile);
  memset(unit.data[tile], 0, sizeof unit.data[tile]);
  for (int r = 0; r < unit.config.rows[tile]; r++) {
    memcpy(unit.data[tile][r], (const unsigned char *)base + r * stride,
           unit.config.row_bytes[tile]);
  }
}

void emulated_tile_stored(int tile, void *base, ptrdiff_t stride) {
  expect_tile("_tile_stored", tile);
  for (int r = 0; r < unit.config.rows[tile]; r++) {
    memcpy((unsigned char *)base + r * stride, unit.data[tile][r], unit.config.row_bytes[tile]);
  }
}

/* Eight bfloat16 of pairs, widened: the first of each pair, or the second. */
static __m256 first_of_pairs(__m256i pairs) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(pairs, 16));
}
static __m256 second_of_pairs(__m256i pairs) {
  return _mm256_castsi256_ps(_mm256_and_si256(pairs, _mm256_set1_epi32((int32_t)0xffff0000)));
}

/* Lanes [n, n + 8) of row m of a * b: fused multiply-adds in turn for the first of all pairs, and for
 * the second, then their sum. */
static __m256 product(int a, int b, int m, int n) {
  __m256 first = _mm256_setzero_ps(), second = _mm256_setzero_ps();
  for (int k = 0; k < unit.config.row_bytes[a] / 4; k++) {
    int32_t pair;
    memcpy(&pair, &unit.data[a][m][k * 4], sizeof pair);
    const __m256i x = _mm256_set1_epi32(pair);
    const __m256i y = _mm256_load_si256((const __m256i *)&unit.data[b][k][n * 4]);
    first = _mm256_fmadd_ps(first_of_pairs(x), first_of_pairs(y), first);
    second = _mm256_fmadd_ps(second_of_pairs(x), second_of_pairs(y), second);
  }
  return _mm256_add_ps(first, second);
}

/* Not inlined, so that no arithmetic leaves the stretch where MXCSR is set for it. */
__attribute__((noinline)) static void add_product(int sum, int a, int b) {
  for (int m = 0; m < unit.config.rows[sum]; m++) {
    float row[MOST_BYTES / 4];
    for (int n = 0; n < MOST_BYTES / 4; n += 8) {
      const __m256 before = _mm256_load_ps((const float *)&unit.data[sum][m][n * 4]);
      _mm256_storeu_ps(row + n, _mm256_add_ps(before, product(a, b, m, n)));
    }
    memcpy(unit.data[sum][m], row, unit.config.row_bytes[sum]);
  }
}

/* To nearest, ties to even; subnormal numbers are zero, going in and coming out; MXCSR is not
 * asked. */
void emulated_tile_dpbf16ps(int sum, int a, int b) {
  static const char name[] = "_tile_dpbf16ps";
  expect_tile(name, sum);
  expect_tile(name, a);
  expect_tile(name, b);
  if (sum == a || sum == b || a == b) refuse(name, "tiles %d, %d, %d are not three", sum, a, b);
  const tile_config *c = &unit.config;
  if (c->rows[sum] != c->rows[a] || c->row_bytes[sum] != c->row_bytes[b] ||
      c->row_bytes[a] != 4 * c->rows[b] || c->row_bytes[sum] % 4 != 0) {
    refuse(name, "tiles %d, %d, %d do not fit", sum, a, b);
  }
  const unsigned mxcsr = _mm_getcsr();
  _mm_setcsr(0x1f80 | _MM_FLUSH_ZERO_ON | _MM_DENORMALS_ZERO_ON); /* no exceptions, to nearest */
  add_product(sum, a, b);
  _mm_setcsr(mxcsr);
}
