package org.graniteffm.bench;

import org.graniteffm.bindings.NativeLibraries;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * The tier that kernels run on. A benchmark method that takes one runs once for each tier that the
 * library reports for this CPU: {@link Main} and {@link Suite} set the parameter so.
 */
@State(Scope.Benchmark)
public class Tier {
  /** Stands for the tier that is active at load. */
  public static final String ACTIVE = "active";

  /** A tier by its name, or {@value #ACTIVE}. */
  @Param(ACTIVE)
  public String tier = ACTIVE;

  private String before;

  /**
   * Selects it, for the whole process.
   *
   * @throws org.graniteffm.bindings.UnsupportedIsaException if this CPU lacks it
   */
  @Setup
  public void select() {
    before = NativeLibraries.activeIsa();
    if (!tier.equals(ACTIVE)) {
      NativeLibraries.selectIsa(tier);
    }
  }

  /** Selects the one before. */
  @TearDown
  public void restore() {
    NativeLibraries.selectIsa(before);
  }
}
