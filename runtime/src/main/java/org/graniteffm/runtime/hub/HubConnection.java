package org.graniteffm.runtime.hub;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.net.URI;
import java.net.URISyntaxException;
import java.net.URLEncoder;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.ByteBuffer;
import java.nio.channels.UnresolvedAddressException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.net.ssl.SSLException;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.hub.HubException.Reason;
import org.graniteffm.runtime.json.JsonReader;

/**
 * Speaks with the hub: what a revision holds, what is known of a file, and ranges of its bytes.
 *
 * <p>Redirects are followed here and not by HttpClient, since the token goes to the hub's own
 * origin and to no other. HTTP/1.1, since several transfers shall have a connection each. Answers
 * are a stranger's: sizes are limited, and what does not fit is refused.
 */
final class HubConnection implements AutoCloseable {
  /**
   * What a revision holds.
   *
   * @param commit what it stands for
   * @param files the names of all its files, as the hub lists them: not to be used as paths
   */
  record Listing(String commit, Set<String> files) {}

  /**
   * What the hub knows of a file.
   *
   * @param name its name
   * @param etag the sha256 of its content, or the sha1 that git knows it by
   * @param size its size in bytes
   */
  record RemoteFile(String name, String etag, long size) {}

  /**
   * Bytes of a file on their way.
   *
   * @param whole whether the server sends all of it, in place of what was asked for
   * @param body from the first byte that was asked for, or from the first one of all
   */
  record Transfer(boolean whole, BodyStream body) implements AutoCloseable {
    @Override
    public void close() {
      body.close();
    }
  }

  private static final String SET_TOKEN = "set HF_TOKEN";
  private static final String OTHER_TOKEN = "set HF_TOKEN to a token that may read it";
  private static final int MOST_REDIRECTS = 10;
  private static final int LISTING_LIMIT = 16 << 20;
  private static final Pattern ETAG = Pattern.compile("[0-9a-f]{40}|[0-9a-f]{64}");
  private static final Pattern CONTENT_RANGE =
      Pattern.compile("bytes (\\d{1,18})-(\\d{1,18})/(\\d{1,18})");

  private final URI endpoint;
  private final RepositoryId id;
  private final String token;
  private final Patience patience;
  private final HttpClient client;

  /**
   * Connects to nothing yet.
   *
   * @param endpoint where the hub is
   * @param id the model that is spoken of
   * @param token sent to the hub, or null
   * @param patience how long to wait
   */
  HubConnection(URI endpoint, RepositoryId id, String token, Patience patience) {
    this.endpoint = endpoint;
    this.id = id;
    this.token = token;
    this.patience = patience;
    client =
        HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1)
            .followRedirects(HttpClient.Redirect.NEVER)
            .connectTimeout(patience.connect())
            .build();
  }

  /**
   * Asks what a revision stands for and holds.
   *
   * @throws HubException if the hub cannot be reached, or says no
   */
  Listing list(Revision revision) throws IOException, InterruptedException {
    URI uri = uri("/api/models/" + id + "/revision/" + encode(revision.text()));
    HttpResponse<BodyStream> response = send("GET", uri, null, false);
    try (BodyStream body = response.body()) {
      check(response, revision.text(), null);
      JsonNode json =
          JsonReader.parseObject(ByteBuffer.wrap(body.readAll(LISTING_LIMIT)), uri.toString());
      String commit = json.path("sha").asText();
      if (!Revision.isCommit(commit)) {
        throw badAnswer(uri, "sha: expected a commit, found " + Names.quote(commit));
      }
      Set<String> files = new TreeSet<>();
      for (JsonNode sibling : json.path("siblings")) {
        files.add(sibling.path("rfilename").asText());
      }
      return new Listing(commit, files);
    } catch (ModelFormatException e) {
      throw new HubException(Reason.BAD_ANSWER, e.getMessage(), e);
    } catch (TransientException | HubException e) {
      throw e;
    } catch (IOException e) {
      throw new TransientException(uri + ": " + e.getMessage(), e);
    }
  }

  /**
   * Asks what is known of a file.
   *
   * @throws HubException if the hub says no, or does not say enough
   */
  RemoteFile look(String commit, String name) throws IOException, InterruptedException {
    URI uri = fileUri(commit, name);
    HttpResponse<BodyStream> response = send("HEAD", uri, null, true);
    response.body().close();
    check(response, commit, name);
    String foundCommit = header(response, "X-Repo-Commit").orElse("none");
    if (!foundCommit.equals(commit)) {
      throw badAnswer(
          uri, "X-Repo-Commit: expected %s, found %s".formatted(commit, Names.quote(foundCommit)));
    }
    boolean linked = header(response, "X-Linked-Etag").isPresent();
    String etag =
        header(response, linked ? "X-Linked-Etag" : "ETag")
            .orElse("none")
            .replaceFirst("^W/", "")
            .replace("\"", "");
    if (!ETAG.matcher(etag).matches()) {
      throw badAnswer(
          uri, "ETag: expected a sha256 or the sha1 of git, found " + Names.quote(etag));
    }
    OptionalLong size = number(response, linked ? "X-Linked-Size" : "Content-Length");
    if (size.isEmpty() && linked && !isRedirect(response)) {
      size = number(response, "Content-Length");
    }
    if (size.isEmpty()) {
      throw badAnswer(uri, "no size");
    }
    return new RemoteFile(name, etag, size.getAsLong());
  }

  /**
   * Begins to transfer bytes of a file.
   *
   * @param begin the first one
   * @param end the one after the last one
   * @return the transfer, to be closed
   * @throws TransientException if another attempt may go better
   * @throws HubException if the hub says no, or sends something else
   */
  Transfer transfer(String commit, RemoteFile file, long begin, long end)
      throws IOException, InterruptedException {
    URI uri = fileUri(commit, file.name());
    boolean part = begin > 0 || end < file.size();
    String range = part ? "bytes=%d-%d".formatted(begin, end - 1) : null;
    HttpResponse<BodyStream> response = send("GET", uri, range, false);
    boolean done = false;
    try {
      check(response, commit, file.name());
      String encoding = header(response, "Content-Encoding").orElse("identity");
      if (!encoding.equals("identity")) {
        throw badAnswer(uri, "Content-Encoding: " + Names.quote(encoding) + " was not asked for");
      }
      boolean whole = response.statusCode() == 200;
      if (whole) {
        OptionalLong length = number(response, "Content-Length");
        if (length.isPresent() && length.getAsLong() != file.size()) {
          throw badAnswer(
              uri,
              "Content-Length: expected %d, found %d".formatted(file.size(), length.getAsLong()));
        }
      } else {
        checkRange(uri, response, begin, end, file.size());
      }
      done = true;
      return new Transfer(whole, response.body());
    } finally {
      if (!done) {
        response.body().close();
      }
    }
  }

  private static void checkRange(URI uri, HttpResponse<?> response, long begin, long end, long size)
      throws HubException {
    String found = header(response, "Content-Range").orElse("none");
    Matcher range = CONTENT_RANGE.matcher(found);
    if (response.statusCode() != 206
        || !range.matches()
        || Long.parseLong(range.group(1)) != begin
        || Long.parseLong(range.group(2)) != end - 1
        || Long.parseLong(range.group(3)) != size) {
      throw badAnswer(
          uri,
          "Content-Range: expected bytes %d-%d/%d, found %s (status %d)"
              .formatted(begin, end - 1, size, Names.quote(found), response.statusCode()));
    }
  }

  private URI fileUri(String commit, String name) {
    return uri("/" + id + "/resolve/" + commit + "/" + encode(name));
  }

  private URI uri(String path) {
    return URI.create(endpoint + path);
  }

  private static String encode(String name) {
    return URLEncoder.encode(name, StandardCharsets.UTF_8).replace("+", "%20");
  }

  /**
   * Sends a request, and again to where it is redirected.
   *
   * @param untilKnown whether to stop at a redirect that says what is behind it, as those to large
   *     files do, or that leaves the hub
   * @return an answer whose body is to be closed
   */
  private HttpResponse<BodyStream> send(String method, URI uri, String range, boolean untilKnown)
      throws IOException, InterruptedException {
    URI at = uri;
    for (int redirects = 0; redirects <= MOST_REDIRECTS; redirects++) {
      HttpResponse<BodyStream> response = sendOnce(method, at, range);
      if (!isRedirect(response) || (untilKnown && header(response, "X-Linked-Etag").isPresent())) {
        return response;
      }
      URI next = target(at, response);
      if (untilKnown && !isHub(next)) {
        return response;
      }
      response.body().discard();
      at = next;
    }
    throw badAnswer(uri, "more than %d redirects".formatted(MOST_REDIRECTS));
  }

  private HttpResponse<BodyStream> sendOnce(String method, URI uri, String range)
      throws IOException, InterruptedException {
    HttpRequest.Builder request =
        HttpRequest.newBuilder(uri)
            .method(method, HttpRequest.BodyPublishers.noBody())
            .timeout(patience.silence())
            .header("User-Agent", "granite-ffm; java/" + Runtime.version().feature())
            .header("Accept-Encoding", "identity");
    if (range != null) {
      request.header("Range", range);
    }
    if (token != null && isHub(uri)) {
      request.header("Authorization", "Bearer " + token);
    }
    try {
      return client.send(request.build(), info -> new BodyStream(patience.silence()));
    } catch (SSLException e) {
      throw new HubException(Reason.UNREACHABLE, unreachable(uri, e), e);
    } catch (IOException e) {
      throw new TransientException(unreachable(uri, e), e);
    }
  }

  private String unreachable(URI uri, IOException e) {
    String why = e.getMessage();
    for (Throwable t = e; t != null; t = t.getCause()) {
      if (t instanceof UnresolvedAddressException) {
        why = "unknown host";
      }
    }
    return "%s: cannot reach %s://%s (%s): check the network"
        .formatted(id, uri.getScheme(), uri.getAuthority(), why == null ? "no connection" : why);
  }

  private static boolean isRedirect(HttpResponse<?> response) {
    return switch (response.statusCode()) {
      case 301, 302, 303, 307, 308 -> true;
      default -> false;
    };
  }

  private static URI target(URI from, HttpResponse<?> response) throws HubException {
    String location = header(response, "Location").orElse("");
    try {
      URI to = from.resolve(new URI(location));
      boolean http = "http".equals(to.getScheme()) && "http".equals(from.getScheme());
      if ((http || "https".equals(to.getScheme()))
          && to.getHost() != null
          && to.getRawUserInfo() == null) {
        return to;
      }
    } catch (URISyntaxException e) {
      // refused below
    }
    throw badAnswer(from, "Location: cannot go to " + Names.quote(withoutQuery(location)));
  }

  /** The query of a link to a large file lets whoever has it read that file. */
  private static String withoutQuery(String location) {
    int query = location.indexOf('?');
    return query < 0 ? location : location.substring(0, query);
  }

  /** Whether an address has the hub's own scheme, host and port. */
  private boolean isHub(URI uri) {
    return endpoint.getScheme().equalsIgnoreCase(uri.getScheme())
        && endpoint.getHost().equalsIgnoreCase(uri.getHost())
        && port(endpoint) == port(uri);
  }

  private static int port(URI uri) {
    return uri.getPort() >= 0 ? uri.getPort() : uri.getScheme().equals("https") ? 443 : 80;
  }

  /**
   * Refuses what is no success.
   *
   * @param revision what was asked for
   * @param name of which file, or null
   */
  private void check(HttpResponse<?> response, String revision, String name) throws IOException {
    int status = response.statusCode();
    if (status < 400) {
      return;
    }
    String what = name == null ? id.text() : id + ": " + name;
    String code = header(response, "X-Error-Code").orElse("");
    String message = header(response, "X-Error-Message").orElse("");
    String said = message.isEmpty() ? "" : ": " + Names.quote(message);
    boolean credentialsRefused = message.startsWith("Invalid credentials");
    if (code.equals("GatedRepo")) {
      throw new HubException(
          Reason.DENIED,
          "%s: it is gated: accept its licence at %s/%s, and %s"
              .formatted(what, endpoint, id, token == null ? SET_TOKEN : OTHER_TOKEN));
    }
    if (code.equals("RevisionNotFound")) {
      throw new HubException(
          Reason.NOT_FOUND, "%s: it has no revision %s".formatted(id, Names.quote(revision)));
    }
    if (code.equals("EntryNotFound")) {
      throw new HubException(
          Reason.NOT_FOUND, "%s: no such file at revision %s".formatted(what, revision));
    }
    if (status == 401 && credentialsRefused) {
      throw new HubException(
          Reason.DENIED, "%s: %s refuses the token: check HF_TOKEN".formatted(what, endpoint));
    }
    if (code.equals("RepoNotFound") || status == 401) { // which of the two is kept secret
      throw new HubException(
          status == 401 ? Reason.DENIED : Reason.NOT_FOUND,
          "%s: %s has no such model, or keeps it private: check the id, or %s"
              .formatted(what, endpoint, token == null ? SET_TOKEN : OTHER_TOKEN));
    }
    if (status == 403) {
      throw new HubException(
          Reason.DENIED, "%s: access denied%s: check what HF_TOKEN may do".formatted(what, said));
    }
    if (status == 408 || status == 429 || status >= 500) {
      long seconds = number(response, "Retry-After").orElse(0);
      throw new TransientException(
          "%s: %s answers with status %d%s: try again later"
              .formatted(what, host(response), status, said),
          Duration.ofSeconds(Math.min(seconds, 1 << 20)));
    }
    throw new HubException(
        status == 404 ? Reason.NOT_FOUND : Reason.BAD_ANSWER,
        "%s: %s answers with status %d%s".formatted(what, host(response), status, said));
  }

  private static String host(HttpResponse<?> response) {
    return response.uri().getScheme() + "://" + response.uri().getAuthority();
  }

  private static HubException badAnswer(URI uri, String what) {
    return new HubException(
        Reason.BAD_ANSWER, withoutQuery(uri.toString()) + ": unexpected answer: " + what);
  }

  private static Optional<String> header(HttpResponse<?> response, String name) {
    return response.headers().firstValue(name);
  }

  private static OptionalLong number(HttpResponse<?> response, String name) {
    String text = header(response, name).orElse("");
    return text.matches("\\d{1,18}") ? OptionalLong.of(Long.parseLong(text)) : OptionalLong.empty();
  }

  /** Closes all connections, whatever still runs. */
  @Override
  public void close() {
    client.shutdownNow();
    client.close();
  }
}
