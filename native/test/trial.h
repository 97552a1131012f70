#ifndef GK_TRIAL_H
#define GK_TRIAL_H

/*
 * Random calls of kernels, for test_differential.c, on top of check.h. A trial is a function that
 * draws sizes, strides and operands and makes one call:
 *
 *   static void trial_twice_f32(const gk_table *kernels) {
 *     const int64_t rows = draw_count(0), cols = draw_size(0), stride = draw_stride(cols);
 *     const float *x = in_f32(rows, cols, stride);
 *     float *out = out_f32(rows, cols, cols, 2 * CHECK_EPS);    // within this of the scalar tier
 *     kernels->twice_f32(x, stride, rows, cols, out, cols);
 *   }
 *
 * Run again from the same seed, it draws the same call, on another tier. Each operand lies at a
 * guard page, inputs are sealed, and what is no operand's is NaN and must stay as it is.
 */

#include "check.h"
#include "pack/packed.h"

enum { TRIAL_MAX_OUTPUTS = 4 };

enum trial_kind { TRIAL_F32, TRIAL_BF16, TRIAL_I32 };

typedef struct trial_output {
  const unsigned char *data;
  int64_t rows, cols, stride;
  enum trial_kind kind;
  double tolerance;
} trial_output;

/* What a test asks of the trials that it runs; all of it zero or none (-1) means: draw it. */
typedef struct trial_plan {
  int swept; /* which of the sizes is not drawn but ... */
  int64_t size;
  int place;   /* of all operands */
  bool far;    /* rows so far apart that their offsets need more than 32 bits */
  int planted; /* which operand begins (or ends) one element inside the guard page */
  bool planted_at_end;
} trial_plan;

static const trial_plan trial_any = {.swept = -1, .place = -1, .planted = -1};

static struct {
  trial_plan plan;
  int sizes, operands; /* drawn so far */
  trial_output outputs[TRIAL_MAX_OUTPUTS];
  int output_count;
  int64_t result;
  const uint8_t *bytes; /* of a fuzzer: they come before random numbers */
  size_t byte_count;
} trial_state;

/* ---- sizes ---------------------------------------------------------------------------------- */

/* A number in [0, bound). */
static inline int64_t draw(int64_t bound) {
  if (trial_state.byte_count == 0) return check_below(bound);
  int64_t number = 0;
  for (int64_t range = 1; range < bound && trial_state.byte_count > 0; range *= 256) {
    number = number * 256 + *trial_state.bytes++;
    trial_state.byte_count--;
  }
  return number % bound;
}

static inline int64_t draw_length(int64_t least, int64_t usual, int64_t large, int64_t rare) {
  const int64_t value = trial_state.plan.size;
  if (trial_state.sizes++ == trial_state.plan.swept) return value < least ? least : value;
  if (trial_state.plan.planted >= 0) return 4 + trial_state.sizes;
  if (trial_state.plan.far) return least + draw(usual);
  const int64_t kind = draw(64);
  return least + draw(kind == 0 ? rare : kind < 8 ? large : usual);
}

/* The length of what a kernel vectorises over: mostly within the tails of its vectors. */
static inline int64_t draw_size(int64_t least) { return draw_length(least, 36, 150, 1100); }

/* How many rows, heads and the like. */
static inline int64_t draw_count(int64_t least) { return draw_length(least, 6, 12, 24); }

static inline int64_t draw_stride(int64_t cols) {
  const int64_t padding = draw(3) == 0 ? 0 : draw(9);
  return cols + padding + (trial_state.plan.far ? INT64_C(1) << 31 : 0);
}

/* Where each element of an operand has to be touched, a size that leaves none to fill up. */
static inline int64_t draw_whole(int64_t size, int64_t block) {
  return trial_state.plan.planted < 0 ? size : (size + block - 1) / block * block;
}

/* One in `n`; never where each element of each operand has to be touched. */
static inline bool draw_one_in(int64_t n) { return trial_state.plan.planted < 0 && draw(n) == 0; }

static inline float draw_factor(void) { return draw_one_in(4) ? 1 : check_uniform(-2, 2); }

static inline int32_t draw_dtype(void) {
  static const int32_t unknown[] = {-1, GK_BF16 + 1, INT32_MAX};
  return draw_one_in(50) ? unknown[draw(3)] : (int32_t)draw(GK_BF16 + 1);
}

/* Of a cache; now and then one that no cache has. */
static inline int32_t draw_cache_dtype(void) {
  static const int32_t unknown[] = {-1, GK_F16, GK_BF16 + 1, INT32_MAX};
  return draw_one_in(50) ? unknown[draw(4)] : draw(2) ? GK_F32 : GK_BF16;
}

/* ---- operands ------------------------------------------------------------------------------- */

static inline void *trial_memory(int64_t rows, int64_t cols, int64_t stride, size_t element,
                                 size_t alignment) {
  const trial_plan *plan = &trial_state.plan;
  check_place place = check_places[plan->place >= 0 ? plan->place : draw(CHECK_PLACES)];
  if (trial_state.operands == plan->planted)
    place = (check_place){.at_end = plan->planted_at_end, .skew = 0};
  return check_bytes(place.at_end, place.skew * alignment, rows, cols, stride, element);
}

/* The operand as the kernel gets it: where a fault is planted, one element off. */
static inline void *trial_operand(void *data, size_t element) {
  const bool planted = trial_state.operands++ == trial_state.plan.planted;
  if (!planted) return data;
  return trial_state.plan.planted_at_end ? (unsigned char *)data + element
                                         : (unsigned char *)data - element;
}

/* Numbers of size 2, and now and then one that is none, or nearly none. */
static inline void *trial_numbers(int64_t rows, int64_t cols, int64_t stride) {
  const float special[] = {NAN, INFINITY, -INFINITY, 0, -0.0f, 0x1p-149f, -0x1p-126f};
  float *x = trial_memory(rows, cols, stride, sizeof *x, sizeof *x);
  check_fill(x, rows, cols, stride, -2, 2);
  if (rows > 0 && cols > 0 && draw_one_in(12)) {
    for (int64_t left = 1 + draw(3); left > 0; left--)
      x[draw(rows) * stride + draw(cols)] = special[draw(7)];
  }
  return x;
}

static inline void trial_expect(const void *data, int64_t rows, int64_t cols, int64_t stride,
                                enum trial_kind kind, double tolerance) {
  if (trial_state.output_count == TRIAL_MAX_OUTPUTS) {
    fprintf(stderr, "trial.h: more than %d outputs\n", TRIAL_MAX_OUTPUTS);
    exit(2);
  }
  trial_state.outputs[trial_state.output_count++] =
      (trial_output){data, rows, cols, stride, kind, tolerance};
}

static inline const float *in_f32(int64_t rows, int64_t cols, int64_t stride) {
  float *x = trial_numbers(rows, cols, stride);
  check_seal(x);
  return trial_operand(x, sizeof *x);
}

/* Read and written. Elements are compared with those of the scalar tier: |difference| <= tolerance,
 * and NaN where that has NaN. */
static inline float *update_f32(int64_t rows, int64_t cols, int64_t stride, double tolerance) {
  float *x = trial_numbers(rows, cols, stride);
  trial_expect(x, rows, cols, stride, TRIAL_F32, tolerance);
  return trial_operand(x, sizeof *x);
}

/* Written alone; all NaN before. */
static inline float *out_f32(int64_t rows, int64_t cols, int64_t stride, double tolerance) {
  float *x = trial_memory(rows, cols, stride, sizeof *x, sizeof *x);
  trial_expect(x, rows, cols, stride, TRIAL_F32, tolerance);
  return trial_operand(x, sizeof *x);
}

static inline int32_t *out_i32(int64_t count) {
  int32_t *x = trial_memory(1, count, count, sizeof *x, sizeof *x);
  trial_expect(x, 1, count, count, TRIAL_I32, 0);
  return trial_operand(x, sizeof *x);
}

/* Indices in [0, bound), the last and the first among them, or with one that is not. */
static inline const int32_t *in_indices(int64_t count, int64_t bound, bool wrong) {
  static const int32_t bad[] = {-1, INT32_MIN, INT32_MAX};
  int32_t *x = trial_memory(1, count, count, sizeof *x, sizeof *x);
  for (int64_t i = 0; i < count; i++)
    x[i] = i == 0 ? (int32_t)bound - 1 : i == 1 ? 0 : (int32_t)draw(bound);
  if (count > 0 && wrong) x[draw(count)] = draw(2) ? (int32_t)bound : bad[draw(3)];
  check_seal(x);
  return trial_operand(x, sizeof *x);
}

static inline const int32_t *in_i32(const int32_t *values, int64_t count) {
  int32_t *x = trial_memory(1, count, count, sizeof *x, sizeof *x);
  memcpy(x, values, (size_t)count * sizeof *x);
  check_seal(x);
  return trial_operand(x, sizeof *x);
}

/* Different indices in [0, bound), in some order. */
static inline const int32_t *in_different_indices(int64_t count, int64_t bound) {
  int32_t *x = trial_memory(1, count, count, sizeof *x, sizeof *x);
  const int64_t first = draw(bound + 1);
  for (int64_t i = 0; i < count; i++) x[i] = (int32_t)((first + i) % bound);
  for (int64_t i = 0; i < count; i++) {
    const int64_t other = draw(count);
    const int32_t index = x[i];
    x[i] = x[other];
    x[other] = index;
  }
  check_seal(x);
  return trial_operand(x, sizeof *x);
}

/* Of a gk_dtype, at any byte; of an unknown type there are none. */
static inline const void *in_weights(int32_t dtype, int64_t rows, int64_t cols, int64_t stride) {
  const bool known = dtype >= GK_F32 && dtype <= GK_BF16;
  const size_t element = check_element_size(known ? dtype : GK_F32);
  unsigned char *w = trial_memory(known ? rows : 0, cols, stride, element, 1);
  if (known) {
    check_fill_weights(w, dtype, rows, cols, stride);
    if (rows > 0 && cols > 0 && draw_one_in(12))
      memset(w + (size_t)(draw(rows) * stride + draw(cols)) * element, 0xff, element); /* NaN */
  }
  check_seal(w);
  return trial_operand(w, element);
}

static inline void trial_put(unsigned char *x, int32_t dtype, int64_t index, float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  const uint16_t upper = (uint16_t)(bits >> 16);
  if (dtype == GK_BF16) {
    memcpy(x + 2 * index, &upper, sizeof upper);
  } else {
    memcpy(x + 4 * index, &bits, sizeof bits);
  }
}

/* As a cache of the dtype has it, at any byte; of an unknown type there is none. */
static inline const void *in_cached(int32_t dtype, int64_t rows, int64_t cols, int64_t stride,
                                    bool finite) {
  const float special[] = {NAN, INFINITY, -INFINITY, 0, -0.0f, 0x1p-130f, -0x1p-126f};
  const bool known = dtype == GK_F32 || dtype == GK_BF16;
  const size_t element = check_element_size(known ? dtype : GK_F32);
  if (!known) rows = 0;
  unsigned char *x = trial_memory(rows, cols, stride, element, 1);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < cols; c++) trial_put(x, dtype, r * stride + c, check_uniform(-2, 2));
  }
  if (!finite && rows > 0 && cols > 0 && draw_one_in(12)) {
    for (int64_t left = 1 + draw(3); left > 0; left--)
      trial_put(x, dtype, draw(rows) * stride + draw(cols), special[draw(7)]);
  }
  check_seal(x);
  return trial_operand(x, element);
}

/* Written alone, as a cache of the dtype has it; all NaN before. Of an unknown type there is none. */
static inline void *out_cached(int32_t dtype, int64_t rows, int64_t cols, int64_t stride,
                               double tolerance) {
  const bool known = dtype == GK_F32 || dtype == GK_BF16;
  const size_t element = check_element_size(known ? dtype : GK_F32);
  void *x = trial_memory(known ? rows : 0, cols, stride, element, 1);
  trial_expect(x, known ? rows : 0, cols, stride, dtype == GK_BF16 ? TRIAL_BF16 : TRIAL_F32,
               tolerance);
  return trial_operand(x, element);
}

/* Random numbers in [least, bound). */
static inline const uint8_t *in_bytes(int64_t count, int64_t least, int64_t bound) {
  uint8_t *x = trial_memory(1, count, count, 1, 1);
  for (int64_t i = 0; i < count; i++) x[i] = (uint8_t)(least + check_below(bound - least));
  check_seal(x);
  return trial_operand(x, 1);
}

/* Room for packed activations: see gk_gemm.h. */
static inline uint16_t *trial_packed(int64_t rows, int64_t cols) {
  const int64_t groups = (rows + PACKED_ROWS - 1) / PACKED_ROWS;
  const int64_t count = groups * packed_tiles(cols) * PACKED_TILE;
  return trial_memory(1, count, count, sizeof(uint16_t), sizeof(uint32_t));
}

static inline const void *in_packed(int64_t rows, int64_t cols) {
  uint16_t *x = trial_packed(rows, cols);
  memset(x, 0, check_find(x)->bytes);
  for (int64_t r = 0; r < rows; r++) {
    for (int64_t c = 0; c < cols; c++)
      check_fill_weights(&x[packed_at(r, c, cols)], GK_BF16, 1, 1, 1);
  }
  check_seal(x);
  return trial_operand(x, sizeof *x);
}

/* Written; |difference| <= tolerance and a bfloat16's own error, or with tolerance 0 none at all but
 * where numbers are subnormal. */
static inline void *out_packed(int64_t rows, int64_t cols, double tolerance) {
  uint16_t *x = trial_packed(rows, cols);
  const int64_t count = (int64_t)(check_find(x)->bytes / sizeof *x);
  trial_expect(x, 1, count, count, TRIAL_BF16, tolerance);
  return trial_operand(x, sizeof *x);
}

/* Memory that a kernel may use or not. */
static inline void *scratch_bytes(int64_t count) {
  return trial_memory(1, count, count, 1, sizeof(float));
}

/* What the kernel returned must be what the scalar tier returns. */
static inline void trial_result(int64_t result) { trial_state.result = result; }

/* ---- one trial ------------------------------------------------------------------------------ */

typedef struct trial {
  const char *kernel;
  void (*run)(const gk_table *kernels);
} trial;

static inline void trial_call(const trial *t, const gk_table *kernels, trial_plan plan) {
  trial_state.plan = plan;
  trial_state.sizes = trial_state.operands = trial_state.output_count = 0;
  trial_state.result = 0;
  t->run(kernels);
}

/* What the scalar tier made of the same call. */
typedef struct trial_expected {
  int64_t result;
  unsigned char *values; /* the outputs one after the other, without padding */
} trial_expected;

static inline size_t trial_element(const trial_output *o) { return o->kind == TRIAL_BF16 ? 2 : 4; }

static inline const unsigned char *trial_row(const trial_output *o, int64_t r) {
  return o->data + (size_t)(r * o->stride) * trial_element(o);
}

static inline trial_expected trial_keep(void) {
  size_t bytes = 1;
  for (int i = 0; i < trial_state.output_count; i++) {
    const trial_output *o = &trial_state.outputs[i];
    bytes += (size_t)(o->rows * o->cols) * trial_element(o);
  }
  trial_expected kept = {trial_state.result, malloc(bytes)};
  unsigned char *to = kept.values;
  for (int i = 0; i < trial_state.output_count; i++) {
    const trial_output *o = &trial_state.outputs[i];
    const size_t row = (size_t)o->cols * trial_element(o);
    for (int64_t r = 0; r < o->rows; r++, to += row) memcpy(to, trial_row(o, r), row);
  }
  return kept;
}

static inline void trial_compare(trial_expected expected) {
  CHECK(trial_state.result == expected.result);
  const unsigned char *at = expected.values;
  for (int i = 0; i < trial_state.output_count; i++) {
    const trial_output *o = &trial_state.outputs[i];
    for (int64_t r = 0; r < o->rows; r++, at += (size_t)o->cols * trial_element(o)) {
      const unsigned char *row = trial_row(o, r);
      if (o->kind == TRIAL_I32) {
        CHECK(memcmp(row, at, (size_t)o->cols * 4) == 0);
        continue;
      }
      const int32_t dtype = o->kind == TRIAL_F32 ? GK_F32 : GK_BF16;
      for (int64_t c = 0; c < o->cols; c++) {
        const double wanted = check_weight(at, dtype, c);
        double tolerance = o->tolerance;
        if (dtype == GK_BF16)
          tolerance = tolerance == 0 ? 0x1p-126 : tolerance + fabs(wanted) * 0x1p-7;
        CHECK_CLOSE(check_weight(row, dtype, c), wanted, tolerance, "output %d [%lld,%lld]", i,
                    (long long)r, (long long)c);
      }
    }
  }
}

/* The same call on the scalar tier, then on this one. */
static inline void trial_run(const trial *t, const gk_table *kernels, trial_plan plan) {
  const gk_table *scalar = gk_table_for("scalar");
  const uint64_t start = check_state.rng;
  const uint8_t *bytes = trial_state.bytes;
  const size_t byte_count = trial_state.byte_count;
  trial_call(t, scalar, plan);
  if (kernels != scalar) {
    const trial_expected expected = trial_keep();
    check_release();
    check_state.rng = start;
    trial_state.bytes = bytes;
    trial_state.byte_count = byte_count;
    trial_call(t, kernels, plan);
    trial_compare(expected);
    free(expected.values);
  }
  check_release();
}

#endif
