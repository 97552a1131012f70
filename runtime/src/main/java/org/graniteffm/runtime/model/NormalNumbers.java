package org.graniteffm.runtime.model;

/**
 * Normal numbers of mean 0, in pairs after Box and Muller and in strict arithmetic: a stream has
 * the same ones on every machine.
 */
final class NormalNumbers {
  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  private final double deviation;
  private long state;
  private double second = Double.NaN;

  NormalNumbers(long stream, double deviation) {
    this.deviation = deviation;
    state = stream;
  }

  double next() {
    if (!Double.isNaN(second)) {
      double value = second;
      second = Double.NaN;
      return value;
    }
    double u = 1 - uniform(); // above 0
    double angle = 2 * Math.PI * uniform();
    double radius = deviation * Math.sqrt(-2 * StrictMath.log(u));
    second = radius * StrictMath.sin(angle);
    return radius * StrictMath.cos(angle);
  }

  /** 0 to below {@code bound}, evenly but for rounding; from the same stream. */
  long index(long bound) {
    return (long) (uniform() * bound);
  }

  /** 0 to below 1, of the state's upper 53 bits. */
  private double uniform() {
    state += GOLDEN;
    return (mix(state) >>> 11) * 0x1p-53;
  }

  /** The finalizer of SplitMix64; source: Steele, Lea and Flood 2014. */
  static long mix(long z) {
    z = (z ^ (z >>> 30)) * 0xbf58476d1ce4e5b9L;
    z = (z ^ (z >>> 27)) * 0x94d049bb133111ebL;
    return z ^ (z >>> 31);
  }
}
