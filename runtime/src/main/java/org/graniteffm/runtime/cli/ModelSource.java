package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.function.UnaryOperator;
import java.util.regex.Pattern;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.demo.DemoModel;

/**
 * Finds what the argument MODEL means: a folder, a hub id in the hub's local cache, or, if there is
 * none, the built-in demo model. Nothing is downloaded.
 */
final class ModelSource {
  /** For the help of commands. */
  static final String HELP =
      "Checkpoint folder, or hub id such as ibm-granite/granite-3.3-2b-instruct, looked up in the"
          + " local hub cache.";

  private static final Pattern HUB_ID =
      Pattern.compile("[A-Za-z0-9][\\w.-]{0,95}/[A-Za-z0-9][\\w.-]{0,95}");
  private static final Pattern COMMIT = Pattern.compile("[0-9A-Za-z]{1,64}");

  private ModelSource() {}

  /**
   * Finds a model.
   *
   * @param model the argument, or null for the demo model
   * @return an existing path: a folder, or a file if that is what the argument names
   * @throws NoSuchFileException if there is neither such a path nor such an entry in the cache
   * @throws IOException if the cache or the demo model cannot be read
   */
  static Path locate(String model) throws IOException {
    return locate(model, System::getenv);
  }

  static Path locate(String model, UnaryOperator<String> environment) throws IOException {
    if (model == null) {
      return DemoModel.directory();
    }
    Path path;
    try {
      path = Path.of(model);
    } catch (InvalidPathException e) {
      throw new NoSuchFileException(Names.quote(model), null, "no such folder");
    }
    if (Files.exists(path) && !model.isEmpty()) {
      return path;
    }
    if (!HUB_ID.matcher(model).matches() || model.contains("..")) {
      throw new NoSuchFileException(model, null, "no such folder");
    }
    Path cache = hubCache(environment);
    Path repository = cache.resolve("models--" + model.replace("/", "--"));
    Path reference = repository.resolve("refs").resolve("main");
    if (!Files.isRegularFile(reference)) {
      throw new NoSuchFileException(
          model,
          null,
          "no such folder, and not in the hub cache %s: get it with: hf download %s"
              .formatted(cache, model));
    }
    Path snapshot = repository.resolve("snapshots").resolve(commit(reference));
    if (!Files.isDirectory(snapshot)) {
      throw new NoSuchFileException(
          model,
          null,
          "the hub cache lacks its folder %s: get it with: hf download %s"
              .formatted(snapshot, model));
    }
    return snapshot;
  }

  private static String commit(Path reference) throws IOException {
    String commit;
    try (var in = Files.newInputStream(reference)) {
      commit = new String(in.readNBytes(100), StandardCharsets.US_ASCII).strip();
    }
    if (!COMMIT.matcher(commit).matches()) {
      throw new ModelFormatException(
          reference + ": expected a commit, found " + Names.quote(commit));
    }
    return commit;
  }

  /** As huggingface_hub finds it. */
  private static Path hubCache(UnaryOperator<String> environment) {
    String cache = environment.apply("HF_HUB_CACHE");
    if (isSet(cache)) {
      return Path.of(cache);
    }
    String home = environment.apply("HF_HOME");
    if (isSet(home)) {
      return Path.of(home, "hub");
    }
    String caches = environment.apply("XDG_CACHE_HOME");
    Path base =
        isSet(caches) ? Path.of(caches) : Path.of(System.getProperty("user.home"), ".cache");
    return base.resolve("huggingface").resolve("hub");
  }

  private static boolean isSet(String value) {
    return value != null && !value.isEmpty();
  }
}
