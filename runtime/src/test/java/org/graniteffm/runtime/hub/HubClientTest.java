package org.graniteffm.runtime.hub;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.hub.DownloadListener.Progress;
import org.graniteffm.runtime.hub.FakeHub.Seen;
import org.graniteffm.runtime.hub.HubException.Reason;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class HubClientTest {
  private static final String ID = FakeHub.ID;
  private static final String COMMIT = FakeHub.COMMIT;
  private static final String OTHER_COMMIT = "fedcba9876543210fedcba9876543210fedcba98";
  private static final String WEIGHTS = "model.safetensors";
  private static final String INDEX = "model.safetensors.index.json";
  private static final String TOKEN = "hf_secret";
  private static final int PART = 1000;
  private static final int SIZE = 10_500;
  private static final Patience PATIENCE =
      new Patience(Duration.ofSeconds(10), Duration.ofSeconds(20), Duration.ofMillis(1), 3);

  @TempDir private Path home;

  private final Map<String, String> environment = new HashMap<>();
  private final List<Progress> progress = Collections.synchronizedList(new ArrayList<>());
  private FakeHub hub;
  private Path cache;

  @BeforeEach
  void setUp() throws IOException {
    hub = new FakeHub();
    hub.put("config.json", "{}");
    hub.put("generation_config.json", "{\"do_sample\": true}");
    hub.put("tokenizer.json", "{\"model\": null}");
    hub.putLarge(WEIGHTS, random(SIZE));
    cache = home.resolve("hub");
    environment.put("HF_HOME", home.toString());
    environment.put("HF_ENDPOINT", hub.endpoint().toString());
  }

  @AfterEach
  void tearDown() {
    hub.close();
  }

  /** A hub whose model has a config only. */
  private void startAnew() throws IOException {
    hub.close();
    hub = new FakeHub();
    hub.put("config.json", "{}");
    environment.put("HF_ENDPOINT", hub.endpoint().toString());
  }

  private static byte[] random(int size) {
    byte[] bytes = new byte[size];
    new Random(size).nextBytes(bytes);
    return bytes;
  }

  private HubClient.Builder builder() {
    return HubClient.builder(environment::get)
        .partSize(PART)
        .patience(PATIENCE)
        .listener(progress::add);
  }

  private Path resolve() throws IOException {
    return builder().build().resolve(ID, null);
  }

  private HubException refused() {
    return assertThrows(HubException.class, this::resolve);
  }

  private HubException refused(Reason reason, String... parts) {
    HubException e = refused();
    assertEquals(reason, e.reason(), e.getMessage());
    assertEquals(1, e.getMessage().lines().count(), e.getMessage());
    for (String part : parts) {
      assertTrue(e.getMessage().contains(part), e.getMessage());
    }
    return e;
  }

  private Path repository() {
    return cache.resolve("models--org--name");
  }

  private static Set<String> namesIn(Path folder) throws IOException {
    if (!Files.isDirectory(folder)) {
      return Set.of();
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).collect(Collectors.toSet());
    }
  }

  /** All that was written: nothing of it outside the cache, nothing half under a final name. */
  private void assertOnlySoundFiles() throws IOException {
    assertTrue(Set.of("hub", "token").containsAll(namesIn(home)), namesIn(home).toString());
    for (String blob : namesIn(repository().resolve("blobs"))) {
      assertTrue(blob.endsWith(".incomplete") || blob.matches("[0-9a-f]+"), blob);
    }
    try (Stream<Path> files = Files.walk(cache)) {
      files.forEach(file -> assertFalse(file.toString().endsWith(".tmp"), file.toString()));
    }
  }

  private void assertHas(Path folder, String... names) throws IOException {
    assertEquals(Set.of(names), namesIn(folder));
    for (String name : names) {
      assertArrayEquals(hub.bytes(name), Files.readAllBytes(folder.resolve(name)), name);
    }
    assertOnlySoundFiles();
  }

  @Test
  void fetchesWhatACheckpointNeeds() throws IOException {
    hub.put("README.md", "# Model");
    hub.put("training/config.json", "{}");
    hub.putLarge("pytorch_model.bin", random(10));
    hub.putLarge("other.safetensors", random(10));
    hub.alsoListed.addAll(List.of("../../../evil.json", "/etc/passwd", "", "a\\\\b"));
    Path folder = resolve();
    assertEquals(repository().resolve("snapshots").resolve(COMMIT), folder);
    assertHas(folder, "config.json", "generation_config.json", "tokenizer.json", WEIGHTS);
  }

  @Test
  void cacheIsThatOfHuggingfaceHub() throws IOException {
    Path folder = resolve();
    assertEquals(COMMIT, Files.readString(repository().resolve("refs/main")));
    assertEquals(
        Path.of("../../blobs").resolve(hub.etag(WEIGHTS)),
        Files.readSymbolicLink(folder.resolve(WEIGHTS)));
    assertEquals(
        Path.of("../../blobs").resolve(hub.etag("config.json")),
        Files.readSymbolicLink(folder.resolve("config.json")));
    assertEquals(
        Stream.of("config.json", "generation_config.json", "tokenizer.json", WEIGHTS)
            .map(hub::etag)
            .collect(Collectors.toSet()),
        namesIn(repository().resolve("blobs")));
    assertTrue(
        namesIn(repository().resolve(".no_exist/" + COMMIT)).contains("chat_template.jinja"));
    assertTrue(
        Files.exists(cache.resolve(".locks/models--org--name/" + hub.etag(WEIGHTS) + ".lock")));
  }

  @Test
  void whatIsInTheCacheIsNotAskedFor() throws IOException {
    Path folder = resolve();
    int requests = hub.seen().size();
    assertEquals(folder, resolve());
    assertEquals(folder, builder().build().resolve(ID, COMMIT));
    assertEquals(requests, hub.seen().size());
  }

  @Test
  void partsAreFetchedOverSeveralConnections() throws IOException {
    assertHas(resolve(), "config.json", "generation_config.json", "tokenizer.json", WEIGHTS);
    Set<String> ranges = new TreeSet<>();
    hub.seen("store", "GET").forEach(request -> ranges.add(request.range()));
    assertEquals(11, ranges.size(), ranges.toString());
    assertTrue(ranges.containsAll(List.of("bytes=0-999", "bytes=10000-10499")), ranges.toString());
  }

  @Test
  void shardsThatTheIndexNamesAreFetched() throws IOException {
    startAnew();
    hub.put(INDEX, "{\"weight_map\": {\"a\": \"m-1.safetensors\", \"b\": \"m-2.safetensors\"}}");
    hub.putLarge("m-1.safetensors", random(3000));
    hub.putLarge("m-2.safetensors", random(2001));
    hub.putLarge("m-3.safetensors", random(2002));
    Path folder = resolve();
    assertHas(folder, "config.json", INDEX, "m-1.safetensors", "m-2.safetensors");
    Files.delete(folder.resolve("m-2.safetensors"));
    resolve();
    assertHas(folder, "config.json", INDEX, "m-1.safetensors", "m-2.safetensors");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "../x.safetensors",
        "/x.safetensors",
        "a/x.safetensors",
        "x.bin",
        "..",
        "",
        "a\\\\b"
      })
  void indexLeadsNowhereElse(String shard) throws IOException {
    startAnew();
    hub.put(INDEX, "{\"weight_map\": {\"a\": \"%s\"}}".formatted(shard));
    hub.alsoListed.add(shard);
    assertThrows(ModelFormatException.class, this::resolve);
    assertEquals(1, hub.seen("hub", "HEAD").size()); // of the index
    assertOnlySoundFiles();
  }

  @Test
  void shardMustBeListed() throws IOException {
    startAnew();
    hub.put(INDEX, "{\"weight_map\": {\"a\": \"m-1.safetensors\"}}");
    refused(Reason.NOT_FOUND, INDEX, "m-1.safetensors");
  }

  @Test
  void pickleFilesAreRefused() throws IOException {
    startAnew();
    hub.putLarge("pytorch_model.bin", random(10));
    UnsupportedModelException e = assertThrows(UnsupportedModelException.class, this::resolve);
    assertTrue(e.getMessage().contains("pytorch_model.bin"), e.getMessage());
    assertEquals(List.of(), hub.seen("store", "GET"));
  }

  @Test
  void tokenGoesToTheHubOnly() throws IOException {
    hub.token = TOKEN;
    environment.put("HF_TOKEN", " " + TOKEN + "\n");
    resolve();
    List<Seen> toHub = hub.seen().stream().filter(r -> r.server().equals("hub")).toList();
    List<Seen> toStore = hub.seen("store", "GET");
    assertTrue(toHub.size() > 5 && toStore.size() > 5);
    toHub.forEach(request -> assertEquals("Bearer " + TOKEN, request.authorization()));
    toStore.forEach(request -> assertNull(request.authorization()));
  }

  @ParameterizedTest
  @CsvSource({"HF_HOME,true,", "HF_TOKEN_PATH,true,", "HF_HOME,false,1", "HF_HOME,false,yes"})
  void tokenIsFoundInItsFile(String variable, boolean sent, String disabled) throws IOException {
    Path file = Files.writeString(home.resolve("token"), TOKEN + "\n");
    if (variable.equals("HF_TOKEN_PATH")) {
      environment.put("HF_TOKEN_PATH", file.toString());
    }
    environment.put("HF_HUB_DISABLE_IMPLICIT_TOKEN", disabled);
    resolve();
    assertEquals(sent ? "Bearer " + TOKEN : null, hub.seen().getFirst().authorization());
  }

  @Test
  void tokenThatIsGivenIsSent() throws IOException {
    environment.put("HF_TOKEN", "hf_other");
    environment.put("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1");
    builder().token(TOKEN).build().resolve(ID, null);
    assertEquals("Bearer " + TOKEN, hub.seen().getFirst().authorization());
  }

  @Test
  void tokenIsNeverTold() {
    environment.put("HF_TOKEN", "hf secret");
    IllegalArgumentException e = assertThrows(IllegalArgumentException.class, this::resolve);
    assertFalse(e.getMessage().contains("secret"), e.getMessage());
    assertTrue(e.getMessage().contains("HF_TOKEN"), e.getMessage());
  }

  @Test
  void brokenTransfersAreContinued() throws IOException {
    hub.breakAfter = 400;
    hub.broken.set(15);
    assertHas(resolve(), "config.json", "generation_config.json", "tokenizer.json", WEIGHTS);
    assertTrue(
        hub.seen("store", "GET").stream().anyMatch(r -> r.range().startsWith("bytes=400-")),
        hub.seen("store", "GET").toString());
  }

  @Test
  void stalledTransfersAreContinued() throws IOException {
    hub.breakAfter = 400;
    hub.stalls = true;
    hub.broken.set(1);
    Patience hasty =
        new Patience(Duration.ofSeconds(10), Duration.ofMillis(500), Duration.ofMillis(1), 10);
    Path folder = builder().patience(hasty).build().resolve(ID, null);
    assertArrayEquals(hub.bytes(WEIGHTS), Files.readAllBytes(folder.resolve(WEIGHTS)));
  }

  @Test
  void nextCallGoesOn() throws IOException {
    Patience none =
        new Patience(Duration.ofSeconds(10), Duration.ofSeconds(20), Duration.ofMillis(1), 1);
    hub.breakAfter = 400;
    hub.broken.set(1);
    HubException e =
        assertThrows(
            HubException.class,
            () -> builder().connections(1).patience(none).build().resolve(ID, null));
    assertEquals(Reason.UNREACHABLE, e.reason());
    assertFalse(Files.exists(repository().resolve("blobs").resolve(hub.etag(WEIGHTS))));
    assertFalse(Files.exists(repository().resolve("refs/main")));
    assertTrue(
        Files.exists(
            repository().resolve("blobs").resolve(hub.etag(WEIGHTS) + ".granite.incomplete")));
    assertOnlySoundFiles();
    int before = hub.seen("store", "GET").size();
    assertHas(resolve(), "config.json", "generation_config.json", "tokenizer.json", WEIGHTS);
    assertEquals("bytes=400-999", hub.seen("store", "GET").get(before).range());
    assertTrue(
        namesIn(repository().resolve("blobs")).stream().noneMatch(n -> n.contains("incomplete")));
  }

  @Test
  void journalThatDoesNotFitIsIgnored() throws IOException {
    Path blobs = Files.createDirectories(repository().resolve("blobs"));
    String name = hub.etag(WEIGHTS);
    Files.write(blobs.resolve(name + ".granite.incomplete"), random(5000));
    Files.write(blobs.resolve(name + ".granite-parts.incomplete"), random(8 * 14));
    assertHas(resolve(), "config.json", "generation_config.json", "tokenizer.json", WEIGHTS);
  }

  @Test
  void serverWithoutRangesSendsAll() throws IOException {
    hub.ranges = false;
    hub.breakAfter = 4000;
    hub.broken.set(1);
    assertHas(resolve(), "config.json", "generation_config.json", "tokenizer.json", WEIGHTS);
    assertEquals(2, hub.seen("store", "GET").size());
  }

  @Test
  void serverThatNeverEndsAFileIsGivenUp() {
    hub.ranges = false;
    hub.breakAfter = 4000;
    hub.broken.set(Integer.MAX_VALUE);
    refused(Reason.UNREACHABLE, WEIGHTS, "bytes received: 4000");
  }

  @Test
  void endlessBodyIsRefused() throws IOException {
    hub.endless = true;
    refused(Reason.BAD_ANSWER, WEIGHTS);
    assertOnlySoundFiles();
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void wrongChecksumIsRefused(boolean large) throws IOException {
    if (large) {
      hub.corrupt = true;
    } else {
      hub.headers.put("X-Linked-Etag", '"' + "1".repeat(40) + '"');
      hub.headers.put("X-Linked-Size", String.valueOf(SIZE));
      hub.put(WEIGHTS, hub.bytes(WEIGHTS));
      for (String name : List.of("config.json", "generation_config.json", "tokenizer.json")) {
        hub.put(name, random(SIZE));
      }
    }
    refused(Reason.BAD_ANSWER, "checksum");
    assertFalse(Files.exists(repository().resolve("blobs").resolve(hub.etag(WEIGHTS))));
    assertTrue(
        namesIn(repository().resolve("blobs")).stream()
            .noneMatch(name -> name.startsWith(large ? hub.etag(WEIGHTS) : "1111")));
    assertOnlySoundFiles();
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "X-Linked-Etag | ../../x | ETag",
        "X-Linked-Etag | 1234-5 | ETag",
        "X-Linked-Size | -1 | no size",
        "X-Linked-Size | 99999999999999999999 | no size",
        "X-Linked-Size | 900000000000000000 | limit",
        "X-Repo-Commit | ../.. | X-Repo-Commit",
      })
  void declarationsAreChecked(String header, String value, String said) throws IOException {
    hub.headers.put(header, value);
    refused(Reason.BAD_ANSWER, said);
    assertOnlySoundFiles();
  }

  @Test
  void filesWithoutRoomAreRefused() throws IOException {
    startAnew();
    hub.putLarge(WEIGHTS, random(SIZE));
    // of a size that is legal for weights alone: so the config is there already
    Path snapshot = Files.createDirectories(repository().resolve("snapshots").resolve(COMMIT));
    Files.writeString(snapshot.resolve("config.json"), "{}");
    hub.headers.put("X-Linked-Size", String.valueOf(1L << 40));
    IOException e =
        assertThrows(
            FileSystemException.class, () -> builder().partSize(1 << 30).build().resolve(ID, null));
    assertTrue(e.getMessage().contains("no space for " + (1L << 40)), e.getMessage());
    assertEquals(List.of(), hub.seen("store", "GET"));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"file:///etc/passwd", "ftp://127.0.0.1/x", "http://user@127.0.0.1/", "http:"})
  void redirectsLeadToWebServersOnly(String location) {
    hub.headers.put("Location", location);
    refused(Reason.BAD_ANSWER, "Location");
  }

  @Test
  void redirectsEnd() {
    hub.headers.put("Location", "/org/name/resolve/" + COMMIT + "/config.json");
    refused(Reason.BAD_ANSWER, "redirects");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "[]",
        "{",
        "{\"sha\": \"../../x\", \"siblings\": []}",
        "{\"siblings\": []}",
        "{\"sha\": 1}",
        "{\"sha\": \"0123456789abcdef0123456789abcdef0123456\", \"sha\": 1}",
      })
  void listingIsChecked(String listing) {
    hub.listing = listing;
    refused(Reason.BAD_ANSWER, "/api/models/org/name/revision/main");
  }

  @Test
  void listingIsLimited() {
    hub.listing = " ".repeat(17 << 20);
    refused(Reason.UNREACHABLE, "more than");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"[]", "[{\"rfilename\": 1}]", "[1]", "{}", "[{\"rfilename\": \"config.json\"}]"})
  void repositoryThatIsNoCheckpointIsRefused(String siblings) {
    hub.listing = "{\"sha\": \"%s\", \"siblings\": %s}".formatted(COMMIT, siblings);
    refused(Reason.NOT_FOUND, ID);
  }

  @ParameterizedTest
  @CsvSource({
    "GatedRepo,403,DENIED,accept its licence at",
    "GatedRepo,401,DENIED,HF_TOKEN",
    "EntryNotFound,404,NOT_FOUND,no such file",
    "RepoNotFound,404,NOT_FOUND,check the id",
    "Strange,403,DENIED,access denied",
    "Strange,418,BAD_ANSWER,418",
    "Strange,500,UNREACHABLE,try again later",
  })
  void refusalsSayWhatToDo(String code, int status, Reason reason, String said) {
    hub.errorCode = code;
    hub.errorStatus = status;
    environment.put("HF_TOKEN", TOKEN);
    HubException e = refused(reason, ID, said);
    assertFalse(e.getMessage().contains(TOKEN), e.getMessage());
  }

  @Test
  void privateModelNeedsAToken() {
    hub.token = TOKEN;
    refused(Reason.DENIED, ID, "set HF_TOKEN");
    environment.put("HF_TOKEN", "hf_other");
    refused(Reason.DENIED, ID, "set HF_TOKEN to a token that may read it");
  }

  @Test
  void unknownModelIsNamed() {
    HubException e =
        assertThrows(HubException.class, () -> builder().build().resolve("org/other", null));
    assertEquals(Reason.NOT_FOUND, e.reason());
    assertTrue(e.getMessage().contains("org/other"), e.getMessage());
  }

  @Test
  void unknownRevisionIsNamed() {
    HubException e = assertThrows(HubException.class, () -> builder().build().resolve(ID, "v2.0"));
    assertEquals(Reason.NOT_FOUND, e.reason());
    assertTrue(e.getMessage().contains("no revision \"v2.0\""), e.getMessage());
  }

  @ParameterizedTest
  @ValueSource(strings = {"v1.0", "refs/pr/1", COMMIT})
  void revisionsAreBranchesTagsAndCommits(String revision) throws IOException {
    Path folder = builder().build().resolve(ID, revision);
    assertEquals(repository().resolve("snapshots").resolve(COMMIT), folder);
    assertEquals(
        !revision.equals(COMMIT),
        Files.isRegularFile(repository().resolve("refs").resolve(revision)));
    int requests = hub.seen().size();
    assertEquals(folder, builder().build().resolve(ID, revision));
    assertEquals(requests, hub.seen().size());
  }

  @Test
  void pullAsksWhatABranchStandsFor() throws IOException {
    Path old = resolve();
    int transfers = hub.seen("store", "GET").size();
    hub.commit = OTHER_COMMIT;
    hub.put("config.json", "{\"changed\": true}");
    assertEquals(old, resolve());
    Path fresh = builder().build().pull(ID, null);
    assertNotEquals(old, fresh);
    assertHas(fresh, "config.json", "generation_config.json", "tokenizer.json", WEIGHTS);
    assertEquals("{}", Files.readString(old.resolve("config.json")));
    assertEquals(OTHER_COMMIT, Files.readString(repository().resolve("refs/main")));
    assertEquals(transfers, hub.seen("store", "GET").size());
  }

  @Test
  void forceFetchesAgain() throws IOException {
    Path folder = resolve();
    Path weights = folder.resolve(WEIGHTS).toRealPath();
    Files.write(weights, random(7));
    assertEquals(folder, resolve());
    assertEquals(7, Files.size(weights));
    builder().forceDownload(true).build().resolve(ID, null);
    assertHas(folder, "config.json", "generation_config.json", "tokenizer.json", WEIGHTS);
  }

  @Test
  void missingFilesAreFetched() throws IOException {
    Path folder = resolve();
    int transfers = hub.seen("store", "GET").size();
    Files.delete(folder.resolve("tokenizer.json"));
    Files.delete(folder.resolve("config.json").toRealPath()); // the link now leads nowhere
    resolve();
    assertHas(folder, "config.json", "generation_config.json", "tokenizer.json", WEIGHTS);
    assertEquals(transfers, hub.seen("store", "GET").size());
  }

  @Test
  void withoutLinksFilesAreMoved() throws IOException {
    environment.put("HF_HUB_DISABLE_SYMLINKS", "1");
    hub.put("chat_template.json", hub.bytes("config.json"));
    Path folder = resolve();
    assertHas(
        folder,
        "chat_template.json",
        "config.json",
        "generation_config.json",
        "tokenizer.json",
        WEIGHTS);
    for (String name : namesIn(folder)) {
      assertTrue(Files.isRegularFile(folder.resolve(name), LinkOption.NOFOLLOW_LINKS), name);
    }
    assertEquals(Set.of(), namesIn(repository().resolve("blobs")));
    int requests = hub.seen().size();
    resolve();
    assertEquals(requests, hub.seen().size());
  }

  @Test
  void sameContentIsFetchedOnce() throws IOException {
    hub.putLarge("special_tokens_map.json", random(100));
    hub.putLarge("chat_template.json", random(100));
    resolve();
    assertEquals(
        1, hub.seen("store", "GET").stream().filter(r -> r.path().endsWith(".json")).count());
  }

  @Test
  void offlineTakesWhatThereIs() throws IOException {
    environment.put("HF_HUB_OFFLINE", "1");
    refused(Reason.OFFLINE, "not in the cache " + cache, "HF_HUB_OFFLINE");
    assertEquals(List.of(), hub.seen());
    environment.remove("HF_HUB_OFFLINE");
    Path folder = resolve();
    int requests = hub.seen().size();
    Files.delete(folder.resolve("generation_config.json"));
    assertEquals(folder, builder().offline(true).build().resolve(ID, null));
    Files.delete(folder.resolve(WEIGHTS));
    environment.put("TRANSFORMERS_OFFLINE", "true");
    refused(Reason.OFFLINE, "not all of it is in the cache");
    assertEquals(requests, hub.seen().size());
  }

  @Test
  void offlinePullIsRefused() throws IOException {
    resolve();
    HubClient offline = builder().offline(true).build();
    HubException e = assertThrows(HubException.class, () -> offline.pull(ID, null));
    assertEquals(Reason.OFFLINE, e.reason());
  }

  @Test
  void withoutANetworkTheCacheServes() throws IOException {
    Path folder = resolve();
    Files.delete(folder.resolve("generation_config.json"));
    hub.close();
    assertEquals(folder, resolve());
    Files.delete(folder.resolve(WEIGHTS));
    refused(Reason.UNREACHABLE, "cannot reach " + hub.endpoint());
  }

  @Test
  void cacheThatCannotBeWrittenToServes() throws IOException {
    Path folder = resolve();
    Files.delete(folder.resolve("generation_config.json"));
    Files.delete(repository().resolve("blobs").resolve(hub.etag("generation_config.json")));
    // A file in place of a folder: permissions would not keep out who may do everything.
    Path locks = cache.resolve(".locks/models--org--name");
    try (Stream<Path> files = Files.list(locks)) {
      for (Path lock : files.toList()) {
        Files.delete(lock);
      }
    }
    Files.delete(locks);
    Files.createFile(locks);
    assertEquals(folder, resolve());
    Files.delete(folder.resolve(WEIGHTS));
    assertThrows(FileSystemException.class, this::resolve);
  }

  @ParameterizedTest
  @ValueSource(strings = {"0", "1", "nonsense"})
  void busyServerIsAskedAgain(String retryAfter) throws IOException {
    hub.storeErrors.set(2);
    hub.storeStatus = 429;
    hub.retryAfter = retryAfter;
    assertHas(resolve(), "config.json", "generation_config.json", "tokenizer.json", WEIGHTS);
  }

  @Test
  void serverThatIsBusyForLongIsGivenUp() {
    hub.storeErrors.set(1);
    hub.storeStatus = 429;
    hub.retryAfter = "3600";
    refused(Reason.UNREACHABLE, "429", "try again later");
  }

  @Test
  void progressBeginsAtNothingAndEndsAtAll() throws IOException {
    resolve();
    long total = 0;
    for (String name :
        List.of("config.json", "generation_config.json", "tokenizer.json", WEIGHTS)) {
      total += hub.bytes(name).length;
    }
    assertEquals(new Progress(ID, 4, 0, total), progress.getFirst());
    assertEquals(new Progress(ID, 4, total, total), progress.getLast());
  }

  @Test
  void listenerThatThrowsEndsIt() throws IOException {
    IllegalStateException e =
        assertThrows(
            IllegalStateException.class,
            () ->
                builder()
                    .listener(_ -> {
                      throw new IllegalStateException("enough");
                    })
                    .build()
                    .resolve(ID, null));
    assertEquals("enough", e.getMessage());
    assertHas(resolve(), "config.json", "generation_config.json", "tokenizer.json", WEIGHTS);
  }

  @Test
  void callersAtTheSameTimeFetchOnce() throws Exception {
    try (ExecutorService callers = Executors.newFixedThreadPool(4)) {
      Callable<Path> call = this::resolve;
      for (Future<Path> folder : callers.invokeAll(Collections.nCopies(4, call))) {
        assertHas(folder.get(), "config.json", "generation_config.json", "tokenizer.json", WEIGHTS);
      }
    }
    assertEquals(11, hub.seen("store", "GET").size());
  }

  @Test
  void interruptEndsItAndKeepsWhatCame() throws Exception {
    hub.breakAfter = 500;
    hub.stalls = true;
    hub.broken.set(Integer.MAX_VALUE);
    Thread caller = Thread.currentThread();
    Thread interrupter =
        Thread.ofPlatform()
            .start(() -> {
              while (hub.seen("store", "GET").isEmpty()) {
                Thread.onSpinWait();
              }
              caller.interrupt();
            });
    IOException e = assertThrows(IOException.class, this::resolve);
    assertInstanceOf(InterruptedIOException.class, e);
    assertTrue(Thread.interrupted());
    interrupter.join();
    assertOnlySoundFiles();
    hub.broken.set(0);
    assertHas(resolve(), "config.json", "generation_config.json", "tokenizer.json", WEIGHTS);
  }

  @Test
  void referenceMustBeACommit() throws IOException {
    resolve();
    for (String reference : List.of("../../../etc", "/etc", "a/b", "", "a\nb", "..")) {
      Files.writeString(repository().resolve("refs/main"), reference, StandardCharsets.UTF_8);
      assertThrows(ModelFormatException.class, this::resolve, reference);
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", "name", "a/b/c", "../x", "a/..", "a/../b", "a--b/c", "a/b.git", "-a/b", "a/b-",
        "a/b\0c", "a/b c", "a\\b", "/a", "a/", "a/b\n"
      })
  void idIsOwnerAndName(String id) {
    assertFalse(HubClient.isModelId(id));
    HubClient client = builder().build();
    assertThrows(IllegalArgumentException.class, () -> client.resolve(id, null));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "", "/", "..", "../x", "a/../b", "a//b", "/a", "a/", ".a", "a/.b", "a b", "a\\b", "a:b",
        "a\0b", "a?b", "a%2fb", "a\n"
      })
  void revisionIsARelativePath(String revision) {
    HubClient client = builder().build();
    assertThrows(IllegalArgumentException.class, () -> client.resolve(ID, revision));
  }

  @ParameterizedTest
  @ValueSource(
      strings = {"", "huggingface.co", "ftp://host", "http://", "http://a@b", "http://a?b"})
  void endpointIsTheAddressOfAServer(String endpoint) {
    environment.put("HF_ENDPOINT", endpoint.isEmpty() ? "no address" : endpoint);
    assertThrows(IllegalArgumentException.class, () -> builder().build());
  }
}
