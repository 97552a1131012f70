/**
 * Benchmarks of kernels and of whole models, run with JMH.
 *
 * <p>Start with {@link org.graniteffm.bench.Main}, which is what the jar runs, or {@link
 * org.graniteffm.bench.Suite}, which runs all kernels for the report. A benchmark tells {@link
 * org.graniteffm.bench.Rates} what one operation moves or computes, and {@link
 * org.graniteffm.bench.RateProfiler} puts GB/s or GFLOP/s beside its time. Kernels run on each
 * {@link org.graniteffm.bench.Tier}.
 *
 * <p>This is no named module: JMH starts its forks with the class path alone, and what it generates
 * looks for benchmarks there.
 *
 * <p>What does not belong here: anything that a user of the library could need.
 */
package org.graniteffm.bench;
