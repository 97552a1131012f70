package org.graniteffm.runtime;

import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import org.graniteffm.bindings.NativeLibraries;

/** Runs tests on one instruction set tier after the other. */
public final class Tiers implements AutoCloseable {
  /** All there are, lowest first; for method sources. */
  public static final List<String> ALL = List.of("scalar", "avx2", "avx512", "amx");

  private final String before = NativeLibraries.activeIsa();

  private Tiers() {}

  /**
   * Chooses a tier until closed. If this CPU lacks it, the test is skipped and says so; a tier that
   * this list does not know fails, lest it stay untested.
   */
  public static Tiers use(String tier) {
    String best = NativeLibraries.bestIsa();
    assertTrue(
        ALL.contains(best), () -> "the tier " + best + " is not tested: add it to Tiers.ALL");
    assumeTrue(
        ALL.indexOf(tier) <= ALL.indexOf(best),
        () -> "skipped: the tier " + tier + " needs more than this CPU has, which is " + best);
    Tiers tiers = new Tiers();
    NativeLibraries.selectIsa(tier);
    return tiers;
  }

  /** Puts the tier back. */
  @Override
  public void close() {
    NativeLibraries.selectIsa(before);
  }
}
