package org.graniteffm.runtime.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/** The bytes each token stands for, by the byte-level alphabet of GPT-2. Immutable. */
final class Vocabulary {
  /** A token added to the model's own. */
  record AddedToken(int id, String content, boolean special) {}

  // Byte to character and back: printable bytes stand for themselves, the others for U+0100 on.
  private static final char[] CHARACTER = new char[256];
  private static final short[] BYTE = new short[0x144];

  static {
    Arrays.fill(BYTE, (short) -1);
    char next = 0x100;
    for (int b = 0; b < 256; b++) {
      boolean printable = (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE;
      CHARACTER[b] = printable ? (char) b : next++;
      BYTE[CHARACTER[b]] = (short) b;
    }
  }

  private final int[] ids;
  private final byte[][] bytes;
  private final boolean[] special;
  private final Map<String, Integer> specialIds = new TreeMap<>();

  Vocabulary(Map<String, Integer> model, Iterable<AddedToken> added) {
    TreeMap<Integer, byte[]> all = new TreeMap<>();
    model.forEach((token, id) -> all.put(id, bytesOf(token)));
    for (AddedToken token : added) {
      all.put(token.id(), bytesOf(token.content()));
      if (token.special()) {
        specialIds.put(token.content(), token.id());
      }
    }
    ids = all.keySet().stream().mapToInt(Integer::intValue).toArray();
    bytes = all.values().toArray(byte[][]::new);
    special = new boolean[ids.length];
    for (int id : specialIds.values()) {
      special[Arrays.binarySearch(ids, id)] = true;
    }
  }

  /** The character that stands for a byte. */
  static char character(int b) {
    return CHARACTER[b];
  }

  /** A token with any character outside the alphabet stands for itself. */
  private static byte[] bytesOf(String token) {
    byte[] result = new byte[token.length()];
    for (int i = 0; i < result.length; i++) {
      char c = token.charAt(i);
      int b = c < BYTE.length ? BYTE[c] : -1;
      if (b < 0) {
        return token.getBytes(StandardCharsets.UTF_8);
      }
      result[i] = (byte) b;
    }
    return result;
  }

  int size() {
    return ids.length;
  }

  boolean isSpecial(int id) {
    int at = Arrays.binarySearch(ids, id);
    return at >= 0 && special[at];
  }

  OptionalInt specialId(String content) {
    Integer id = specialIds.get(content);
    return id == null ? OptionalInt.empty() : OptionalInt.of(id);
  }

  void append(int id, boolean skipSpecialTokens, Utf8 utf8, StringBuilder out) {
    if (id < 0) {
      throw new IllegalArgumentException("token id: " + id + " is negative");
    }
    int at = Arrays.binarySearch(ids, id);
    if (at < 0 || (skipSpecialTokens && special[at])) {
      return;
    }
    for (byte b : bytes[at]) {
      utf8.push(b, out);
    }
  }
}
