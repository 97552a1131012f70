#ifndef GK_CHECK_H
#define GK_CHECK_H

/*
 * All the support the kernel tests need, in one header. Include it before anything else.
 *
 *   static void rows_match_reference(const gk_table *kernels) {
 *     CHECK_EACH_PLACE(place) {                        // at guard pages, at unaligned starts
 *       check_case("cols=%d place=%d", 17, place);     // shown with each failure
 *       float *x = check_f32(place, 3, 17, 20);        // 3 x 17, rows 20 apart
 *       float *out = check_f32(place, 3, 17, 17);
 *       check_fill(x, 3, 17, 20, -1, 1);
 *       check_seal(x);                                 // from here a write to x is a fault
 *       kernels->something_f32(x, 20, 3, 17, out, 17);
 *       CHECK_CLOSE(out[5], expected, tolerance, "out[%d,%d]", 0, 5);
 *       check_release();                               // looks at canaries and padding
 *     }
 *   }
 *   CHECK_MAIN(CHECK_TEST(rows_match_reference))
 *
 * CHECK_MAIN runs each test once per tier that this CPU has; it returns non-zero when one failed.
 *
 * Environment: CHECK_SEED=<number> draws other cases than those of seed 1.
 *              CHECK_REQUIRE=<tier> fails when that tier cannot run here.
 *              CHECK_FROM=<tier> leaves out the tiers below that one, and says so.
 *              CHECK_SKIP=<test> leaves that test out, and says so.
 */

#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS under -std=c11 */
#endif

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "kernels.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

/* The unit of every relative tolerance: one unit in the last place of 1.0f. */
#define CHECK_EPS 1.1920928955078125e-07

/* ---- state, reports ------------------------------------------------------------------------- */

enum { CHECK_MAX_BUFFERS = 16, CHECK_MAX_SPARE = 64, CHECK_MAX_REPORTS = 20 };

typedef struct check_buffer {
  unsigned char *map; /* guard page, body, guard page */
  size_t body;        /* bytes between the guard pages */
  bool sealed;
  unsigned char *data;
  size_t bytes;
  int64_t rows, cols, stride;
  size_t element;
} check_buffer;

static struct {
  const char *test, *tier;
  char what[256];
  uint64_t seed, rng;
  long checks, failures;
  check_buffer buffers[CHECK_MAX_BUFFERS];
  int buffer_count;
  check_buffer spare[CHECK_MAX_SPARE]; /* mappings to use again: most tests want a page each */
  int spare_count;
} check_state;

/* Names the case under test; every failure and every fault shows it. */
__attribute__((format(printf, 1, 2))) static inline void check_case(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(check_state.what, sizeof check_state.what, format, arguments);
  va_end(arguments);
}

__attribute__((format(printf, 3, 4))) static inline void check_fail(const char *file, int line,
                                                                    const char *format, ...) {
  if (++check_state.failures > CHECK_MAX_REPORTS) return;
  fprintf(stderr, "%s:%d: [%s %s] %s: ", file, line, check_state.tier, check_state.test,
          check_state.what);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, " (CHECK_SEED=%llu)\n", (unsigned long long)check_state.seed);
}

#define CHECK(condition)                                                        \
  do {                                                                          \
    check_state.checks++;                                                       \
    if (!(condition)) check_fail(__FILE__, __LINE__, "failed: %s", #condition); \
  } while (0)

/* |actual - expected| <= tolerance; NaN is close to NaN alone, an infinity to itself alone. */
static inline bool check_is_close(double actual, double expected, double tolerance) {
  if (isnan(expected)) return isnan(actual);
  if (isinf(expected)) return actual == expected;
  return fabs(actual - expected) <= tolerance;
}

/* The last arguments are a printf format and its values, and say which element this is. */
#define CHECK_CLOSE(actual, expected, tolerance, ...)                                        \
  do {                                                                                       \
    const double check_a = (double)(actual), check_e = (double)(expected);                   \
    const double check_t = (double)(tolerance);                                              \
    check_state.checks++;                                                                    \
    if (!check_is_close(check_a, check_e, check_t)) {                                        \
      char check_where[64];                                                                  \
      snprintf(check_where, sizeof check_where, __VA_ARGS__);                                \
      check_fail(__FILE__, __LINE__, "%s is %.9g, expected %.9g, off by %.3g, allowed %.3g", \
                 check_where, check_a, check_e, fabs(check_a - check_e), check_t);           \
    }                                                                                        \
  } while (0)

/* Equal bit for bit, except that any NaN equals any NaN. */
#define CHECK_SAME(actual, expected, ...)                                                         \
  do {                                                                                            \
    const float check_a = (actual), check_e = (expected);                                         \
    check_state.checks++;                                                                         \
    if (memcmp(&check_a, &check_e, sizeof check_a) != 0 && !(isnan(check_a) && isnan(check_e))) { \
      char check_where[64];                                                                       \
      snprintf(check_where, sizeof check_where, __VA_ARGS__);                                     \
      check_fail(__FILE__, __LINE__, "%s is %a, expected %a", check_where, (double)check_a,       \
                 (double)check_e);                                                                \
    }                                                                                             \
  } while (0)

/* ---- sizes ---------------------------------------------------------------------------------- */

enum { CHECK_SMALL_SIZES = 134, CHECK_SIZES = CHECK_SMALL_SIZES + 3 };

/*
 * 0 to 133 hold, for every tier, lanes and unrolled steps with their neighbours and every tail
 * after them: the widest step is four vectors of 16, and 133 is two of those, the longest tail and
 * more. Then a prime and the models' widths.
 */
static inline int64_t check_size(int i) {
  static const int64_t large[] = {1021, 1536, 2048};
  return i < CHECK_SMALL_SIZES ? i : large[i - CHECK_SMALL_SIZES];
}

#define CHECK_EACH_SIZE(size)         \
  for (int64_t check_i = 0, size = 0; \
       check_i < CHECK_SIZES && (size = check_size((int)check_i), true); check_i++)

/* ---- random numbers: splitmix64 ------------------------------------------------------------- */

static inline uint64_t check_random(void) {
  uint64_t z = (check_state.rng += 0x9e3779b97f4a7c15u);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

static inline float check_uniform(float low, float high) {
  return low + (high - low) * (float)((double)(check_random() >> 40) * 0x1p-24);
}

static inline int64_t check_below(int64_t bound) {
  return (int64_t)(check_random() % (uint64_t)bound);
}

/* ---- buffers at guard pages ----------------------------------------------------------------- */

/* Against which guard page a buffer lies, and how many elements (weights: bytes) away from it. */
typedef struct check_place {
  bool at_end;
  size_t skew;
} check_place;

/*
 * Skew 0 lets the page table catch the first byte too many. With a skew the starts run through the
 * alignments of a word, and canaries (under ASan also poison) stand between buffer and page.
 */
static const check_place check_places[] = {
    {true, 0}, {false, 0}, {true, 1}, {false, 1}, {true, 3}, {false, 3},
};
enum { CHECK_PLACES = sizeof check_places / sizeof check_places[0] };

/* Runs the block for each place; pass the variable on to check_f32 and its like. */
#define CHECK_EACH_PLACE(place) for (int place = 0; place < CHECK_PLACES; place++)

/* Each 2-byte half is a NaN in binary16 and bfloat16, and two of them are one in binary32. */
#define CHECK_FILLER 0x7fdeu

enum { CHECK_FILLER_BLOCK = 4096 };

static inline const unsigned char *check_filler(void) {
  static unsigned char block[CHECK_FILLER_BLOCK];
  if (block[0] == 0) {
    for (size_t i = 0; i < sizeof block; i++)
      block[i] = (unsigned char)(i % 2 ? CHECK_FILLER >> 8 : CHECK_FILLER & 0xff);
  }
  return block;
}

/* From one block of a stretch to the next; between rows gigabytes apart, from the first to the
 * last. */
static inline size_t check_next_block(size_t at, size_t count) {
  const size_t next = at + CHECK_FILLER_BLOCK, last = (count - 1) / CHECK_FILLER_BLOCK;
  return at == 0 && count > (size_t)1 << 30 ? last * CHECK_FILLER_BLOCK : next;
}

static inline size_t check_block(size_t at, size_t count) {
  return count - at < CHECK_FILLER_BLOCK ? count - at : CHECK_FILLER_BLOCK;
}

static inline void check_put_filler(unsigned char *bytes, size_t count) {
  for (size_t at = 0; at < count; at = check_next_block(at, count))
    memcpy(bytes + at, check_filler(), check_block(at, count));
}

static inline bool check_is_filler(const unsigned char *bytes, size_t count) {
  for (size_t at = 0; at < count; at = check_next_block(at, count)) {
    if (memcmp(bytes + at, check_filler(), check_block(at, count)) != 0) return false;
  }
  return true;
}

static inline size_t check_page(void) { return (size_t)sysconf(_SC_PAGESIZE); }

/* What lies between the buffer and its guard pages. */
static inline void check_poison(const check_buffer *b, bool poison) {
  unsigned char *begin = b->map + check_page(), *end = begin + b->body, *after = b->data + b->bytes;
  if (poison) {
    ASAN_POISON_MEMORY_REGION(begin, (size_t)(b->data - begin));
    ASAN_POISON_MEMORY_REGION(after, (size_t)(end - after));
  } else {
    ASAN_UNPOISON_MEMORY_REGION(begin, (size_t)(b->data - begin));
    ASAN_UNPOISON_MEMORY_REGION(after, (size_t)(end - after));
  }
}

/* A spare mapping of the size, or a new one. */
static inline unsigned char *check_map(size_t body) {
  const size_t page = check_page();
  for (int i = 0; i < check_state.spare_count; i++) {
    if (check_state.spare[i].body != body) continue;
    unsigned char *map = check_state.spare[i].map;
    check_state.spare[i] = check_state.spare[--check_state.spare_count];
    return map;
  }
  unsigned char *map =
      mmap(NULL, body + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED || mprotect(map + page, body, PROT_READ | PROT_WRITE) != 0) {
    perror("check.h: mmap");
    exit(2);
  }
  return map;
}

static inline void check_unmap(const check_buffer *b) {
  const size_t page = check_page();
  if (b->body > 512 * page) {
    munmap(b->map, b->body + 2 * page);
    return;
  }
  if (b->sealed) mprotect(b->map + page, b->body, PROT_READ | PROT_WRITE);
  if (check_state.spare_count == CHECK_MAX_SPARE) {
    check_buffer *evicted = &check_state.spare[0];
    munmap(evicted->map, evicted->body + 2 * page);
    *evicted = check_state.spare[--check_state.spare_count];
  }
  check_state.spare[check_state.spare_count++] = *b;
}

/*
 * A rows x cols matrix whose rows are `stride` elements apart (the last row is not padded), `skew`
 * bytes from a guard page. All of it is filler: NaN to whoever reads padding, or an output that a
 * kernel left unwritten.
 */
static inline void *check_bytes(bool at_end, size_t skew, int64_t rows, int64_t cols,
                                int64_t stride, size_t element) {
  const size_t page = check_page();
  const size_t elements = rows == 0 ? 0 : (size_t)((rows - 1) * stride + cols);
  check_buffer b = {.bytes = elements * element,
                    .rows = rows,
                    .cols = cols,
                    .stride = stride,
                    .element = element};
  b.body = (b.bytes + skew + page) / page *
           page; /* at least one byte more: size 0 needs a place to point at */
  if (check_state.buffer_count == CHECK_MAX_BUFFERS) {
    fprintf(stderr, "check.h: more than %d buffers before check_release()\n", CHECK_MAX_BUFFERS);
    exit(2);
  }
  b.map = check_map(b.body);
  unsigned char *begin = b.map + page, *end = begin + b.body;
  b.data = at_end ? end - skew - b.bytes : begin + skew;
  check_put_filler(begin, (size_t)(b.data - begin));
  for (int64_t r = 0; r < rows; r++) {
    unsigned char *row = b.data + (size_t)(r * stride) * element;
    check_put_filler(row, (size_t)cols * element);
    if (r + 1 < rows && stride > cols)
      check_put_filler(row + (size_t)cols * element, (size_t)(stride - cols) * element);
  }
  check_put_filler(b.data + b.bytes, (size_t)(end - b.data) - b.bytes);
  check_poison(&b, true);
  check_state.buffers[check_state.buffer_count++] = b;
  return b.data;
}

/* f32 operands start at any multiple of 4 bytes... */
static inline float *check_f32(int place, int64_t rows, int64_t cols, int64_t stride) {
  return check_bytes(check_places[place].at_end, check_places[place].skew * sizeof(float), rows,
                     cols, stride, sizeof(float));
}

static inline int32_t *check_i32(int place, int64_t count) {
  return check_bytes(check_places[place].at_end, check_places[place].skew * sizeof(int32_t), 1,
                     count, count, sizeof(int32_t));
}

/* ...weights at any byte. Write them with memcpy or check_fill_weights. */
static inline void *check_weights(int place, int64_t rows, int64_t cols, int64_t stride,
                                  size_t element) {
  return check_bytes(check_places[place].at_end, check_places[place].skew, rows, cols, stride,
                     element);
}

static inline check_buffer *check_find(const void *data) {
  for (int i = check_state.buffer_count - 1; i >= 0; i--) {
    if (check_state.buffers[i].data == data) return &check_state.buffers[i];
  }
  fprintf(stderr, "check.h: not the start of a live buffer\n");
  exit(2);
}

/* From here on a write to the buffer faults, as in a read-only mapping of a checkpoint. */
static inline void check_seal(const void *data) {
  check_buffer *b = check_find(data);
  b->sealed = true;
  mprotect(b->map + check_page(), b->body, PROT_READ);
}

/* Uniform random numbers into the columns; padding keeps its filler. */
static inline void check_fill(float *x, int64_t rows, int64_t cols, int64_t stride, float low,
                              float high) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < cols; c++) x[r * stride + c] = check_uniform(low, high);
  }
}

/* Looks at canaries and padding of every buffer since the last release, then unmaps them. */
static inline void check_release_at(const char *file, int line) {
  const size_t page = check_page();
  for (int i = 0; i < check_state.buffer_count; i++) {
    const check_buffer *b = &check_state.buffers[i];
    unsigned char *begin = b->map + page, *end = begin + b->body;
    check_poison(b, false);
    check_state.checks++;
    if (!check_is_filler(begin, (size_t)(b->data - begin))) {
      check_fail(file, line, "buffer %d: bytes before it were written", i);
    }
    if (!check_is_filler(b->data + b->bytes, (size_t)(end - b->data) - b->bytes)) {
      check_fail(file, line, "buffer %d: bytes after it were written", i);
    }
    for (int64_t r = 0; r + 1 < b->rows && b->stride > b->cols; r++) {
      const unsigned char *padding = b->data + (size_t)(r * b->stride + b->cols) * b->element;
      if (!check_is_filler(padding, (size_t)(b->stride - b->cols) * b->element)) {
        check_fail(file, line, "buffer %d: padding after row %lld was written", i, (long long)r);
      }
    }
    check_unmap(b);
  }
  check_state.buffer_count = 0;
}
#define check_release() check_release_at(__FILE__, __LINE__)

/* ---- weights in the types of checkpoints, by arithmetic rather than by instructions --------- */

/* Any binary16 as a double. */
static inline double check_f16_value(uint16_t bits) {
  const int exponent = bits >> 10 & 31, fraction = bits & 1023;
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == 31) return fraction ? (double)NAN : sign * (double)INFINITY;
  return sign * (exponent == 0 ? ldexp(fraction, -24) : ldexp(1024 + fraction, exponent - 25));
}

/* Any bfloat16 as a double. */
static inline double check_bf16_value(uint16_t bits) {
  const int exponent = bits >> 7 & 255, fraction = bits & 127;
  const double sign = bits >> 15 ? -1 : 1;
  if (exponent == 255) return fraction ? (double)NAN : sign * (double)INFINITY;
  return sign * (exponent == 0 ? ldexp(fraction, -133) : ldexp(128 + fraction, exponent - 134));
}

static inline size_t check_element_size(int32_t dtype) { return dtype == GK_F32 ? 4 : 2; }

/* Element `index` of weights of a gk_dtype, as a double. */
static inline double check_weight(const void *weights, int32_t dtype, int64_t index) {
  const unsigned char *at =
      (const unsigned char *)weights + (size_t)index * check_element_size(dtype);
  if (dtype == GK_F32) {
    float value;
    memcpy(&value, at, sizeof value);
    return (double)value;
  }
  uint16_t bits;
  memcpy(&bits, at, sizeof bits);
  return dtype == GK_F16 ? check_f16_value(bits) : check_bf16_value(bits);
}

/* Random weights of magnitude 2^-7 to 1, exact in their type; padding keeps its filler. */
static inline void check_fill_weights(void *weights, int32_t dtype, int64_t rows, int64_t cols,
                                      int64_t stride) {
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < cols; c++) {
      const uint64_t random = check_random();
      const uint32_t sign = (uint32_t)(random & 1), octave = (uint32_t)(random >> 1) % 7;
      const uint32_t fraction = (uint32_t)(random >> 32);
      unsigned char *at =
          (unsigned char *)weights + (size_t)(r * stride + c) * check_element_size(dtype);
      if (dtype == GK_F32) {
        const uint32_t bits = sign << 31 | (120 + octave) << 23 | (fraction & 0x7fffff);
        memcpy(at, &bits, sizeof bits);
      } else {
        const uint16_t bits =
            (uint16_t)(dtype == GK_F16 ? sign << 15 | (8 + octave) << 10 | (fraction & 0x3ff)
                                       : sign << 15 | (120 + octave) << 7 | (fraction & 0x7f));
        memcpy(at, &bits, sizeof bits);
      }
    }
  }
}

/* ---- running -------------------------------------------------------------------------------- */

typedef struct check_test {
  const char *name;
  void (*run)(const gk_table *kernels);
} check_test;

static struct sigaction check_old_segv, check_old_bus;

/* Says which case faulted, then lets the fault happen again under the previous handler. */
static inline void check_on_fault(int number) {
  char line[512];
  const int length = snprintf(
      line, sizeof line, "[%s %s] %s: touched a guard page or a sealed buffer (CHECK_SEED=%llu)\n",
      check_state.tier, check_state.test, check_state.what, (unsigned long long)check_state.seed);
  if (write(2, line, (size_t)length) < 0) _exit(3);
  sigaction(number, number == SIGSEGV ? &check_old_segv : &check_old_bus, NULL);
}

static inline int check_main(const check_test *tests, size_t count) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  const char *seed = getenv("CHECK_SEED"), *required = getenv("CHECK_REQUIRE");
  const char *skipped = getenv("CHECK_SKIP"), *from = getenv("CHECK_FROM");
  check_state.seed = seed != NULL ? strtoull(seed, NULL, 0) : 1;
  struct sigaction on_fault = {.sa_handler = check_on_fault};
  sigaction(SIGSEGV, &on_fault, &check_old_segv);
  sigaction(SIGBUS, &on_fault, &check_old_bus);

  bool required_ran = required == NULL;
  for (const char *const *tier = gk_tiers; *tier != NULL; tier++) {
    const gk_table *kernels = gk_table_for(*tier);
    if (from != NULL && strcmp(from, *tier) == 0) from = NULL;
    if (from != NULL) {
      printf("%-6s  skipped: CHECK_FROM\n", *tier);
      continue;
    }
    if (kernels == NULL) {
      printf("%-6s  skipped: this CPU or this build lacks it\n", *tier);
      continue;
    }
    if (required != NULL && strcmp(required, *tier) == 0) required_ran = true;
    check_state.tier = *tier;
    const long checks = check_state.checks, failures = check_state.failures;
    for (size_t i = 0; i < count; i++) {
      if (skipped != NULL && strcmp(skipped, tests[i].name) == 0) {
        printf("%-6s  %s skipped: CHECK_SKIP\n", *tier, skipped);
        continue;
      }
      check_state.test = tests[i].name;
      check_state.rng =
          check_state.seed; /* so that a test repeats alone, and alike on every tier */
      check_case("-");
      tests[i].run(kernels);
      check_release();
    }
    printf("%-6s  %zu tests, %ld checks, %ld failed\n", *tier, count, check_state.checks - checks,
           check_state.failures - failures);
  }
  if (!required_ran) fprintf(stderr, "CHECK_REQUIRE=%s: no such tier ran\n", required);
  if (from != NULL) fprintf(stderr, "CHECK_FROM=%s: there is no such tier\n", from);
  return check_state.failures == 0 && required_ran && from == NULL ? 0 : 1;
}

#define CHECK_TEST(function) \
  { #function, function }
#define CHECK_MAIN(...)                                       \
  int main(void) {                                            \
    static const check_test tests[] = {__VA_ARGS__};          \
    return check_main(tests, sizeof tests / sizeof tests[0]); \
  }

#endif
