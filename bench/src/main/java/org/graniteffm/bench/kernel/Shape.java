package org.graniteffm.bench.kernel;

import java.util.Arrays;

/**
 * Shape of a matrix, with the published model that it comes from: 2b and 8b are Granite 3.0 to 3.3,
 * 1b-a400m and 3b-a800m its mixtures of experts.
 *
 * @param out rows, which are output features of a weight
 * @param in columns, which are input features of a weight
 */
record Shape(long out, long in) {
  /** Queries and output of attention in 2b. */
  static final String ATTENTION_2B = "2b-attention:2048x2048";

  /** Gate or up projection of 2b: many short rows. */
  static final String UP_2B = "2b-up:8192x2048";

  /** Down projection of 2b: long rows. */
  static final String DOWN_2B = "2b-down:2048x8192";

  /** The output head of 2b, which is its embedding: the one matrix of a token that is huge. */
  static final String HEAD_2B = "2b-head:49155x2048";

  /** Gate or up projection of 8b. */
  static final String UP_8B = "8b-up:12800x4096";

  /** Gate or up projection of PowerLM-3B, whose sizes are no powers of two. */
  static final String UP_POWERLM = "powerlm-3b-up:9216x2304";

  /** Gate and up of one of the 32 experts of 1b-a400m: so small that a call's own cost shows. */
  static final String EXPERT_UP_1B = "1b-a400m-expert-up:1024x1024";

  /** Down projection of the same experts. */
  static final String EXPERT_DOWN_1B = "1b-a400m-expert-down:1024x512";

  /** Gate and up of one of the 40 experts of 3b-a800m and PowerMoE-3B. */
  static final String EXPERT_UP_3B = "3b-a800m-expert-up:1024x1536";

  /** One token's activations in 2b. */
  static final String TOKEN_2B = "2b-token:1x2048";

  /** A block of a prompt in 2b. */
  static final String PROMPT_2B = "2b-prompt:512x2048";

  /** One token's activations in 8b. */
  static final String TOKEN_8B = "8b-token:1x4096";

  /** One token's activations in 1b-a400m. */
  static final String TOKEN_1B = "1b-a400m-token:1x1024";

  /** One token's activations in 3b-a800m. */
  static final String TOKEN_3B = "3b-a800m-token:1x1536";

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
