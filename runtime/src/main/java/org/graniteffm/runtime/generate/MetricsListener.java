package org.graniteffm.runtime.generate;

/** Told once of each generation, when it has ended. */
@FunctionalInterface
public interface MetricsListener {
  /**
   * A generation has ended, was cancelled, or its stream was closed. Not called where it threw an
   * exception. Runs on the thread that generated, when the generator is free again; what this
   * throws goes to that caller.
   *
   * @param metrics what it took
   */
  void onGeneration(GenerationMetrics metrics);
}
