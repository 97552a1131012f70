#include <time.h>

#include "check.h"

/* Byte b of the data belongs to byte b % 8 of the result, whatever the tier and however it groups
 * its loads. */
static uint64_t xor_of_words(const unsigned char *data, int64_t bytes) {
  unsigned char folded[8] = {0};
  for (int64_t i = 0; i < bytes; i++) folded[i % 8] ^= data[i];
  uint64_t word;
  memcpy(&word, folded, sizeof word);
  return word;
}

static void check_read(const gk_table *kernels, int place, int64_t bytes) {
  check_case("place=%d bytes=%lld", place, (long long)bytes);
  unsigned char *data = check_weights(place, 1, bytes, bytes, 1);
  for (int64_t i = 0; i < bytes; i++) data[i] = (unsigned char)check_random();
  check_seal(data);
  CHECK(kernels->probe_read(data, bytes) == xor_of_words(data, bytes));
  check_release();
}

/* Four streams of four 64-byte loads make a step of 1 KiB: around it, and every length up to two of
 * the widest loads. */
static void read_is_the_exclusive_or_of_every_word(const gk_table *kernels) {
  static const int64_t sizes[] = {511, 512, 513, 1023, 1024, 1025, 1535, 4096, 5003, 65537};
  CHECK_EACH_PLACE(place) {
    for (int64_t bytes = 0; bytes <= 129; bytes++) check_read(kernels, place, bytes);
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++)
      check_read(kernels, place, sizes[s]);
  }
}

static void fma_operations_are_a_multiple_of_iterations(const gk_table *kernels) {
  float *sink = check_f32(0, 1, 1, 1);
  const int64_t once = kernels->probe_fma_f32(1, sink);
  CHECK(once > 0);
  CHECK(kernels->probe_fma_f32(0, sink) == 0);
  CHECK(kernels->probe_fma_f32(1000, sink) == 1000 * once);
  CHECK(isfinite(*sink));
  check_release();
}

static void bf16_operations_are_a_multiple_of_iterations(const gk_table *kernels) {
  float *sink = check_f32(0, 1, 1, 1);
  const int64_t once = kernels->probe_bf16(1, sink);
  CHECK(once >= 0);
  CHECK(kernels->probe_bf16(0, sink) == 0);
  CHECK(*sink == 0);
  CHECK(kernels->probe_bf16(1000, sink) == 1000 * once);
  CHECK(isfinite(*sink));
  CHECK((*sink != 0) == (once > 0)); /* what is multiplied is not zero */
  check_release();
}

/* No core does 5 * 10^11 operations a second: faster than that, the compiler has dropped the
 * loop. */
static void fma_work_is_done(const gk_table *kernels) {
  struct timespec begin, end;
  float sink;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  const double operations = (double)kernels->probe_fma_f32(1000000, &sink);
  clock_gettime(CLOCK_MONOTONIC, &end);
  const double seconds =
      (double)(end.tv_sec - begin.tv_sec) + 1e-9 * (double)(end.tv_nsec - begin.tv_nsec);
  CHECK(operations / seconds < 5e11);
}

CHECK_MAIN(CHECK_TEST(read_is_the_exclusive_or_of_every_word),
           CHECK_TEST(fma_operations_are_a_multiple_of_iterations),
           CHECK_TEST(bf16_operations_are_a_multiple_of_iterations), CHECK_TEST(fma_work_is_done))
