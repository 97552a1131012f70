/*
 * Every kernel of kernels.def on random calls: each tier against the scalar one, with every operand
 * at a guard page. A kernel without a trial does not compile here.
 *
 *   CHECK_TRIALS=<number>   how many random calls on each tier; else few
 *   CHECK_SEED=<seed> CHECK_TRIALS=1   repeats the call that a failure names
 *
 * Built with -DTRIAL_LIBFUZZER this is a libFuzzer target instead: the preset "fuzz".
 */
#include "trial.h"
/* after check.h, which chooses what the system's headers declare */
#include <sys/wait.h>

/* ---- one trial for each kernel -------------------------------------------------------------- */

static void trial_rms_norm_f32(const gk_table *kernels) {
  const int64_t rows = draw_count(0), cols = draw_size(1);
  const int64_t stride = draw_stride(cols), out_stride = draw_stride(cols);
  const double tolerance = 4 * (double)(cols + 4) * CHECK_EPS * sqrt((double)cols);
  const float *weight = in_f32(1, cols, cols);
  if (draw_one_in(4)) {
    float *x = update_f32(rows, cols, stride, tolerance);
    kernels->rms_norm_f32(x, stride, weight, 1e-5f, rows, cols, x, stride);
  } else {
    const float *x = in_f32(rows, cols, stride);
    float *out = out_f32(rows, cols, out_stride, tolerance);
    kernels->rms_norm_f32(x, stride, weight, 1e-5f, rows, cols, out, out_stride);
  }
}

static void trial_add_rms_norm_f32(const gk_table *kernels) {
  const int64_t rows = draw_count(0), cols = draw_size(1);
  const int64_t stride = draw_stride(cols), residual_stride = draw_stride(cols);
  const int64_t out_stride = draw_stride(cols);
  const float scale = draw_factor(), eps = 1e-5f;
  /* the sum's own error too, where a row cancels and all that is left of it is that */
  const double tolerance = 4 * (double)(cols + 4) * CHECK_EPS * sqrt((double)cols) +
                           2 * 8 * CHECK_EPS / sqrt((double)eps);
  float *x = update_f32(rows, cols, stride, 8 * CHECK_EPS);
  const float *weight = in_f32(1, cols, cols);
  if (draw_one_in(4)) {
    float *residual = update_f32(rows, cols, residual_stride, tolerance);
    kernels->add_rms_norm_f32(x, stride, residual, residual_stride, scale, weight, eps, rows, cols,
                              residual, residual_stride);
  } else {
    const float *residual = in_f32(rows, cols, residual_stride);
    float *out = out_f32(rows, cols, out_stride, tolerance);
    kernels->add_rms_norm_f32(x, stride, residual, residual_stride, scale, weight, eps, rows, cols,
                              out, out_stride);
  }
}

static void trial_add_scaled_f32(const gk_table *kernels) {
  const int64_t rows = draw_count(0), cols = draw_size(0), stride = draw_stride(cols);
  const bool one_row = draw_one_in(4);
  const int64_t y_stride = one_row ? 0 : draw_stride(cols);
  float *x = update_f32(rows, cols, stride, 8 * CHECK_EPS);
  const float *y = in_f32(one_row ? 1 : rows, cols, y_stride);
  kernels->add_scaled_f32(x, stride, y, y_stride, draw_factor(), rows, cols);
}

static void trial_rope_f32(const gk_table *kernels) {
  const int64_t rows = draw_count(0), q_heads = draw_count(0), k_heads = draw_count(0);
  const int64_t half = draw_size(0), dim = 2 * half;
  const int64_t q_stride = draw_stride(q_heads * dim), k_stride = draw_stride(k_heads * dim);
  const int64_t head_stride = draw_stride(rows * dim);
  const double tolerance = 16 * CHECK_EPS;
  float *q = update_f32(rows, q_heads * dim, q_stride, tolerance);
  const float *k = in_f32(rows, k_heads * dim, k_stride);
  const float *cosine = in_f32(rows, half, half), *sine = in_f32(rows, half, half);
  const int32_t dtype = draw_cache_dtype();
  void *k_out = out_cached(dtype, k_heads, rows * dim, head_stride, tolerance);
  trial_result(kernels->rope_f32(q, q_stride, q_heads, k, k_stride, k_heads,
                                 draw_one_in(50) ? dim + 1 : dim, cosine, sine, rows, k_out, dtype,
                                 head_stride));
}

typedef void gemv_kernel(const void *w, int64_t w_stride, int64_t n, int64_t k, const float *x,
                         int64_t x_stride, int64_t m, float alpha, float beta, float *y,
                         int64_t y_stride);

static void trial_gemv(gemv_kernel *gemv, int32_t dtype) {
  const int64_t m = draw_count(0), n = draw_count(0) * (1 + draw(4)), k = draw_size(0);
  const int64_t w_stride = draw_stride(k), x_stride = draw_stride(k), y_stride = draw_stride(n);
  const float alpha = draw_factor(), beta = draw_factor();
  const double tolerance = 16 * (double)(k + 8) * CHECK_EPS;
  const void *w = in_weights(dtype, n, k, w_stride);
  const float *x = in_f32(m, k, x_stride);
  if (draw_one_in(2)) {
    float *y = out_f32(m, n, y_stride, tolerance);
    gemv(w, w_stride, n, k, x, x_stride, m, alpha, 0, y, y_stride);
  } else {
    float *y = update_f32(m, n, y_stride, tolerance);
    gemv(w, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride);
  }
}

static void trial_gemv_f32(const gk_table *kernels) { trial_gemv(kernels->gemv_f32, GK_F32); }
static void trial_gemv_f16(const gk_table *kernels) { trial_gemv(kernels->gemv_f16, GK_F16); }
static void trial_gemv_bf16(const gk_table *kernels) { trial_gemv(kernels->gemv_bf16, GK_BF16); }

static void trial_gemm_f32(const gk_table *kernels) {
  const int64_t m = draw_count(0) * (1 + draw(4)), n = draw_size(0), k = draw_size(0);
  const int64_t w_stride = draw_stride(k), x_stride = draw_stride(k), y_stride = draw_stride(n);
  const int32_t dtype = draw_dtype();
  const float alpha = draw_factor(), beta = draw_one_in(2) ? 0 : draw_factor();
  const void *w = in_weights(dtype, n, k, w_stride);
  const float *x = in_f32(m, k, x_stride);
  const double tolerance = 16 * (double)(k + 8) * CHECK_EPS;
  float *y = beta == 0 ? out_f32(m, n, y_stride, tolerance) : update_f32(m, n, y_stride, tolerance);
  trial_result(kernels->gemm_f32(w, dtype, w_stride, n, k, x, x_stride, m, alpha, beta, y, y_stride,
                                 scratch_bytes(GK_GEMM_SCRATCH)));
}

static void trial_pack_bf16(const gk_table *kernels) {
  const int64_t x_rows = draw_count(1), k = draw_whole(draw_size(0), PACKED_COLS);
  const bool in_order = draw_one_in(2);
  const int64_t m = in_order ? draw(x_rows + 1) : draw_whole(draw_count(0) * 4, PACKED_ROWS);
  const int64_t stride = draw_stride(k);
  const float *x = in_f32(x_rows, k, stride);
  const int32_t *rows = in_order ? NULL : in_indices(m, x_rows, false);
  kernels->pack_bf16(x, stride, rows, m, k, out_packed(m, k, 0));
}

static void trial_gemm_bf16(const gk_table *kernels) {
  const int64_t m = draw_whole(draw_count(0) * (1 + draw(8)), PACKED_ROWS);
  const int64_t n = draw_size(0), k = draw_whole(draw_size(0), PACKED_COLS);
  const int64_t y_rows = m + (draw_one_in(2) ? draw(4) : 0);
  const int64_t w_stride = draw_stride(k), y_stride = draw_stride(n);
  const float alpha = draw_factor(), beta = draw_one_in(2) ? 0 : draw_factor();
  const void *w = in_weights(GK_BF16, n, k, w_stride), *x = in_packed(m, k);
  const int32_t *rows = draw_one_in(2) ? NULL : in_different_indices(m, y_rows);
  const float *scales = draw_one_in(2) ? NULL : in_f32(1, m, m);
  float *y = update_f32(y_rows, n, y_stride, 32 * (double)(k + 8) * CHECK_EPS);
  kernels->gemm_bf16(w, w_stride, n, k, x, m, alpha, rows, scales, beta, y, y_stride,
                     scratch_bytes(GK_GEMM_SCRATCH));
}

enum { TRIAL_MAX_GROUPS = 66 };

typedef struct trial_starts {
  const int32_t *at;
  int64_t last;   /* of them */
  int64_t packed; /* rows of all groups, each filled up */
} trial_starts;

/* Groups of rows, some of them empty, from any row on. */
static trial_starts draw_starts(int64_t groups) {
  int32_t at[TRIAL_MAX_GROUPS + 1] = {draw_one_in(2) ? (int32_t)draw(5) : 0};
  int64_t packed = 0;
  for (int64_t g = 0; g < groups; g++) {
    const int64_t m = draw_one_in(3) ? 0 : draw_count(0) * (1 + draw(4));
    at[g + 1] = at[g] + (int32_t)draw_whole(m, PACKED_ROWS);
    packed += (at[g + 1] - at[g] + PACKED_ROWS - 1) / PACKED_ROWS * PACKED_ROWS;
  }
  return (trial_starts){in_i32(at, groups + 1), at[groups], packed};
}

static void trial_gemm_grouped_bf16(const gk_table *kernels) {
  const int64_t groups = draw_count(0), n = draw_size(0), k = draw_whole(draw_size(0), PACKED_COLS);
  const trial_starts starts = draw_starts(groups);
  const int64_t m = starts.last, y_rows = m + (draw_one_in(2) ? draw(4) : 0);
  const int64_t w_stride = draw_stride(k), y_stride = draw_stride(n);
  const float alpha = draw_factor(), beta = draw_one_in(2) ? 0 : draw_factor();
  const void *w = in_weights(GK_BF16, groups * n, k, w_stride), *x = in_packed(starts.packed, k);
  const int32_t *rows = draw_one_in(2) ? NULL : in_different_indices(m, y_rows);
  const float *scales = draw_one_in(2) ? NULL : in_f32(1, m, m);
  float *y = update_f32(y_rows, n, y_stride, 32 * (double)(k + 8) * CHECK_EPS);
  kernels->gemm_grouped_bf16(w, w_stride, n * w_stride, n, k, x, groups, starts.at, alpha, rows,
                             scales, beta, y, y_stride, scratch_bytes(GK_GEMM_SCRATCH));
}

static void trial_silu_mul_gemm_bf16(const gk_table *kernels) {
  const int64_t m = draw_whole(draw_count(0) * (1 + draw(8)), PACKED_ROWS);
  const int64_t n = draw_whole(draw_size(0), PACKED_COLS), first = draw_one_in(2) ? PACKED_COLS : 0;
  const int64_t k = draw_whole(draw_size(0), PACKED_COLS), w_stride = draw_stride(k);
  const bool more = n % PACKED_COLS == 0 && draw_one_in(2);
  const int64_t out_cols = first + n + (more ? draw(70) : 0);
  const void *gate = in_weights(GK_BF16, n, k, w_stride), *up = in_weights(GK_BF16, n, k, w_stride);
  const void *x = in_packed(m, k);
  void *out = out_packed(m, out_cols, 64 * (double)(k + 8) * CHECK_EPS * sqrt((double)k + 1));
  kernels->silu_mul_gemm_bf16(gate, up, w_stride, n, k, x, m, first, out_cols, out,
                              scratch_bytes(GK_GEMM_SCRATCH));
}

static void trial_silu_mul_gemm_grouped_bf16(const gk_table *kernels) {
  const int64_t groups = draw_count(0), n = draw_whole(draw_size(0), PACKED_COLS);
  const trial_starts starts = draw_starts(groups);
  const int64_t k = draw_whole(draw_size(0), PACKED_COLS), w_stride = draw_stride(k);
  const void *gate = in_weights(GK_BF16, groups * n, k, w_stride);
  const void *up = in_weights(GK_BF16, groups * n, k, w_stride);
  const void *x = in_packed(starts.packed, k);
  void *out = out_packed(starts.packed, n, 64 * (double)(k + 8) * CHECK_EPS * sqrt((double)k + 1));
  kernels->silu_mul_gemm_grouped_bf16(gate, up, w_stride, n * w_stride, n, k, x, groups, starts.at,
                                      0, n, out, scratch_bytes(GK_GEMM_SCRATCH));
}

typedef struct gated {
  int64_t rows, cols, gate_stride, up_stride, out_stride;
  const float *gate, *up;
  float *out;
} gated;

/* The output apart, or in the place of the gate or of what it multiplies. */
static gated draw_gated(void) {
  gated g = {.rows = draw_count(0), .cols = draw_size(0)};
  g.gate_stride = draw_stride(g.cols);
  g.up_stride = draw_stride(g.cols);
  g.out_stride = draw_stride(g.cols);
  const double tolerance = 64 * CHECK_EPS;
  if (draw_one_in(4)) {
    g.gate = g.out = update_f32(g.rows, g.cols, g.out_stride = g.gate_stride, tolerance);
    g.up = in_f32(g.rows, g.cols, g.up_stride);
  } else if (draw_one_in(4)) {
    g.gate = in_f32(g.rows, g.cols, g.gate_stride);
    g.up = g.out = update_f32(g.rows, g.cols, g.out_stride = g.up_stride, tolerance);
  } else {
    g.gate = in_f32(g.rows, g.cols, g.gate_stride);
    g.up = in_f32(g.rows, g.cols, g.up_stride);
    g.out = out_f32(g.rows, g.cols, g.out_stride, tolerance);
  }
  return g;
}

static void trial_silu_mul_f32(const gk_table *kernels) {
  const gated g = draw_gated();
  kernels->silu_mul_f32(g.gate, g.gate_stride, g.up, g.up_stride, g.rows, g.cols, g.out,
                        g.out_stride);
}

static void trial_act_mul_f32(const gk_table *kernels) {
  const int32_t activation = draw_one_in(50) ? GK_RELU2 + 1 : (int32_t)draw(GK_RELU2 + 1);
  const gated g = draw_gated();
  trial_result(kernels->act_mul_f32(activation, g.gate, g.gate_stride, g.up, g.up_stride, g.rows,
                                    g.cols, g.out, g.out_stride));
}

static void trial_top_k_softmax_f32(const gk_table *kernels) {
  const int64_t rows = draw_count(0), experts = draw_size(1), stride = draw_stride(experts);
  const int64_t chosen = draw_one_in(50) ? draw(2) * (experts + 1) : 1 + draw(experts);
  const float *logits = in_f32(rows, experts, stride);
  int32_t *ids = out_i32(rows * chosen);
  float *weights = out_f32(rows, chosen, chosen, 16 * CHECK_EPS);
  trial_result(kernels->top_k_softmax_f32(logits, stride, rows, experts, chosen, ids, weights));
}

static const uint8_t *draw_mask(int64_t keys) {
  if (draw_one_in(2)) return NULL;
  return draw_one_in(1) ? in_bytes(keys, 0, 3) : in_bytes(keys, 1, 3); /* some hidden, or none */
}

static void trial_attention_f32(const gk_table *kernels) {
  const int64_t heads = draw_count(1), rows = draw_count(0), past = draw_size(0);
  const int64_t dim = draw_size(0), keys = past + rows;
  const int64_t q_stride = draw_stride(heads * dim), out_stride = draw_stride(heads * dim);
  const int64_t kv_stride = draw_stride(dim);
  const int32_t dtype = draw_cache_dtype();
  const float scale = 0.5f / sqrtf((float)dim + 1);
  const double score = 4 * (double)dim * (double)scale;
  const double tolerance = 4 * (double)(dim + keys + 16) * CHECK_EPS * (1 + score);
  const uint8_t *mask = draw_mask(keys);
  const float *q = in_f32(rows, heads * dim, q_stride);
  const void *k = in_cached(dtype, keys, dim, kv_stride, false);
  const void *v = in_cached(dtype, keys, dim, kv_stride, false);
  float *out = out_f32(rows, heads * dim, out_stride, tolerance);
  trial_result(kernels->attention_f32(q, q_stride, heads, rows, k, v, dtype, kv_stride, past, mask,
                                      dim, scale, out, out_stride));
}

static void trial_attention_bf16(const gk_table *kernels) {
  const int64_t heads = draw_count(1), rows = draw_count(0), past = draw_size(0);
  const int64_t dim = draw_size(0), keys = past + rows;
  const int64_t q_stride = draw_stride(heads * dim), out_stride = draw_stride(heads * dim);
  const int64_t kv_stride = draw_stride(dim);
  const int32_t dtype = draw_cache_dtype();
  const float scale = 0.5f / sqrtf((float)dim + 1);
  const double score = 4 * (double)dim * (double)scale;
  const double rounding = 4 * (exp(score / 128) - 1 + 1.0 / 128);
  const double tolerance = 4 * (double)(dim + keys + 16) * CHECK_EPS * (1 + score) + rounding;
  const uint8_t *mask = draw_mask(keys);
  const float *q = in_f32(rows, heads * dim, q_stride);
  const void *k = in_cached(dtype, keys, dim, kv_stride, false);
  const void *v =
      in_cached(dtype, keys, dim, kv_stride, true); /* else the rounding may spread them */
  float *out = out_f32(rows, heads * dim, out_stride, tolerance);
  trial_result(kernels->attention_bf16(q, q_stride, heads, rows, k, v, dtype, kv_stride, past, mask,
                                       dim, scale, out, out_stride));
}

static void trial_attention_probs_f32(const gk_table *kernels) {
  const int64_t heads = draw_count(1), rows = draw_count(0), past = draw_size(0);
  const int64_t dim = draw_size(0), keys = past + rows;
  const int64_t q_stride = draw_stride(heads * dim), kv_stride = draw_stride(dim);
  const int32_t dtype = draw_cache_dtype();
  const int64_t head_stride = draw_stride(rows * keys);
  const float scale = 0.5f / sqrtf((float)dim + 1);
  const double score = 4 * (double)dim * (double)scale;
  const double tolerance = 2 * (double)(dim + keys + 16) * CHECK_EPS * (1 + score);
  const uint8_t *mask = draw_mask(keys);
  const float *q = in_f32(rows, heads * dim, q_stride);
  const void *k = in_cached(dtype, keys, dim, kv_stride, false);
  float *p = out_f32(heads, rows * keys, head_stride, tolerance);
  trial_result(kernels->attention_probs_f32(q, q_stride, heads, rows, k, dtype, kv_stride, past,
                                            mask, dim, scale, p, head_stride));
}

static void trial_embed(const gk_table *kernels) {
  const int64_t vocab = draw_count(1), rows = draw_count(0), cols = draw_size(0);
  const int64_t stride = draw_stride(cols), out_stride = draw_stride(cols);
  const int32_t dtype = draw_dtype();
  const void *table = in_weights(dtype, vocab, cols, stride);
  const int32_t *ids = in_indices(rows, vocab, draw_one_in(30));
  float *out = out_f32(rows, cols, out_stride, 0);
  trial_result(
      kernels->embed(table, dtype, stride, vocab, ids, rows, cols, draw_factor(), out, out_stride));
}

static void trial_widen_f32(const gk_table *kernels) {
  const int64_t rows = draw_count(0), cols = draw_size(0);
  const int64_t stride = draw_stride(cols), out_stride = draw_stride(cols);
  const int32_t dtype = draw_dtype();
  const void *src = in_weights(dtype, rows, cols, stride);
  float *dst = out_f32(rows, cols, out_stride, 0);
  trial_result(kernels->widen_f32(src, dtype, stride, rows, cols, dst, out_stride));
}

static void trial_narrow(const gk_table *kernels) {
  const int64_t rows = draw_count(0), cols = draw_size(0);
  const int64_t stride = draw_stride(cols), out_stride = draw_stride(cols);
  const int32_t dtype = draw_cache_dtype();
  const float *src = in_f32(rows, cols, stride);
  void *dst = out_cached(dtype, rows, cols, out_stride, 0);
  trial_result(kernels->narrow(src, stride, rows, cols, dst, dtype, out_stride));
}

static void trial_probe_read(const gk_table *kernels) {
  const int64_t bytes = draw_size(0) * (1 + draw(9));
  trial_result((int64_t)kernels->probe_read(in_bytes(bytes, 0, 256), bytes));
}

/* Tiers count other operations and sum others: what is left is that the sink is written. */
static void trial_probe_fma_f32(const gk_table *kernels) {
  const int64_t iterations = draw_count(0);
  kernels->probe_fma_f32(iterations, out_f32(1, 1, 1, (double)INFINITY));
}

/* Without such a unit nothing is done, but the sink is written all the same. */
static void trial_probe_bf16(const gk_table *kernels) {
  const int64_t iterations = draw_count(0);
  kernels->probe_bf16(iterations, out_f32(1, 1, 1, (double)INFINITY));
}

static const trial trials[] = {
#define GK_KERNEL(result, name, parameters, arguments) {#name, trial_##name},
#include "kernels.def"
#undef GK_KERNEL
};
enum { TRIALS = sizeof trials / sizeof trials[0] };

#ifdef TRIAL_LIBFUZZER

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first byte names the kernel, the rest becomes sizes, strides and places. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  const trial *t = &trials[data[0] % TRIALS];
  check_state.test = t->kernel;
  for (const char *const *tier = gk_tiers; *tier != NULL; tier++) {
    const gk_table *kernels = gk_table_for(*tier);
    if (kernels == NULL) continue;
    check_state.tier = *tier;
    check_state.rng = 0;
    trial_state.bytes = data + 1;
    trial_state.byte_count = size - 1;
    trial_run(t, kernels, trial_any);
    if (check_state.failures > 0) abort();
  }
  return 0;
}

#else

/* ---- the tests ------------------------------------------------------------------------------ */

/* Each size of each kernel goes from 0 to twice the widest vector (32 elements of 16 bits) and
 * more, while all operands lie at each place; the other sizes are small. */
static void every_tail_stays_inside_its_operands(const gk_table *kernels) {
  for (const trial *t = trials; t < trials + TRIALS; t++) {
    trial_state.sizes = 1;
    for (int swept = 0; swept < trial_state.sizes; swept++) {
      for (int64_t size = 0; size <= 66; size++) CHECK_EACH_PLACE(place) {
          check_case("%s size[%d]=%d place=%d", t->kernel, swept, (int)size, place);
          trial_plan plan = trial_any;
          plan.swept = swept;
          plan.size = size;
          plan.place = place;
          trial_run(t, kernels, plan);
        }
    }
  }
}

static void rows_may_be_gigabytes_apart(const gk_table *kernels) {
  for (const trial *t = trials; t < trials + TRIALS; t++) {
    for (int round = 0; round < 12; round++) {
      check_case("%s round=%d", t->kernel, round);
      trial_plan plan = trial_any;
      plan.far = true;
      trial_run(t, kernels, plan);
    }
  }
}

static void random_calls_match_scalar(const gk_table *kernels) {
  const char *wanted = getenv("CHECK_TRIALS");
  const long count = wanted != NULL ? strtol(wanted, NULL, 0) : 20000;
  const uint64_t seed = check_state.seed;
  for (long i = 0; i < count; i++) {
    check_state.rng = check_state.seed = seed + (uint64_t)i;
    const trial *t = &trials[check_below(TRIALS)];
    check_case("%s in a random call, CHECK_TRIALS=1", t->kernel);
    trial_run(t, kernels, trial_any);
  }
  check_state.seed = seed;
}

/* Whether the call ends in a fault. */
static bool faults(const trial *t, const gk_table *kernels, trial_plan plan) {
  fflush(NULL);
  const pid_t child = fork();
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    trial_call(t, kernels, plan);
    _exit(0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    perror("fork");
    exit(2);
  }
  return WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}

/* The other tests prove something only if they can fail: so each operand in turn reaches one element
 * into the page before it, and into the page behind. */
static void guards_notice_one_element(const gk_table *kernels) {
  for (const trial *t = trials; t < trials + TRIALS; t++) {
    trial_plan plan = trial_any;
    plan.planted = CHECK_MAX_BUFFERS; /* the same call, unspoilt: says how many operands it has */
    trial_call(t, kernels, plan);
    check_release();
    const int operands = trial_state.operands;
    for (int at = 0; at < 2 * operands; at++) {
      plan.planted = at / 2;
      plan.planted_at_end = at % 2;
      check_case("%s operand=%d at_end=%d", t->kernel, plan.planted, plan.planted_at_end);
      CHECK(faults(t, kernels, plan));
    }
  }
}

CHECK_MAIN(CHECK_TEST(every_tail_stays_inside_its_operands),
           CHECK_TEST(rows_may_be_gigabytes_apart), CHECK_TEST(random_calls_match_scalar),
           CHECK_TEST(guards_notice_one_element))

#endif
