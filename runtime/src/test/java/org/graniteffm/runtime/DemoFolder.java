package org.graniteffm.runtime;

import java.net.URISyntaxException;
import java.nio.file.Path;

/** Where tests find the demo model: the folder of the resources, as they were built. */
public final class DemoFolder {
  private DemoFolder() {}

  /** A checkpoint folder. */
  public static Path path() {
    try {
      return Path.of(ModelFormatException.class.getResource("demo/config.json").toURI())
          .getParent();
    } catch (URISyntaxException e) {
      throw new AssertionError(e);
    }
  }
}
