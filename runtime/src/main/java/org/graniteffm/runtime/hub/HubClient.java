package org.graniteffm.runtime.hub;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.net.URI;
import java.nio.file.FileSystemException;
import java.nio.file.Path;
import java.util.Objects;
import java.util.Optional;
import java.util.function.UnaryOperator;
import org.graniteffm.runtime.hub.HubException.Reason;

/**
 * Finds checkpoints by the name they have on the Hugging Face hub: in the cache that Python's
 * huggingface_hub keeps, and, what is not there, on the hub.
 *
 * <p>Only the files of a checkpoint are fetched: config, tokenizer, chat template, generation
 * defaults, and weights as safetensors. A transfer that was cut short is continued by the next
 * call, each file's checksum is compared before the file appears in the cache, and Python finds
 * there what was fetched here.
 *
 * <p>Immutable; any thread may use it, and several processes the same cache.
 */
public final class HubClient {
  private static final int MOST_CONNECTIONS = 64;

  private static final Logger LOGGER = System.getLogger("org.graniteffm.runtime.hub");

  private final URI endpoint;
  private final String token;
  private final Path cache;
  private final boolean links;
  private final boolean offline;
  private final boolean force;
  private final int connections;
  private final long partSize;
  private final Patience patience;
  private final DownloadListener listener;
  private final HubEnvironment environment;

  private HubClient(Builder builder) {
    environment = builder.environment;
    endpoint = builder.endpoint == null ? environment.endpoint() : builder.endpoint;
    token = builder.token;
    cache = builder.cache == null ? environment.cache() : builder.cache;
    links = environment.links();
    offline = builder.offline || environment.offline();
    force = builder.force;
    connections = builder.connections;
    partSize = builder.partSize;
    patience = builder.patience;
    listener = builder.listener;
  }

  /**
   * Takes all settings from the environment.
   *
   * @return a client
   * @throws IllegalArgumentException if a variable's value makes no sense
   */
  public static HubClient fromEnvironment() {
    return builder().build();
  }

  /**
   * Begins to make a client. What is not set comes from the environment variables that
   * huggingface_hub reads: {@code HF_HUB_CACHE}, {@code HF_HOME}, {@code XDG_CACHE_HOME}, {@code
   * HF_ENDPOINT}, {@code HF_TOKEN}, {@code HF_TOKEN_PATH}, {@code HF_HUB_DISABLE_IMPLICIT_TOKEN},
   * {@code HF_HUB_OFFLINE} and {@code HF_HUB_DISABLE_SYMLINKS}.
   *
   * @return a builder
   */
  public static Builder builder() {
    return builder(System::getenv);
  }

  /**
   * Begins to make a client in another environment.
   *
   * @param environment gives an environment variable's value, or null
   * @return a builder
   */
  public static Builder builder(UnaryOperator<String> environment) {
    return new Builder(new HubEnvironment(environment));
  }

  /**
   * Says whether a text can be the id of a model.
   *
   * @param text any text
   * @return whether it is {@code OWNER/NAME}, and legal on the hub
   */
  public static boolean isModelId(String text) {
    return RepositoryId.isValid(text);
  }

  /**
   * Finds a checkpoint: in the cache if it is there, else it is fetched. What a branch stands for
   * is not asked again: see {@link #pull}.
   *
   * @param id the model, such as {@code ibm-granite/granite-3.3-2b-instruct}
   * @param revision a branch, a tag or a commit in full; null is {@code main}
   * @return its folder, to be read only
   * @throws IllegalArgumentException if the id or the revision is malformed
   * @throws HubException if it is not in the cache and cannot be fetched
   * @throws java.io.InterruptedIOException if interrupted while fetching; what came is kept
   * @throws IOException if the cache cannot be read or written
   */
  public Path resolve(String id, String revision) throws IOException {
    return resolve(new RepositoryId(id), revision(revision), false);
  }

  /**
   * Fetches what is missing of a checkpoint, after asking the hub what the revision stands for now.
   *
   * @param id the model, such as {@code ibm-granite/granite-3.3-2b-instruct}
   * @param revision a branch, a tag or a commit in full; null is {@code main}
   * @return its folder, to be read only
   * @throws IllegalArgumentException if the id or the revision is malformed
   * @throws HubException if it cannot be fetched, whatever is in the cache
   * @throws java.io.InterruptedIOException if interrupted; what came is kept
   * @throws IOException if the cache cannot be read or written
   */
  public Path pull(String id, String revision) throws IOException {
    return resolve(new RepositoryId(id), revision(revision), true);
  }

  private static Revision revision(String text) {
    return text == null ? Revision.MAIN : new Revision(text);
  }

  private Path resolve(RepositoryId id, Revision revision, boolean ask) throws IOException {
    HubCache cached = new HubCache(cache, id, links);
    Optional<String> commit = cached.commit(revision);
    boolean loadable = commit.isPresent() && CheckpointFiles.isLoadable(cached, commit.get());
    boolean optional = loadable && !ask && !force;
    if (optional && (offline || CheckpointFiles.hasCommonFiles(cached, commit.get()))) {
      return cached.snapshot(commit.get());
    }
    if (offline) {
      throw new HubException(
          Reason.OFFLINE,
          "%s: %s the cache %s, and nothing is fetched offline (HF_HUB_OFFLINE, --offline)"
              .formatted(id, commit.isEmpty() ? "not in" : "not all of it is in", cache));
    }
    try {
      return cached.snapshot(fetch(cached, id, revision));
    } catch (HubException e) {
      if (!optional || e.reason() != Reason.UNREACHABLE) {
        throw e;
      }
    } catch (FileSystemException e) {
      if (!optional) {
        throw e; // else it may be a cache that others keep, and nobody else can write to
      }
    }
    LOGGER.log(
        Level.WARNING, "{0}: taken from the cache, which lacks a file that cannot be had now", id);
    return cached.snapshot(commit.get()); // what is missing is not vital
  }

  private String fetch(HubCache cached, RepositoryId id, Revision revision) throws IOException {
    String sent = token == null ? environment.token().orElse(null) : token;
    try (HubConnection hub = new HubConnection(endpoint, id, sent, patience)) {
      var options = new SnapshotDownload.Options(connections, partSize, force, listener);
      return new SnapshotDownload(cached, id, hub, patience, options).run(revision);
    }
  }

  /** Makes a client. */
  public static final class Builder {
    private final HubEnvironment environment;
    private URI endpoint;
    private String token;
    private Path cache;
    private boolean offline;
    private boolean force;
    private int connections = 8;
    private long partSize = SnapshotDownload.PART_SIZE;
    private Patience patience = Patience.USUAL;
    private DownloadListener listener = _ -> {};

    private Builder(HubEnvironment environment) {
      this.environment = environment;
    }

    /**
     * Sets where the hub is.
     *
     * @param uri such as {@code https://huggingface.co}
     * @return this
     * @throws IllegalArgumentException if it is no address of a web server
     */
    public Builder endpoint(URI uri) {
      endpoint = HubEnvironment.endpoint(uri.toString());
      return this;
    }

    /**
     * Sets the token that tells who asks. It goes to the endpoint and to no other host.
     *
     * @param secret such as {@code hf_…}
     * @return this
     * @throws IllegalArgumentException if it cannot be a token
     */
    public Builder token(String secret) {
      token = HubEnvironment.checkToken("token", secret);
      return this;
    }

    /**
     * Sets the folder of the cache.
     *
     * @param folder made if there is none
     * @return this
     */
    public Builder cache(Path folder) {
      cache = Objects.requireNonNull(folder, "folder");
      return this;
    }

    /**
     * Forbids to fetch anything. The environment can forbid it as well, and false does not overrule
     * it.
     *
     * @param only whether what is in the cache is all there is
     * @return this
     */
    public Builder offline(boolean only) {
      offline = only;
      return this;
    }

    /**
     * Fetches also what is in the cache, to mend it.
     *
     * @param again whether to
     * @return this
     */
    public Builder forceDownload(boolean again) {
      force = again;
      return this;
    }

    /**
     * Sets how many transfers may run at a time.
     *
     * @param count 1 to 64; 8 unless set
     * @return this
     * @throws IllegalArgumentException if it is out of range
     */
    public Builder connections(int count) {
      if (count < 1 || count > MOST_CONNECTIONS) {
        throw new IllegalArgumentException(
            "connections: %d is not in 1 to %d".formatted(count, MOST_CONNECTIONS));
      }
      connections = count;
      return this;
    }

    /**
     * Sets who hears how a download goes.
     *
     * @param hears is told of bytes; not called if nothing is fetched
     * @return this
     */
    public Builder listener(DownloadListener hears) {
      listener = Objects.requireNonNull(hears, "hears");
      return this;
    }

    Builder partSize(long bytes) {
      partSize = bytes;
      return this;
    }

    Builder patience(Patience given) {
      patience = given;
      return this;
    }

    /**
     * Makes the client.
     *
     * @return a client with these settings
     * @throws IllegalArgumentException if the value of an environment variable makes no sense
     */
    public HubClient build() {
      return new HubClient(this);
    }
  }
}
