package org.graniteffm.runtime.model;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonGenerator;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.ThreadLocalRandom;
import org.graniteffm.runtime.FileErrors;
import org.graniteffm.runtime.RegularFile;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.safetensors.SafetensorsWriter;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * Writes a checkpoint folder that appears complete or not at all: everything goes to a fresh folder
 * beside it, which is then moved into place.
 */
final class Saver {
  /** What else belongs to a model, and is not derived from its config or weights. */
  private static final List<String> OTHER_FILES =
      List.of(
          "generation_config.json",
          "tokenizer.json",
          "tokenizer_config.json",
          "special_tokens_map.json",
          "added_tokens.json",
          "vocab.json",
          "merges.txt",
          "chat_template.jinja",
          "chat_template.json");

  // Some readers insist on it.
  private static final Map<String, String> METADATA = Map.of("format", "pt");

  private final GraniteConfig config;
  private final Checkpoint checkpoint;
  private final boolean head;
  private final SaveOptions options;
  private final SaveListener listener;
  private long written; // bytes of tensors

  Saver(
      GraniteConfig config,
      Checkpoint checkpoint,
      boolean head,
      SaveOptions options,
      SaveListener listener) {
    this.config = config;
    this.checkpoint = checkpoint;
    this.head = head;
    this.options = options;
    this.listener = listener;
  }

  void save(Path directory) throws IOException {
    checkFree(directory);
    Path parent = directory.toAbsolutePath().normalize().getParent();
    if (parent == null) {
      throw new FileAlreadyExistsException(directory.toString(), null, "is no new folder");
    }
    if (!Files.isDirectory(parent)) {
      throw new NoSuchFileException(parent.toString(), null, "no such folder");
    }
    Path fresh =
        Files.createDirectory(
            parent.resolve(
                ".%016x.checkpoint.tmp".formatted(ThreadLocalRandom.current().nextLong())));
    try {
      Map<String, Tensor> tensors = tensors();
      writeWeights(fresh, tensors);
      String json = savedConfig().toJson(options.configStyle(), commonType(tensors));
      write(fresh.resolve("config.json"), json.getBytes(StandardCharsets.UTF_8));
      if (options.otherFiles() && !checkpoint.files().isEmpty()) {
        copyOtherFiles(fresh);
      }
      force(fresh);
      Files.move(fresh, directory, StandardCopyOption.ATOMIC_MOVE);
    } catch (IOException | RuntimeException | Error e) {
      remove(fresh, e);
      throw e;
    }
    force(parent);
  }

  private GraniteConfig savedConfig() {
    String architecture = config.classPrefix() + (head ? "ForCausalLM" : "Model");
    return config.toBuilder().architectures(List.of(architecture)).build();
  }

  /** What stands there is never touched, and an older checkpoint's files never mixed with ours. */
  private static void checkFree(Path directory) throws IOException {
    if (!Files.exists(directory, LinkOption.NOFOLLOW_LINKS)) {
      return;
    }
    if (!Files.isDirectory(directory, LinkOption.NOFOLLOW_LINKS)) {
      throw new FileAlreadyExistsException(directory.toString(), null, "is no folder");
    }
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(directory)) {
      if (entries.iterator().hasNext()) {
        throw new FileAlreadyExistsException(
            directory.toString(), null, "is not empty, and nothing is overwritten");
      }
    } catch (DirectoryIteratorException e) {
      throw FileErrors.at(directory, e.getCause());
    }
  }

  /**
   * All weights the model uses, in the order of the layers: under their published names, which lack
   * the prefix where there is no head.
   */
  private Map<String, Tensor> tensors() {
    StoredTensors stored = new StoredTensors(checkpoint);
    Map<String, Tensor> all = new LinkedHashMap<>();
    TensorNames.forEach(
        config,
        (name, _) -> {
          Tensor tensor = stored.find(name);
          if (head) {
            if (tensor != null) { // only a head that is tied has none
              all.put(name, tensor);
            }
          } else if (!name.equals(StoredTensors.HEAD)) {
            all.put(StoredTensors.bare(name), tensor);
          }
        });
    return all;
  }

  private DType typeOf(Tensor tensor) {
    return options.dtype() == null ? tensor.dtype() : options.dtype();
  }

  private long bytes(Tensor tensor) {
    return Tensor.byteSize(typeOf(tensor), tensor.shape());
  }

  /** The type of most of the weights' bytes. */
  private DType commonType(Map<String, Tensor> tensors) {
    Map<DType, Long> bytes = new TreeMap<>();
    tensors.values().forEach(tensor -> bytes.merge(typeOf(tensor), bytes(tensor), Long::sum));
    return bytes.entrySet().stream().max(Map.Entry.comparingByValue()).orElseThrow().getKey();
  }

  private void writeWeights(Path folder, Map<String, Tensor> tensors) throws IOException {
    long total = totalBytes(tensors);
    List<Map<String, Tensor>> shards = new ArrayList<>();
    long room = 0;
    for (Map.Entry<String, Tensor> entry : tensors.entrySet()) {
      long size = bytes(entry.getValue());
      if (shards.isEmpty() || size > room) {
        shards.add(new LinkedHashMap<>());
        room = options.maxShardBytes();
      }
      shards.getLast().put(entry.getKey(), entry.getValue());
      room -= Math.min(room, size);
    }
    if (shards.size() == 1) {
      writeShard(folder.resolve("model.safetensors"), shards.getFirst(), total);
      return;
    }
    SortedMap<String, String> fileOf = new TreeMap<>();
    for (int i = 0; i < shards.size(); i++) {
      String name = "model-%05d-of-%05d.safetensors".formatted(i + 1, shards.size());
      writeShard(folder.resolve(name), shards.get(i), total);
      shards.get(i).keySet().forEach(tensor -> fileOf.put(tensor, name));
    }
    write(folder.resolve("model.safetensors.index.json"), index(tensors, fileOf));
  }

  private void writeShard(Path file, Map<String, Tensor> tensors, long total) throws IOException {
    SafetensorsWriter.write(
        file,
        tensors,
        options.dtype(),
        METADATA,
        bytes -> {
          written += bytes;
          listener.onProgress(written, total);
        });
  }

  private long totalBytes(Map<String, Tensor> tensors) {
    return tensors.values().stream().mapToLong(this::bytes).sum();
  }

  private byte[] index(Map<String, Tensor> tensors, Map<String, String> fileOf) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    try (JsonGenerator json = new JsonFactory().createGenerator(out)) {
      json.useDefaultPrettyPrinter();
      json.writeStartObject();
      json.writeObjectFieldStart("metadata");
      json.writeNumberField(
          "total_parameters", tensors.values().stream().mapToLong(Tensor::elementCount).sum());
      json.writeNumberField("total_size", totalBytes(tensors));
      json.writeEndObject();
      json.writeObjectFieldStart("weight_map");
      for (Map.Entry<String, String> entry : fileOf.entrySet()) {
        json.writeStringField(entry.getKey(), entry.getValue());
      }
      json.writeEndObject();
      json.writeEndObject();
    }
    return out.toByteArray();
  }

  private void copyOtherFiles(Path to) throws IOException {
    for (String name : OTHER_FILES) {
      Path file = checkpoint.directory().resolve(name);
      if (!Files.notExists(file)) {
        RegularFile.look(file); // through links, of which hub caches consist
        try (InputStream in = Files.newInputStream(file);
            FileChannel channel = create(to.resolve(name))) {
          OutputStream out = Channels.newOutputStream(channel);
          in.transferTo(out);
          channel.force(true);
        } catch (IOException e) {
          throw FileErrors.at(file, to.resolve(name), e);
        }
      }
    }
  }

  private static FileChannel create(Path file) throws IOException {
    return FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
  }

  private static void write(Path file, byte[] bytes) throws IOException {
    try (FileChannel channel = create(file)) {
      Channels.newOutputStream(channel).write(bytes);
      channel.force(true);
    } catch (IOException e) {
      throw FileErrors.at(file, e);
    }
  }

  private static void force(Path folder) {
    try (FileChannel channel = FileChannel.open(folder, StandardOpenOption.READ)) {
      channel.force(true);
    } catch (IOException e) {
      // Not every file system can.
    }
  }

  private static void remove(Path folder, Throwable cause) {
    try {
      try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder)) {
        for (Path entry : entries) {
          Files.delete(entry);
        }
      }
      Files.delete(folder);
    } catch (IOException | DirectoryIteratorException e) {
      cause.addSuppressed(e);
    }
  }
}
