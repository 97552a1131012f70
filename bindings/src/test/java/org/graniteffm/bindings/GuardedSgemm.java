package org.graniteffm.bindings;

/**
 * The program that {@link BlasCoresTest} starts: says for which CPU its kernels are, and runs them
 * between guard pages.
 */
final class GuardedSgemm {
  private GuardedSgemm() {}

  public static void main(String[] args) {
    System.out.println("core=" + NativeLibraries.openblasCore());
    BlasTest test = new BlasTest();
    test.multiplyEveryTail();
    BlasTest.blocks().forEach(test::multiplyBlocks);
    System.out.println("done");
  }
}
