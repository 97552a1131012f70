package org.graniteffm.bench;

import java.util.Map;
import java.util.TreeMap;

/**
 * What one operation of the running benchmark amounts to. A fork runs one benchmark with one set of
 * parameters, so this is one for the process; threads that set it up at once say the same.
 */
public final class Rates {
  private static Map<String, Double> amounts = Map.of();

  private Rates() {}

  /** Forgets what was told. */
  public static synchronized void clear() {
    amounts = Map.of();
  }

  /**
   * Tells what one operation moves.
   *
   * @param bytes what must come from or go to memory or a cache, each byte once
   */
  public static void bytes(double bytes) {
    amount("GB/s", bytes / 1e9);
  }

  /**
   * Tells what one operation computes.
   *
   * @param flops floating-point operations; a multiply-add counts two
   */
  public static void flops(double flops) {
    amount("GFLOP/s", flops / 1e9);
  }

  /**
   * Tells what one operation does, in any unit.
   *
   * @param perSecond unit of the rate, such as {@code "tok/s"}
   * @param amount per operation, in that unit's numerator
   */
  public static synchronized void amount(String perSecond, double amount) {
    Map<String, Double> next = new TreeMap<>(amounts);
    next.put(perSecond, amount);
    amounts = next;
  }

  /**
   * All that was told.
   *
   * @return amounts per operation by the unit of their rate
   */
  public static synchronized Map<String, Double> perOperation() {
    return Map.copyOf(amounts);
  }
}
