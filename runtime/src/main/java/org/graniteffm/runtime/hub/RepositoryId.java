package org.graniteffm.runtime.hub;

import java.util.regex.Pattern;
import org.graniteffm.runtime.Names;

/**
 * The id of a model on the hub.
 *
 * @param text {@code owner/name}, as huggingface_hub allows it: what it forbids would let two ids
 *     share a folder of the cache, or leave it
 */
record RepositoryId(String text) {
  private static final String PART = "[A-Za-z0-9_]([A-Za-z0-9_.-]{0,94}[A-Za-z0-9_])?";
  private static final Pattern ID = Pattern.compile(PART + "/" + PART);

  RepositoryId {
    if (!isValid(text)) {
      throw new IllegalArgumentException(
          "id: expected OWNER/NAME of letters, digits, '-', '_' and '.', found "
              + Names.quote(text));
    }
  }

  static boolean isValid(String text) {
    return ID.matcher(text).matches()
        && !text.contains("--")
        && !text.contains("..")
        && !text.endsWith(".git");
  }

  /** The name of its folder in the cache. */
  String folderName() {
    return "models--" + text.replace("/", "--");
  }

  @Override
  public String toString() {
    return text;
  }
}
