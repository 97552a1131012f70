#include <assert.h>
#include <string.h>

#include "kernels.h"

uint64_t probe_read_scalar(const void *data, int64_t bytes) {
  assert(bytes >= 0);
  const unsigned char *at = data;
  uint64_t sum = 0;
  for (; bytes >= 8; at += 8, bytes -= 8) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    sum ^= word;
  }
  if (bytes > 0) {
    uint64_t word = 0;
    memcpy(&word, at, (size_t)bytes);
    sum ^= word;
  }
  return sum;
}

/*
 * Plain C, so this is the peak of what the compiler makes of the other scalar kernels: with or
 * without vectors of the baseline instruction set, a product and an addition each count one.
 */
int64_t probe_fma_f32_scalar(int64_t iterations, float *sink) {
  enum { CHAINS = 32 }; /* independent, so that throughput and not latency is measured */
  assert(iterations >= 0);
  float chain[CHAINS];
  for (int c = 0; c < CHAINS; c++) chain[c] = (float)c;
  for (int64_t i = 0; i < iterations; i++) {
    for (int c = 0; c < CHAINS; c++) chain[c] = chain[c] * 0.5f + 1.0f; /* tends to 2 */
  }
  float sum = 0;
  for (int c = 0; c < CHAINS; c++) sum += chain[c];
  *sink = sum;
  return iterations * CHAINS * 2;
}

int64_t probe_bf16_scalar(int64_t iterations, float *sink) {
  assert(iterations >= 0);
  (void)iterations;
  *sink = 0;
  return 0;
}
