package org.graniteffm.bench;

import org.graniteffm.bindings.NativeLibraries;

/** Who does the work. */
public enum Implementation {
  /** The kernel's scalar tier: portable C. */
  SCALAR,
  /** The kernel's tier that was active at load: the best of this CPU, or what granite.isa says. */
  ACTIVE,
  /** OpenBLAS, with 16-bit weights widened for it, panel by panel, by the active tier. */
  OPENBLAS,
  /** A plain loop in Java, as one writes it at first. */
  JAVA;

  private static final class AtLoad {
    static final String TIER = NativeLibraries.activeIsa();
  }

  /**
   * Selects the tier, for the whole process.
   *
   * @throws org.graniteffm.bindings.NativeLibraryException if the kernels cannot be loaded
   */
  public void select() {
    String active = AtLoad.TIER; // before it is changed
    NativeLibraries.selectIsa(this == SCALAR ? "scalar" : active);
  }
}
