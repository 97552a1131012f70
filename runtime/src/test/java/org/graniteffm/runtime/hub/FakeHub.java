package org.graniteffm.runtime.hub;

import com.sun.net.httpserver.Headers;
import com.sun.net.httpserver.HttpExchange;
import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.URLDecoder;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

/**
 * A server that behaves as the hub does, for one model, and a second one, on another port, that
 * keeps its large files. Both are on this machine. What goes wrong is set by the fields.
 */
public final class FakeHub implements AutoCloseable {
  public static final String ID = "org/name";
  public static final String COMMIT = "0123456789abcdef0123456789abcdef01234567";
  private static final int MOST_ENDLESS = 1 << 26;

  /** A request as it came. */
  record Seen(String server, String method, String path, String authorization, String range) {}

  private record Content(byte[] bytes, boolean large) {}

  private final String id;
  private final HttpServer hub;
  private final HttpServer store;
  private final ExecutorService executor = Executors.newCachedThreadPool();
  private final Map<String, Content> files = new TreeMap<>();
  private final List<Seen> seen = new CopyOnWriteArrayList<>();
  private final CountDownLatch closing = new CountDownLatch(1);

  /** What main stands for. */
  volatile String commit = COMMIT;

  /** Names that are listed besides the files that are there. */
  final List<String> alsoListed = new ArrayList<>();

  /** The listing, if it shall not be made of the files. */
  volatile String listing;

  /** Headers of answers to HEAD, in place of the right ones. */
  final Map<String, String> headers = new TreeMap<>();

  /** The token that is asked for, if any. */
  volatile String token;

  /** The code of the error that an answer to HEAD has, such as GatedRepo, if any. */
  volatile String errorCode;

  /** The status of that error. */
  volatile int errorStatus = 404;

  /** So many answers of the store are errors. */
  final AtomicInteger storeErrors = new AtomicInteger();

  /** Status of these errors. */
  volatile int storeStatus = 503;

  /** Seconds to wait after them. */
  volatile String retryAfter;

  /** So many answers of the store are cut short or stall. */
  final AtomicInteger broken = new AtomicInteger();

  /** Where they are. */
  volatile int breakAfter;

  /** Whether they stall, rather than break. */
  volatile boolean stalls;

  /** Whether the store knows ranges. */
  volatile boolean ranges = true;

  /** Whether the store sends without end. */
  volatile boolean endless;

  /** Whether the store sends other bytes. */
  volatile boolean corrupt;

  public FakeHub() throws IOException {
    this(ID);
  }

  /** One that has a model of this name alone. */
  public FakeHub(String id) throws IOException {
    this.id = id;
    hub = serve("hub", this::answerAsHub);
    store = serve("store", this::answerAsStore);
  }

  /** An answer to a request. */
  private interface Answer {
    void to(HttpExchange exchange) throws IOException;
  }

  private HttpServer serve(String name, Answer answer) throws IOException {
    HttpServer server =
        HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
    server.setExecutor(executor);
    server.createContext(
        "/",
        exchange -> {
          try (exchange) {
            Headers given = exchange.getRequestHeaders();
            seen.add(
                new Seen(
                    name,
                    exchange.getRequestMethod(),
                    exchange.getRequestURI().getRawPath(),
                    given.getFirst("Authorization"),
                    given.getFirst("Range")));
            answer.to(exchange);
          }
        });
    server.start();
    return server;
  }

  private static URI address(HttpServer server) {
    return URI.create("http://127.0.0.1:" + server.getAddress().getPort());
  }

  public URI endpoint() {
    return address(hub);
  }

  void put(String name, byte[] bytes) {
    files.put(name, new Content(bytes, false));
  }

  public void put(String name, String text) {
    put(name, text.getBytes(StandardCharsets.UTF_8));
  }

  public void putLarge(String name, byte[] bytes) {
    files.put(name, new Content(bytes, true));
  }

  byte[] bytes(String name) {
    return files.get(name).bytes();
  }

  String etag(String name) {
    return etag(files.get(name));
  }

  List<Seen> seen() {
    return seen;
  }

  /** The requests to a server, by method. */
  List<Seen> seen(String server, String method) {
    return seen.stream()
        .filter(request -> request.server().equals(server) && request.method().equals(method))
        .toList();
  }

  private static String etag(Content content) {
    try {
      MessageDigest digest = MessageDigest.getInstance(content.large() ? "SHA-256" : "SHA-1");
      if (!content.large()) {
        String header = "blob " + content.bytes().length + "\0";
        digest.update(header.getBytes(StandardCharsets.US_ASCII));
      }
      return HexFormat.of().formatHex(digest.digest(content.bytes()));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }

  private void answerAsHub(HttpExchange exchange) throws IOException {
    String path = exchange.getRequestURI().getRawPath();
    if (token != null
        && !("Bearer " + token).equals(exchange.getRequestHeaders().getFirst("Authorization"))) {
      // as the hub does, for private models and for those that do not exist
      exchange.getResponseHeaders().set("X-Error-Message", "Invalid username or password.");
      exchange.sendResponseHeaders(401, -1);
      return;
    }
    String resolve = "/" + id + "/resolve/" + commit + "/";
    if (path.startsWith("/api/models/" + id + "/revision/")) {
      answerListing(exchange, path);
    } else if (path.startsWith(resolve)) {
      answerFile(exchange, decode(path.substring(resolve.length())));
    } else if (path.startsWith("/api/resolve-cache/")) {
      sendBytes(exchange, files.get(path.substring("/api/resolve-cache/".length())).bytes());
    } else {
      fail(exchange, 404, "RepoNotFound");
    }
  }

  private void answerListing(HttpExchange exchange, String path) throws IOException {
    String revision = decode(path.substring(path.lastIndexOf('/') + 1));
    if (!List.of("main", "v1.0", "refs/pr/1", commit).contains(revision)) {
      fail(exchange, 404, "RevisionNotFound");
      return;
    }
    List<String> names = new ArrayList<>(files.keySet());
    names.addAll(alsoListed);
    String json =
        "{\"id\": \"%s\", \"sha\": \"%s\", \"siblings\": [%s]}"
            .formatted(
                id,
                commit,
                names.stream()
                    .map(name -> "{\"rfilename\": \"%s\"}".formatted(name))
                    .collect(Collectors.joining(", ")));
    sendBytes(exchange, (listing == null ? json : listing).getBytes(StandardCharsets.UTF_8));
  }

  private void answerFile(HttpExchange exchange, String name) throws IOException {
    if (errorCode != null) {
      fail(exchange, errorStatus, errorCode);
      return;
    }
    Content content = files.get(name);
    if (content == null) {
      fail(exchange, 404, "EntryNotFound");
      return;
    }
    Headers given = exchange.getResponseHeaders();
    given.set("X-Repo-Commit", commit);
    given.set("X-Linked-Etag", '"' + etag(content) + '"');
    given.set("X-Linked-Size", String.valueOf(content.bytes().length));
    String location =
        content.large() ? address(store) + "/" + name + "?signed" : "/api/resolve-cache/" + name;
    given.set("Location", location);
    if (exchange.getRequestMethod().equals("HEAD")) {
      headers.forEach(given::set);
    } else if (headers.containsKey("Location")) {
      given.set("Location", headers.get("Location"));
    }
    exchange.sendResponseHeaders(content.large() ? 302 : 307, -1);
  }

  private static String decode(String path) {
    return URLDecoder.decode(path, StandardCharsets.UTF_8);
  }

  private static void fail(HttpExchange exchange, int status, String code) throws IOException {
    exchange.getResponseHeaders().set("X-Error-Code", code);
    exchange.getResponseHeaders().set("X-Error-Message", code + " said the hub");
    byte[] body = code.getBytes(StandardCharsets.UTF_8);
    boolean head = exchange.getRequestMethod().equals("HEAD");
    exchange.sendResponseHeaders(status, head ? -1 : body.length);
    if (!head) {
      exchange.getResponseBody().write(body);
    }
  }

  private static void sendBytes(HttpExchange exchange, byte[] bytes) throws IOException {
    exchange.sendResponseHeaders(200, bytes.length == 0 ? -1 : bytes.length);
    exchange.getResponseBody().write(bytes);
  }

  private void answerAsStore(HttpExchange exchange) throws IOException {
    if (storeErrors.getAndUpdate(n -> Math.max(0, n - 1)) > 0) {
      if (retryAfter != null) {
        exchange.getResponseHeaders().set("Retry-After", retryAfter);
      }
      exchange.sendResponseHeaders(storeStatus, -1);
      return;
    }
    if (endless) {
      exchange.sendResponseHeaders(200, 0);
      OutputStream out = exchange.getResponseBody();
      for (int i = 0; i < MOST_ENDLESS; i += 1 << 10) {
        out.write(new byte[1 << 10]); // until nobody listens any more
      }
      return;
    }
    byte[] bytes = files.get(exchange.getRequestURI().getPath().substring(1)).bytes().clone();
    if (corrupt) {
      bytes[bytes.length / 2] ^= 1;
    }
    String range = exchange.getRequestHeaders().getFirst("Range");
    int begin = 0;
    int end = bytes.length;
    int status = 200;
    if (range != null && ranges) {
      int dash = range.indexOf('-');
      begin = Integer.parseInt(range, "bytes=".length(), dash, 10);
      end = Integer.parseInt(range, dash + 1, range.length(), 10) + 1;
      status = 206;
      exchange
          .getResponseHeaders()
          .set("Content-Range", "bytes %d-%d/%d".formatted(begin, end - 1, bytes.length));
    }
    exchange.sendResponseHeaders(status, end - begin);
    OutputStream out = exchange.getResponseBody();
    if (broken.getAndUpdate(n -> Math.max(0, n - 1)) > 0 && breakAfter < end - begin) {
      out.write(bytes, begin, breakAfter);
      out.flush();
      if (stalls) {
        awaitClosing();
      }
      return; // closes the connection
    }
    out.write(bytes, begin, end - begin);
  }

  private void awaitClosing() {
    try {
      closing.await();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  @Override
  public void close() {
    closing.countDown();
    hub.stop(0);
    store.stop(0);
    executor.shutdownNow();
  }
}
