package org.graniteffm.runtime.safetensors;

import java.io.IOException;
import java.lang.System.Logger;
import java.lang.System.Logger.Level;
import java.lang.foreign.Arena;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.FileErrors;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * The tensors of a checkpoint folder: one {@code model.safetensors}, or the shards that {@code
 * model.safetensors.index.json} lists.
 *
 * <p>All files are mapped read-only, or copied, into one shared arena that the checkpoint owns.
 * Tensors live until {@link #close}, here and of those made by {@link #with}; using one afterwards
 * throws {@link IllegalStateException}. Any thread may use and close a checkpoint; whoever closes
 * it sees to it that no native call is still reading.
 *
 * <p>The index and the shards must agree exactly: a tensor that is missing, stands in two shards,
 * or stands in a shard without being listed, is refused. Symbolic links in the folder are followed,
 * since hub caches consist of them. Pickle files are never read.
 */
public final class Checkpoint implements AutoCloseable {
  /** The name of the file that holds all weights, where there is only one. */
  public static final String SINGLE = "model.safetensors";

  /** The name of the file that says which file holds which tensor, where there are several. */
  public static final String INDEX = "model.safetensors.index.json";

  private static final Logger LOGGER = System.getLogger("org.graniteffm.runtime.safetensors");

  private final Path directory;
  private final Deque<Memory> memory = new ArrayDeque<>(); // guarded by this
  private volatile boolean closed;
  private final List<SafetensorsFile> files;
  private final Map<String, SafetensorsFile> fileOf;
  private final Map<String, Tensor> tensors;
  private final long byteSize;
  private final Set<Path> reported = ConcurrentHashMap.newKeySet();

  private Checkpoint(
      Path directory,
      Arena arena,
      List<SafetensorsFile> files,
      Map<String, SafetensorsFile> fileOf) {
    this.directory = directory;
    this.memory.add(new Memory(arena));
    this.files = List.copyOf(files);
    this.fileOf = Collections.unmodifiableMap(fileOf);
    Map<String, Tensor> all = LinkedHashMap.newLinkedHashMap(fileOf.size());
    fileOf.forEach((name, file) -> all.put(name, file.tensors().get(name)));
    this.tensors = Collections.unmodifiableMap(all);
    this.byteSize = files.stream().mapToLong(SafetensorsFile::byteSize).sum();
  }

  private Checkpoint(Path directory, Arena arena, Map<String, Tensor> tensors) {
    this.directory = directory;
    this.memory.add(new Memory(arena));
    this.files = List.of();
    this.fileOf = Map.of();
    this.tensors = Collections.unmodifiableMap(new LinkedHashMap<>(tensors));
    this.byteSize = sizeOf(tensors);
  }

  private Checkpoint(Checkpoint base, Map<String, Tensor> others, Arena arena) {
    this.directory = base.directory;
    shareMemory(base);
    this.memory.add(new Memory(arena));
    this.files = base.files;
    Map<String, SafetensorsFile> inFiles = new LinkedHashMap<>(base.fileOf);
    inFiles.keySet().removeAll(others.keySet());
    this.fileOf = Collections.unmodifiableMap(inFiles);
    Map<String, Tensor> all = new LinkedHashMap<>(base.tensors);
    all.putAll(others);
    this.tensors = Collections.unmodifiableMap(all);
    this.byteSize = sizeOf(tensors);
  }

  private Checkpoint(Checkpoint base) {
    this.directory = base.directory;
    shareMemory(base);
    this.files = base.files;
    this.fileOf = base.fileOf;
    this.tensors = base.tensors;
    this.byteSize = base.byteSize;
  }

  private void shareMemory(Checkpoint base) {
    for (Memory shared : base.memory) {
      shared.share();
      memory.add(shared);
    }
  }

  private static long sizeOf(Map<String, Tensor> tensors) {
    return tensors.values().stream().mapToLong(t -> Tensor.byteSize(t.dtype(), t.shape())).sum();
  }

  /** What tensors lie in; several checkpoints may share it, and the last one to close frees it. */
  private static final class Memory {
    private final Arena arena;
    private int users = 1;

    Memory(Arena arena) {
      this.arena = arena;
    }

    synchronized void share() {
      users++;
    }

    synchronized void release() {
      if (users == 1 && arena.scope().isAlive()) { // a caller's own arena may be closed already
        arena.close();
      }
      users--;
    }
  }

  /**
   * Takes tensors that are in no file.
   *
   * @param label what messages call it, in place of a folder; it is never looked at
   * @param tensors by name
   * @param arena the shared arena that owns them; {@link #close} closes it
   * @return the checkpoint, to be closed
   */
  public static Checkpoint inMemory(String label, Map<String, Tensor> tensors, Arena arena) {
    return new Checkpoint(Path.of(label), arena, tensors);
  }

  /**
   * Returns a checkpoint like this one but for some tensors. Either may be closed first: what both
   * have is freed with the second.
   *
   * @param others tensors by name, in place of those of that name here or besides them
   * @param arena a shared arena that owns them; {@link #close} of the new checkpoint closes it
   * @return a checkpoint, to be closed
   * @throws ClosedException if this one is closed
   */
  public synchronized Checkpoint with(Map<String, Tensor> others, Arena arena) {
    checkOpen();
    return new Checkpoint(this, others, arena);
  }

  /**
   * Returns another owner of the same tensors. Either may be closed first: what both have is freed
   * with the second.
   *
   * @return a checkpoint, to be closed
   * @throws ClosedException if this one is closed
   */
  public synchronized Checkpoint share() {
    checkOpen();
    return new Checkpoint(this);
  }

  /**
   * Checks and maps the tensors of a folder, as {@link #open(Path, FileAccess)} does.
   *
   * @param directory the folder
   * @return the checkpoint, to be closed
   * @throws ModelFormatException if a file is malformed, or index and shards disagree
   * @throws IOException if a file cannot be read or mapped
   */
  public static Checkpoint open(Path directory) throws IOException {
    return open(directory, FileAccess.MAPPED);
  }

  /**
   * Checks and maps or copies the tensors of a folder. If it throws, nothing stays open or mapped.
   *
   * @param directory the folder
   * @param access how the data comes into memory
   * @return the checkpoint, to be closed
   * @throws NoSuchFileException if there is no such folder, no checkpoint in it, or a file that its
   *     index names is missing
   * @throws NotDirectoryException if it is not a folder
   * @throws UnsupportedModelException if a dtype is not supported, or all there is is a pickle file
   * @throws ModelFormatException if a file is malformed, or index and shards disagree
   * @throws IOException if a file cannot be read or mapped
   * @throws org.graniteffm.runtime.InsufficientMemoryException if there is no memory for what a
   *     file declares, or for a copy of it
   */
  public static Checkpoint open(Path directory, FileAccess access) throws IOException {
    return open(directory, access, (_, _) -> {});
  }

  /**
   * Opens a folder as {@link #open(Path, FileAccess)} does, and tells how it goes.
   *
   * @param directory likewise
   * @param access likewise
   * @param listener told of each file, and of each piece of a copy
   * @return likewise
   * @throws NoSuchFileException likewise
   * @throws NotDirectoryException likewise
   * @throws UnsupportedModelException likewise
   * @throws ModelFormatException likewise
   * @throws IOException likewise
   * @throws org.graniteffm.runtime.InsufficientMemoryException likewise
   */
  public static Checkpoint open(Path directory, FileAccess access, LoadListener listener)
      throws IOException {
    checkDirectory(directory);
    Path single = directory.resolve(SINGLE);
    Path index = directory.resolve(INDEX);
    Arena arena = Arena.ofShared();
    boolean done = false;
    try {
      Checkpoint checkpoint;
      if (isThere(single)) {
        checkpoint = openSingle(directory, single, arena, access, listener);
      } else if (isThere(index)) {
        checkpoint = openSharded(directory, ShardIndex.read(index), arena, access, listener);
      } else {
        throw nothingIn(directory);
      }
      done = true;
      return checkpoint;
    } finally {
      if (!done) {
        arena.close();
      }
    }
  }

  /**
   * Reads which files an index names, without looking at any of them.
   *
   * @param index a file such as {@value #INDEX}
   * @return the plain names of files beside it, sorted; not modifiable
   * @throws ModelFormatException if it is malformed, or a name is no plain file name
   * @throws IOException if it cannot be read
   */
  public static Set<String> shardNames(Path index) throws IOException {
    return ShardIndex.read(index).shards().keySet();
  }

  private static void checkDirectory(Path directory) throws IOException {
    try {
      if (!Files.readAttributes(directory, BasicFileAttributes.class).isDirectory()) {
        throw new NotDirectoryException(Names.path(directory));
      }
    } catch (NoSuchFileException e) {
      NoSuchFileException named =
          new NoSuchFileException(Names.path(directory), null, "no such folder");
      named.initCause(e);
      throw named;
    }
  }

  /**
   * A link that leads nowhere is there, and so may be what cannot be looked at: taking the next
   * best file instead would be a guess.
   */
  private static boolean isThere(Path file) throws IOException {
    try {
      Files.readAttributes(file, BasicFileAttributes.class, LinkOption.NOFOLLOW_LINKS);
      return true;
    } catch (NoSuchFileException e) {
      return false;
    }
  }

  private static Checkpoint openSingle(
      Path directory, Path single, Arena arena, FileAccess access, LoadListener listener)
      throws IOException {
    LoadProgress progress = LoadProgress.of(List.of(single), listener);
    SafetensorsFile file = SafetensorsFile.open(single, arena, access, progress::add);
    Map<String, SafetensorsFile> fileOf = LinkedHashMap.newLinkedHashMap(file.tensors().size());
    file.tensors().keySet().forEach(name -> fileOf.put(name, file));
    return new Checkpoint(directory, arena, List.of(file), fileOf);
  }

  private static Checkpoint openSharded(
      Path directory, ShardIndex index, Arena arena, FileAccess access, LoadListener listener)
      throws IOException {
    LoadProgress progress = LoadProgress.of(index.shards().values(), listener);
    List<SafetensorsFile> files = new ArrayList<>();
    Map<String, SafetensorsFile> fileOf = new LinkedHashMap<>();
    for (Map.Entry<String, Path> shard : index.shards().entrySet()) {
      SafetensorsFile file = SafetensorsFile.open(shard.getValue(), arena, access, progress::add);
      index.checkHolds(shard.getKey(), file.tensors().keySet());
      file.tensors().keySet().forEach(name -> fileOf.put(name, file));
      files.add(file);
    }
    index.checkComplete(fileOf);
    return new Checkpoint(directory, arena, files, fileOf);
  }

  private static IOException nothingIn(Path directory) throws IOException {
    String lookedFor = "looked for " + SINGLE + " and " + INDEX;
    try (DirectoryStream<Path> entries =
        Files.newDirectoryStream(directory, "{pytorch_model*,*.pt,*.pth,*.ckpt,*.pkl}")) {
      for (Path entry : entries) {
        return new UnsupportedModelException(
            "%s: %s, found only %s: pickle files are never read, convert it to safetensors"
                .formatted(
                    Names.path(directory), lookedFor, Names.quote(entry.getFileName().toString())));
      }
    } catch (DirectoryIteratorException e) {
      throw FileErrors.at(directory, e.getCause());
    }
    return new NoSuchFileException(Names.path(directory), null, "no checkpoint: " + lookedFor);
  }

  /**
   * The folder.
   *
   * @return as given to {@link #open}; for tensors in memory the label
   */
  public Path directory() {
    return directory;
  }

  /**
   * The files that hold the tensors.
   *
   * @return sorted by name, none for tensors in memory; not modifiable
   */
  public List<Path> files() {
    return files.stream().map(SafetensorsFile::path).toList();
  }

  /**
   * The names of all tensors.
   *
   * @return file by file, in the order of each header; not modifiable
   */
  public Set<String> names() {
    return tensors.keySet();
  }

  /**
   * Finds a tensor.
   *
   * @param name its name
   * @return the tensor, of any dtype, or null if there is none of that name
   * @throws ClosedException if the checkpoint is closed
   */
  public Tensor find(String name) {
    checkOpen();
    return tensors.get(name);
  }

  /**
   * Finds a tensor that must be there to compute with.
   *
   * @param name its name
   * @param shape the dimensions it must have; none for a scalar
   * @return the tensor: F32, F16 or BF16, of that shape
   * @throws ModelFormatException if there is none of that name, or its shape differs
   * @throws UnsupportedModelException if its dtype is no weight type
   * @throws ClosedException if the checkpoint is closed
   */
  public Tensor require(String name, long... shape) throws ModelFormatException {
    Tensor tensor = find(name);
    if (tensor == null) {
      throw new ModelFormatException(
          "%s: tensor %s: expected with shape %s, found none of that name"
              .formatted(Names.path(directory), Names.quote(name), Arrays.toString(shape)));
    }
    if (!tensor.hasShape(shape)) {
      throw new ModelFormatException(
          "%s: shape: expected %s, found %s"
              .formatted(where(name), Arrays.toString(shape), Arrays.toString(tensor.shape())));
    }
    if (!tensor.dtype().isWeight()) {
      throw new UnsupportedModelException(
          "%s: dtype: %s is not supported for weights, supported are F32, F16, BF16"
              .formatted(where(name), tensor.dtype()));
    }
    return tensor;
  }

  /** Begins a message about a tensor. */
  private String where(String name) {
    SafetensorsFile file = fileOf.get(name);
    return Names.path(file == null ? directory : file.path()) + ": tensor " + Names.quote(name);
  }

  /**
   * The name of the file that holds a tensor.
   *
   * @param name the tensor's name
   * @return a file name without folder, or null if there is no such tensor, or it is in no file
   */
  public String fileOf(String name) {
    SafetensorsFile file = fileOf.get(name);
    return file == null ? null : file.path().getFileName().toString();
  }

  /**
   * The size of all tensors together.
   *
   * @return in bytes
   */
  public long byteSize() {
    return byteSize;
  }

  /**
   * Compares the files with their state when they were opened: see {@link
   * SafetensorsFile#isRewritten}.
   *
   * @return those that were written to since; usually none
   * @throws ModelFormatException if one was cut short, so that reading its tensors may kill the
   *     process
   * @throws IOException if a file's state cannot be read
   */
  public List<Path> rewrittenFiles() throws IOException {
    List<Path> rewritten = new ArrayList<>();
    for (SafetensorsFile file : files) {
      if (file.isRewritten()) {
        rewritten.add(file.path());
      }
    }
    return rewritten;
  }

  /**
   * Looks whether the mapped files are as they were: to be called before native code reads tensors,
   * a few system calls in all. Files that were written to are reported once, as a warning to the
   * logger {@code org.graniteffm.runtime.safetensors}; those that were replaced or deleted are
   * fine, since what is mapped stays.
   *
   * @throws ModelFormatException if one was cut short, so that reading its tensors may kill the
   *     process
   * @throws IOException if a file's state cannot be read
   */
  public void checkFiles() throws IOException {
    for (Path file : rewrittenFiles()) {
      if (reported.add(file)) {
        LOGGER.log(
            Level.WARNING,
            "{0}: was written to while in use, so results may be of neither version",
            Names.path(file));
      }
    }
  }

  /**
   * Whether {@link #close} was called.
   *
   * @return true if the tensors are gone
   */
  public boolean isClosed() {
    return closed;
  }

  private void checkOpen() {
    if (isClosed()) {
      throw new ClosedException("checkpoint " + Names.path(directory) + ": is closed");
    }
  }

  /**
   * Unmaps all files, but for those that another checkpoint shares. A second call does nothing.
   *
   * @throws ClosedException if a native call is reading a tensor; the checkpoint then stays open
   */
  @Override
  public synchronized void close() {
    try {
      while (!memory.isEmpty()) {
        memory.getLast().release();
        memory.removeLast();
      }
    } catch (IllegalStateException e) {
      throw new ClosedException(
          "checkpoint %s: cannot be closed while it is read".formatted(Names.path(directory)));
    }
    closed = true;
  }

  /** The folder and the number of tensors. */
  @Override
  public String toString() {
    return "%s (%d tensors)".formatted(Names.path(directory), tensors.size());
  }
}
