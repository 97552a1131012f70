package org.graniteffm.runtime.hub;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.hub.HubConnection.Listing;
import org.graniteffm.runtime.hub.HubConnection.RemoteFile;
import org.graniteffm.runtime.hub.HubConnection.Transfer;
import org.graniteffm.runtime.hub.HubException.Reason;
import org.graniteffm.runtime.safetensors.Checkpoint;

/**
 * Fetches what is missing of one revision of a model.
 *
 * <p>All files share a few connections. A large file is fetched in parts: the first one alone,
 * until it is known that the server has parts to give, then the others beside it. When all parts of
 * a file are there its checksum is compared, and only then does it get its name.
 */
final class SnapshotDownload {
  /** Large enough that asking for one costs little, small enough that a few can run at a time. */
  static final long PART_SIZE = 64L << 20;

  private static final Logger LOGGER = System.getLogger("org.graniteffm.runtime.hub");

  private final HubCache cache;
  private final RepositoryId id;
  private final HubConnection hub;
  private final Patience patience;
  private final Options options;
  private String commit;

  /**
   * How to fetch.
   *
   * @param connections most transfers at a time
   * @param partSize most bytes of one transfer
   * @param force whether to fetch also what is there
   * @param listener hears how it goes
   */
  record Options(int connections, long partSize, boolean force, DownloadListener listener) {}

  SnapshotDownload(
      HubCache cache, RepositoryId id, HubConnection hub, Patience patience, Options options) {
    this.cache = cache;
    this.id = id;
    this.hub = hub;
    this.patience = patience;
    this.options = options;
  }

  /**
   * Fetches it.
   *
   * @return the commit whose snapshot is complete now
   * @throws InterruptedIOException if interrupted; what came so far is kept
   */
  String run(Revision revision) throws IOException {
    try {
      Listing listing = list(revision);
      commit = listing.commit();
      if (!listing.files().contains(CheckpointFiles.CONFIG)) {
        throw new HubException(
            Reason.NOT_FOUND,
            "%s: no checkpoint: it has no %s".formatted(id, CheckpointFiles.CONFIG));
      }
      Set<String> names = new TreeSet<>();
      for (String name : CheckpointFiles.small()) {
        if (listing.files().contains(name)) {
          names.add(name);
        } else {
          cache.markAbsent(commit, name);
        }
      }
      String weights = CheckpointFiles.weights(id.text(), listing.files());
      if (weights.equals(Checkpoint.INDEX)) {
        fetch(Set.of(weights), _ -> {}); // so that the progress of the others has an end
        names.addAll(shards(listing));
      } else {
        names.add(weights);
      }
      fetch(names, options.listener());
      cache.setCommit(revision, commit);
      return commit;
    } catch (InterruptedException | ClosedByInterruptException e) {
      Thread.currentThread().interrupt();
      throw (IOException) new InterruptedIOException(id + ": interrupted").initCause(e);
    }
  }

  /** Not tried again: who has no network shall know at once. */
  private Listing list(Revision revision) throws IOException, InterruptedException {
    try {
      return hub.list(revision);
    } catch (TransientException e) {
      throw new HubException(Reason.UNREACHABLE, e.getMessage(), e);
    }
  }

  private Set<String> shards(Listing listing) throws IOException {
    Path index = cache.snapshot(commit).resolve(Checkpoint.INDEX);
    Set<String> shards = CheckpointFiles.shards(index);
    for (String shard : shards) {
      if (!listing.files().contains(shard)) {
        throw new HubException(
            Reason.NOT_FOUND,
            "%s: its %s names %s, which it does not have"
                .formatted(id, Checkpoint.INDEX, Names.quote(shard)));
      }
    }
    return shards;
  }

  private void fetch(Collection<String> names, DownloadListener listener)
      throws IOException, InterruptedException {
    List<String> missing = new ArrayList<>();
    for (String name : names) {
      if (options.force() || !cache.holds(commit, name)) {
        missing.add(name);
      }
    }
    if (missing.isEmpty()) {
      return;
    }
    try (Contents contents = new Contents();
        TaskGroup tasks = new TaskGroup(options.connections())) {
      look(missing, tasks).forEach((file, same) -> contents.add(new Content(file, same, tasks)));
      fetchAll(contents.all, tasks, listener);
    }
  }

  /** Looks at files, and groups those of the same content; sorted, so that locks are as well. */
  private Map<RemoteFile, Set<String>> look(List<String> names, TaskGroup tasks)
      throws IOException, InterruptedException {
    Map<RemoteFile, Set<String>> byContent = new TreeMap<>((a, b) -> a.etag().compareTo(b.etag()));
    for (String name : names) {
      tasks.add(() -> {
        RemoteFile file = patience.retry(() -> hub.look(commit, name));
        if (file.size() > CheckpointFiles.limit(name)) {
          throw new HubException(
              Reason.BAD_ANSWER,
              "%s: %s: %d bytes, the limit for this kind of file is %d"
                  .formatted(id, name, file.size(), CheckpointFiles.limit(name)));
        }
        synchronized (byContent) {
          byContent.computeIfAbsent(file, _ -> new TreeSet<>()).add(name);
        }
      });
    }
    tasks.await();
    return byContent;
  }

  private void fetchAll(List<Content> contents, TaskGroup tasks, DownloadListener listener)
      throws IOException, InterruptedException {
    long bytes = 0;
    long total = 0;
    int files = 0;
    for (Content content : contents) {
      if (content.open()) {
        bytes += content.partial.bytesDone();
        total += content.file.size();
        files++;
      }
    }
    if (files == 0) {
      return;
    }
    checkSpace(total - bytes);
    LOGGER.log(
        Level.INFO,
        "fetching {0} at {1}: {2} files, {3} MB of them missing",
        id,
        commit,
        Integer.toString(files),
        Long.toString((total - bytes) / 1_000_000));
    ProgressMeter meter = new ProgressMeter(listener, id, files, bytes, total);
    meter.tell();
    for (Content content : contents) {
      content.start(meter);
    }
    tasks.await();
    meter.tell();
    LOGGER.log(Level.INFO, "fetched {0} into {1}", id, cache.folder());
  }

  private void checkSpace(long bytes) throws IOException {
    long space = Files.getFileStore(cache.blobs()).getUsableSpace();
    if (bytes > space) {
      throw new FileSystemException(
          cache.folder().toString(),
          null,
          "no space for %d bytes of %s: %d are free".formatted(bytes, id, space));
    }
  }

  /** What is fetched together, closed together. */
  private static final class Contents implements AutoCloseable {
    private final List<Content> all = new ArrayList<>();

    void add(Content content) {
      all.add(content);
    }

    @Override
    public void close() throws IOException {
      IOException failure = null;
      for (Content content : all) {
        try {
          content.close();
        } catch (IOException e) {
          failure = e;
        }
      }
      if (failure != null) {
        throw failure;
      }
    }
  }

  /** One content, and the files of the snapshot that have it. */
  private final class Content implements AutoCloseable {
    private final RemoteFile file;
    private final Set<String> names;
    private final TaskGroup tasks;
    private final AtomicInteger missingParts = new AtomicInteger();
    private FileLock lock;
    private PartialFile partial;
    private ProgressMeter meter;

    Content(RemoteFile file, Set<String> names, TaskGroup tasks) {
      this.file = file;
      this.names = names;
      this.tasks = tasks;
    }

    /** Waits for the lock; returns whether there is anything to fetch then. */
    boolean open() throws IOException, InterruptedException {
      Path blob = cache.blob(file.etag());
      Files.createDirectories(blob.getParent());
      lock = FileLock.acquire(cache.lock(file.etag()));
      if (!options.force() && names.stream().allMatch(name -> cache.holds(commit, name))) {
        close(); // someone else was at it
        return false;
      }
      if (!options.force() && Files.isRegularFile(blob)) {
        link(false);
        close();
        return false;
      }
      partial = PartialFile.open(blob, file.size(), options.partSize(), options.force());
      return true;
    }

    void start(ProgressMeter given) {
      if (partial != null) {
        meter = given;
        tasks.add(this::fetchAlone);
      }
    }

    /** Fetches from the first byte that is missing, alone as long as the server gives no parts. */
    private void fetchAlone() throws IOException, InterruptedException {
      Failures failures = new Failures(partial.bytesDone());
      for (List<Integer> missing = partial.missing();
          !missing.isEmpty();
          missing = partial.missing()) {
        try {
          int first = missing.getFirst();
          Transfer transfer = request(first);
          if (!transfer.whole()) {
            missingParts.set(missing.size());
            for (int part : missing.subList(1, missing.size())) {
              tasks.add(() -> fetchPart(part, null));
            }
            fetchPart(first, transfer);
            return;
          }
          try (transfer) {
            receiveWhole(transfer.body());
          }
        } catch (TransientException e) {
          failures.add(e, partial.bytesDone());
        }
      }
      finish();
    }

    private Transfer request(int part) throws IOException, InterruptedException {
      return hub.transfer(commit, file, partial.position(part), partial.end(part));
    }

    /** Fetches a part beside others. */
    private void fetchPart(int part, Transfer begun) throws IOException, InterruptedException {
      Failures failures = new Failures(partial.position(part));
      while (!partial.isDone(part)) {
        try (Transfer transfer = begun == null ? request(part) : begun) {
          receivePart(transfer, part);
        } catch (TransientException e) {
          failures.add(e, partial.position(part));
        }
        begun = null;
      }
      if (missingParts.decrementAndGet() == 0) {
        finish();
      }
    }

    private void receivePart(Transfer transfer, int part) throws IOException, InterruptedException {
      if (transfer.whole()) {
        throw new TransientException(
            "%s: %s: the server gives no parts any more".formatted(id, file.name()), Duration.ZERO);
      }
      receive(transfer.body(), part);
      refuseMore(transfer.body());
    }

    private void receiveWhole(BodyStream body) throws IOException, InterruptedException {
      meter.add(-partial.bytesDone());
      partial.restart();
      for (int part = 0; part < partial.parts(); part++) {
        receive(body, part);
      }
      refuseMore(body);
    }

    private void receive(BodyStream body, int part) throws IOException, InterruptedException {
      while (!partial.isDone(part)) {
        ByteBuffer data = next(body);
        long missing = partial.end(part) - partial.position(part);
        int count = (int) Math.min(missing, data.remaining());
        ByteBuffer ours = data.slice(data.position(), count);
        data.position(data.position() + count);
        partial.append(part, ours);
        meter.add(count);
      }
    }

    private ByteBuffer next(BodyStream body) throws IOException, InterruptedException {
      try {
        ByteBuffer data = body.next();
        if (data != null) {
          return data;
        }
      } catch (IOException e) {
        throw new TransientException("%s: %s: %s".formatted(id, file.name(), e.getMessage()), e);
      }
      throw new TransientException(
          "%s: %s: the transfer ended too soon".formatted(id, file.name()), Duration.ZERO);
    }

    private void refuseMore(BodyStream body) throws IOException, InterruptedException {
      if (body.discard() > 0) {
        throw new HubException(
            Reason.BAD_ANSWER,
            "%s: %s: more than the %d bytes that were declared"
                .formatted(id, file.name(), file.size()));
      }
    }

    private void finish() throws IOException {
      String found = partial.sum(file.etag());
      if (!found.equals(file.etag())) {
        partial.delete();
        throw new HubException(
            Reason.BAD_ANSWER,
            "%s: %s: expected the checksum %s, found %s: try again"
                .formatted(id, file.name(), file.etag(), found));
      }
      partial.place(cache.blob(file.etag()));
      link(true);
      close();
    }

    private void link(boolean isNew) throws IOException {
      int left = names.size();
      for (String name : names) {
        left--;
        cache.link(commit, name, file.etag(), isNew && left == 0);
      }
    }

    /** Leaves what is there of it for another attempt. A second call does nothing. */
    @Override
    public synchronized void close() throws IOException {
      FileLock held = lock;
      PartialFile open = partial;
      try (held;
          open) {
        lock = null;
      }
    }
  }

  /** Failures in a row. */
  private final class Failures {
    private long most;
    private int count;

    Failures(long position) {
      most = position;
    }

    /** Waits before the next attempt; getting further than ever before makes up for failures. */
    void add(TransientException failure, long position) throws IOException, InterruptedException {
      count = position > most ? 1 : count + 1;
      most = Math.max(most, position);
      patience.pause(count, failure);
    }
  }
}
