package org.graniteffm.runtime.fuzz;

/** Decisions read off an array, so that whoever makes the array, makes them. */
final class Choices {
  private final byte[] bytes;
  private int at;

  Choices(byte[] bytes) {
    this.bytes = bytes;
  }

  boolean isEmpty() {
    return at >= bytes.length;
  }

  /** From 0 to bound - 1; 0 once the array has come to its end. */
  int next(int bound) {
    int value = 0;
    for (int i = 0; i < 2 && !isEmpty(); i++) {
      value = (value << 8) | (bytes[at++] & 0xff);
    }
    return value % bound;
  }
}
