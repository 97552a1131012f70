package org.graniteffm.bindings;

import static org.graniteffm.bindings.generated.openblas_h.CblasNoTrans;
import static org.graniteffm.bindings.generated.openblas_h.CblasRowMajor;
import static org.graniteffm.bindings.generated.openblas_h.CblasTrans;

import java.lang.foreign.MemorySegment;

/**
 * The matrix product of OpenBLAS, behind its checks: BLAS itself does not report a bad argument, it
 * prints and returns.
 *
 * <p>OpenBLAS runs on the calling thread alone, and many threads may call at once; callers split
 * the work. The first call loads it, which takes long (see {@link NativeLibraries#loadOpenblas}),
 * and all calls fail if that fails. The package description tells how operands are given, what is
 * checked and what is thrown.
 */
public final class Blas {
  private Blas() {}

  /**
   * Product of a matrix with a transposed one, all row-major: {@code c[i,j] = alpha * sum_l(a[i,l]
   * * b[j,l]) + beta * c[i,j]}. {@code b} is a weight matrix as checkpoints store it, [out, in].
   *
   * <p>Nothing is done if {@code m} or {@code n} is 0; {@code c} is multiplied by {@code beta} if
   * {@code k} is 0.
   *
   * @param m rows of {@code a} and {@code c}
   * @param n rows of {@code b}, columns of {@code c}
   * @param k columns of {@code a} and {@code b}
   * @param alpha factor of the product
   * @param a float [m, k]
   * @param aOffset bytes from the start of {@code a} to its first element
   * @param lda elements from one row of {@code a} to the next
   * @param b float [n, k]
   * @param bOffset bytes from the start of {@code b} to its first element
   * @param ldb elements from one row of {@code b} to the next
   * @param beta factor of the old {@code c}, which is not used if this is 0
   * @param c float [m, n], updated; overlaps neither {@code a} nor {@code b}
   * @param cOffset bytes from the start of {@code c} to its first element
   * @param ldc elements from one row of {@code c} to the next
   * @throws IllegalArgumentException if a size or {@code lda}, {@code ldb} or {@code ldc} does not
   *     fit into an int, a size is out of range, a stride is smaller than a row, or a segment is on
   *     the heap, misaligned, read-only though written, or overlaps what it may not
   * @throws IndexOutOfBoundsException if an operand does not fit into its segment
   * @throws IllegalStateException if a segment is closed or confined to another thread
   */
  public static void sgemm(
      long m,
      long n,
      long k,
      float alpha,
      MemorySegment a,
      long aOffset,
      long lda,
      MemorySegment b,
      long bOffset,
      long ldb,
      float beta,
      MemorySegment c,
      long cOffset,
      long ldc) {
    NativeLibraries.loadOpenblas();
    Checks.inInt("m", m, 0);
    Checks.inInt("n", n, 0);
    Checks.inInt("k", k, 0);
    Checks.inInt("lda", lda, Math.max(k, 1));
    Checks.inInt("ldb", ldb, Math.max(k, 1));
    Checks.inInt("ldc", ldc, Math.max(n, 1));
    long aAt = Checks.words("a", a, aOffset, m, k, lda);
    long bAt = Checks.words("b", b, bOffset, n, k, ldb);
    long cAt = Checks.writableWords("c", c, cOffset, m, n, ldc);
    Checks.disjoint("c", cAt, m, n * 4, ldc * 4, "a", aAt, m, k * 4, lda * 4);
    Checks.disjoint("c", cAt, m, n * 4, ldc * 4, "b", bAt, n, k * 4, ldb * 4);
    if (Checks.nothing(m, n)) {
      return;
    }
    try {
      Handles.Sgemm.HANDLE.invokeExact(
          CblasRowMajor(),
          CblasNoTrans(),
          CblasTrans(),
          (int) m,
          (int) n,
          (int) k,
          alpha,
          a.asSlice(aOffset),
          (int) lda,
          b.asSlice(bOffset),
          (int) ldb,
          beta,
          c.asSlice(cOffset),
          (int) ldc);
    } catch (Throwable t) {
      throw Handles.<RuntimeException>rethrow(t);
    }
  }
}
