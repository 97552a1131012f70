package org.graniteffm.runtime.hub;

import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.Set;
import java.util.function.UnaryOperator;
import org.graniteffm.runtime.Names;

/** The settings of huggingface_hub, from the environment variables that it reads. */
final class HubEnvironment {
  private static final String DEFAULT_ENDPOINT = "https://huggingface.co";
  private static final Set<String> TRUE = Set.of("1", "ON", "YES", "TRUE");
  private static final int LONGEST_TOKEN = 4096;

  private final UnaryOperator<String> variables;

  /**
   * Reads nothing yet.
   *
   * @param variables gives a variable's value, or null
   */
  HubEnvironment(UnaryOperator<String> variables) {
    this.variables = variables;
  }

  private Optional<String> variable(String... names) {
    for (String name : names) {
      String value = variables.apply(name);
      if (value != null && !value.isBlank()) {
        return Optional.of(value.strip());
      }
    }
    return Optional.empty();
  }

  private boolean isTrue(String... names) {
    return variable(names)
        .map(value -> TRUE.contains(value.toUpperCase(Locale.ROOT)))
        .orElse(false);
  }

  private Optional<Path> path(String... names) {
    return variable(names)
        .map(value -> {
          String home = System.getProperty("user.home");
          try {
            return value.equals("~") || value.startsWith("~/")
                ? Path.of(home + value.substring(1))
                : Path.of(value);
          } catch (InvalidPathException e) {
            throw new IllegalArgumentException(
                names[0] + ": expected a path, found " + Names.quote(value), e);
          }
        });
  }

  private Path home() {
    return path("HF_HOME")
        .orElseGet(() ->
            path("XDG_CACHE_HOME")
                .orElseGet(() -> Path.of(System.getProperty("user.home"), ".cache"))
                .resolve("huggingface"));
  }

  Path cache() {
    return path("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE").orElseGet(() -> home().resolve("hub"));
  }

  boolean offline() {
    return isTrue("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE");
  }

  boolean links() {
    return !isTrue("HF_HUB_DISABLE_SYMLINKS");
  }

  URI endpoint() {
    return endpoint(variable("HF_ENDPOINT").orElse(DEFAULT_ENDPOINT));
  }

  /** Checks the address of a hub. */
  static URI endpoint(String text) {
    try {
      URI uri = new URI(text.replaceFirst("/+$", ""));
      boolean http = "http".equals(uri.getScheme()) || "https".equals(uri.getScheme());
      if (http
          && uri.getHost() != null
          && uri.getRawUserInfo() == null
          && uri.getRawQuery() == null
          && uri.getRawFragment() == null) {
        return uri;
      }
    } catch (URISyntaxException e) {
      // refused below
    }
    throw new IllegalArgumentException(
        "HF_ENDPOINT: expected an address such as %s, found %s"
            .formatted(DEFAULT_ENDPOINT, Names.quote(text)));
  }

  /**
   * The token that is sent unless another one is given.
   *
   * @throws IOException if there is a file for it that cannot be read
   */
  Optional<String> token() throws IOException {
    if (isTrue("HF_HUB_DISABLE_IMPLICIT_TOKEN")) {
      return Optional.empty();
    }
    Optional<String> given = variable("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN");
    if (given.isPresent()) {
      return given.map(token -> checkToken("HF_TOKEN", token));
    }
    Path file = path("HF_TOKEN_PATH").orElseGet(() -> home().resolve("token"));
    if (!Files.isRegularFile(file)) {
      return Optional.empty();
    }
    String text;
    try (var in = Files.newInputStream(file)) {
      text = new String(in.readNBytes(LONGEST_TOKEN + 1), StandardCharsets.UTF_8).strip();
    }
    return text.isEmpty() ? Optional.empty() : Optional.of(checkToken(file.toString(), text));
  }

  /** Checks that a token can be sent; what it is, is not said. */
  static String checkToken(String source, String token) {
    if (token.length() > LONGEST_TOKEN || !token.chars().allMatch(c -> c > ' ' && c < 127)) {
      throw new IllegalArgumentException(source + ": holds no token");
    }
    return token;
  }
}
