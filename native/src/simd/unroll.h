#ifndef GK_SIMD_UNROLL_H
#define GK_SIMD_UNROLL_H

/*
 * Unrolls the loop that follows, of at most `n` turns known at compile time, completely: an array
 * of vectors that is only indexed by such loops lives in registers.
 */
#define GK_PRAGMA(text) _Pragma(#text)
#if defined(__clang__)
#define GK_UNROLL(n) GK_PRAGMA(clang loop unroll(full))
#else
#define GK_UNROLL(n) GK_PRAGMA(GCC unroll n)
#endif

/* A function whose integer arguments are constants where it is called, so that each call becomes
 * its own code. */
#define GK_TEMPLATE static inline __attribute__((always_inline))

#endif
