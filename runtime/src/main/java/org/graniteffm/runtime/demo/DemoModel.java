package org.graniteffm.runtime.demo;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.net.URISyntaxException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/** The demo model as a checkpoint folder. */
public final class DemoModel {
  private static final String CONFIG = "config.json";
  private static final List<String> FILES =
      List.of(
          CONFIG,
          "generation_config.json",
          "model.safetensors",
          "special_tokens_map.json",
          "tokenizer.json",
          "tokenizer_config.json");

  private static Path directory;

  private DemoModel() {}

  /**
   * The folder. Where this class comes from a folder of classes, that is where its resources lie.
   * Where it comes from a jar, the first call copies them (some 13 MB) into a fresh directory that
   * only its owner can access, below {@code java.io.tmpdir}; it is deleted when the JVM exits.
   *
   * <p>May be called from any thread.
   *
   * @return the same existing folder each time
   * @throws IOException if the files are missing or cannot be copied
   */
  public static synchronized Path directory() throws IOException {
    if (directory == null) {
      URL config = resource(CONFIG);
      directory = config.getProtocol().equals("file") ? parent(config) : extract();
    }
    return directory;
  }

  private static URL resource(String name) throws FileNotFoundException {
    URL url = DemoModel.class.getResource(name);
    if (url == null) {
      throw new FileNotFoundException("demo model: this build is without its " + name);
    }
    return url;
  }

  private static Path parent(URL file) throws IOException {
    try {
      return Path.of(file.toURI()).getParent();
    } catch (URISyntaxException e) {
      throw new IOException("demo model: " + file + " is no file's name", e);
    }
  }

  /** Copies the files into a fresh folder, deleted when the JVM exits. */
  static Path extract() throws IOException {
    Path fresh = Files.createTempDirectory("granite-demo-"); // with all rights for its owner alone
    boolean done = false;
    try {
      for (String name : FILES) {
        try (InputStream in = resource(name).openStream()) {
          Files.copy(in, fresh.resolve(name));
        }
      }
      // Also after Ctrl-C. What is mapped stays mapped, so nothing has to be waited for.
      Runtime.getRuntime().addShutdownHook(new Thread(() -> delete(fresh), "granite-demo-delete"));
      done = true;
      return fresh;
    } finally {
      if (!done) {
        delete(fresh);
      }
    }
  }

  private static void delete(Path folder) {
    try {
      for (String name : FILES) {
        Files.deleteIfExists(folder.resolve(name));
      }
      Files.deleteIfExists(folder);
    } catch (IOException e) {
      System.getLogger("org.graniteffm.runtime.demo")
          .log(System.Logger.Level.DEBUG, "cannot delete " + folder, e);
    }
  }
}
