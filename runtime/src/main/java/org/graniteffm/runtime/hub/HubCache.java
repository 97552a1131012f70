package org.graniteffm.runtime.hub;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;

/**
 * One model in the cache that it shares with Python's huggingface_hub:
 *
 * <pre>
 * models--owner--name/
 *   refs/main                     the commit that a branch or tag stood for
 *   snapshots/COMMIT/config.json  -> ../../blobs/ETAG
 *   blobs/ETAG                    content; ETAG is its sha256, or the sha1 git knows it by
 *   blobs/ETAG.granite.incomplete content that is being fetched: see {@link PartialFile}
 *   .no_exist/COMMIT/NAME         an empty file: the commit has no such file
 * .locks/models--owner--name/ETAG.lock
 * </pre>
 *
 * <p>Where there are no symbolic links, a snapshot holds the files themselves. Everything appears
 * under its final name complete or not at all; who finds a file there need not lock.
 */
final class HubCache {
  private static final Pattern COMMIT = Pattern.compile("[0-9A-Za-z]{1,64}");

  private final Path folder;
  private final Path root;
  private final Path locks;
  private final boolean links;

  /**
   * Looks at nothing yet.
   *
   * @param folder the cache of all models
   * @param id the model
   * @param links false to copy files where a link would do
   */
  HubCache(Path folder, RepositoryId id, boolean links) {
    this.folder = folder;
    root = folder.resolve(id.folderName());
    locks = folder.resolve(".locks").resolve(id.folderName());
    this.links = links;
  }

  Path folder() {
    return folder;
  }

  /** The commit that a revision stands for, as far as the cache knows. */
  Optional<String> commit(Revision revision) throws IOException {
    if (revision.isCommit()) {
      return Optional.of(revision.text());
    }
    Path reference = root.resolve("refs").resolve(revision.text());
    if (!Files.isRegularFile(reference)) {
      return Optional.empty();
    }
    String commit;
    try (var in = Files.newInputStream(reference)) {
      commit = new String(in.readNBytes(100), StandardCharsets.US_ASCII).strip();
    }
    if (!COMMIT.matcher(commit).matches()) {
      throw new ModelFormatException(
          reference + ": expected a commit, found " + Names.quote(commit));
    }
    return Optional.of(commit);
  }

  Path snapshot(String commit) {
    return root.resolve("snapshots").resolve(commit);
  }

  boolean holds(String commit, String name) {
    return Files.isRegularFile(snapshot(commit).resolve(name));
  }

  /** Whether the hub was once asked for the file and had none. */
  boolean knowsAbsent(String commit, String name) {
    return Files.isRegularFile(absent(commit, name));
  }

  private Path absent(String commit, String name) {
    return root.resolve(".no_exist").resolve(commit).resolve(name);
  }

  Path blob(String etag) {
    return blobs().resolve(etag);
  }

  Path blobs() {
    return root.resolve("blobs");
  }

  Path lock(String etag) {
    return locks.resolve(etag + ".lock");
  }

  /** Notes that a commit has no such file. */
  void markAbsent(String commit, String name) throws IOException {
    Path mark = absent(commit, name);
    Files.createDirectories(mark.getParent());
    try {
      Files.createFile(mark);
    } catch (FileAlreadyExistsException e) {
      // then it is noted
    }
  }

  /** Notes what a branch or tag stands for. */
  void setCommit(Revision revision, String commit) throws IOException {
    if (revision.text().equals(commit)) {
      return;
    }
    Path reference = root.resolve("refs").resolve(revision.text());
    if (Files.isRegularFile(reference) && commit.equals(Files.readString(reference))) {
      return; // a cache that cannot be written to still serves
    }
    Files.createDirectories(reference.getParent());
    Path fresh = temporaryFor(reference);
    try {
      Files.writeString(fresh, commit);
      replace(fresh, reference);
    } finally {
      Files.deleteIfExists(fresh);
    }
  }

  /**
   * Makes a blob a file of a snapshot, in place of what stands there.
   *
   * @param moveIfNoLinks whether the blob may go there itself, where a link cannot be made, since
   *     no other snapshot has it
   */
  void link(String commit, String name, String etag, boolean moveIfNoLinks) throws IOException {
    Path file = snapshot(commit).resolve(name);
    Path blob = blob(etag);
    Files.createDirectories(file.getParent());
    Path fresh = temporaryFor(file);
    try {
      if (links && tryLink(fresh, file.getParent().relativize(blob))) {
        replace(fresh, file);
      } else if (moveIfNoLinks) {
        replace(blob, file);
      } else {
        Files.copy(blob, fresh);
        replace(fresh, file);
      }
    } finally {
      Files.deleteIfExists(fresh);
    }
  }

  private static boolean tryLink(Path link, Path target) throws IOException {
    try {
      Files.createSymbolicLink(link, target);
      return true;
    } catch (UnsupportedOperationException | FileSystemException e) {
      // File systems without links say so in words of their own; if it was something else, moving
      // or copying in its place will fail too.
      return false;
    }
  }

  private static Path temporaryFor(Path file) {
    return file.resolveSibling(
        "%s.%08x.tmp".formatted(file.getFileName(), ThreadLocalRandom.current().nextInt()));
  }

  private static void replace(Path fresh, Path file) throws IOException {
    Files.move(fresh, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
  }
}
