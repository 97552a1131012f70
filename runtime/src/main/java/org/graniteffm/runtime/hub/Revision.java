package org.graniteffm.runtime.hub;

import java.util.regex.Pattern;
import org.graniteffm.runtime.Names;

/**
 * A branch, a tag or a commit, such as {@code main}, {@code v1.0}, {@code refs/pr/3}.
 *
 * @param text a relative path of plain names, since the cache keeps it as one
 */
record Revision(String text) {
  // Names of git do not begin or end with a point, nor hold two; none of these is one on any
  // platform a drive or a way out of a folder.
  private static final Pattern LEGAL =
      Pattern.compile("[\\w+@#=,-][\\w.+@#=,-]*(/[\\w+@#=,-][\\w.+@#=,-]*)*");
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");
  private static final int LONGEST = 200;

  static final Revision MAIN = new Revision("main");

  Revision {
    if (text.length() > LONGEST || text.contains("..") || !LEGAL.matcher(text).matches()) {
      throw new IllegalArgumentException(
          "revision: expected a branch, tag or commit, found " + Names.quote(text));
    }
  }

  /** Whether it names a commit in full, so that what it means cannot change. */
  boolean isCommit() {
    return isCommit(text);
  }

  static boolean isCommit(String text) {
    return COMMIT.matcher(text).matches();
  }

  @Override
  public String toString() {
    return text;
  }
}
