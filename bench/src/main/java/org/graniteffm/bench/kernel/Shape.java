package org.graniteffm.bench.kernel;

import java.util.Arrays;

/**
 * Shape of a weight matrix, with the model that it comes from.
 *
 * @param out rows, which are output features
 * @param in columns, which are input features
 */
record Shape(long out, long in) {
  /** Queries and output of attention in the 2b models of Granite 3. */
  static final String ATTENTION_2B = "2b-attention:2048x2048";

  /** Gate or up projection of the same models: many short rows. */
  static final String UP_2B = "2b-up:8192x2048";

  /** Down projection of the same models: long rows. */
  static final String DOWN_2B = "2b-down:2048x8192";

  /** Gate and up of one of the 32 experts of 1b-a400m: so small that a call's own cost shows. */
  static final String EXPERT_UP_1B = "1b-a400m-expert-up:1024x1024";

  /** Down projection of the same experts. */
  static final String EXPERT_DOWN_1B = "1b-a400m-expert-down:1024x512";

  /** Reads {@code name:OUTxIN}; the name may be missing. */
  static Shape parse(String text) {
    long[] sizes = sizes(text, 2);
    return new Shape(sizes[0], sizes[1]);
  }

  /** Reads {@code name:AxBx…}; the name may be missing. */
  static long[] sizes(String text, int count) {
    String[] sizes = text.substring(text.indexOf(':') + 1).split("x", -1);
    if (sizes.length != count) {
      throw new IllegalArgumentException(
          text + ": expected " + count + " sizes, as in name:2048x1024");
    }
    return Arrays.stream(sizes).mapToLong(Long::parseLong).toArray();
  }
}
