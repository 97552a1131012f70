package org.graniteffm.runtime.safetensors;

import com.fasterxml.jackson.databind.JsonNode;
import java.io.IOException;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.json.JsonReader;

/** The index of a sharded checkpoint: which tensor stands in which file beside it. */
final class ShardIndex {
  private static final int LONGEST_NAME = 255; // of a file, on all platforms

  private final String source;
  private final Map<String, String> weightMap;
  private final SortedMap<String, Path> shards;

  private ShardIndex(String source, Map<String, String> weightMap, SortedMap<String, Path> shards) {
    this.source = source;
    this.weightMap = weightMap;
    this.shards = shards;
  }

  /**
   * Reads an index; the shards are not looked at.
   *
   * @param file the index
   * @return its content
   * @throws ModelFormatException if it is malformed, or a shard's name is no plain file name
   * @throws IOException if it cannot be read
   */
  static ShardIndex read(Path file) throws IOException {
    String source = Names.path(file);
    JsonNode map = JsonReader.readObject(file, JsonReader.INDEX_LIMIT).get("weight_map");
    if (map == null || !map.isObject() || map.isEmpty()) {
      throw new ModelFormatException(
          source + ": weight_map: expected an object of tensor and file names");
    }
    Map<String, String> weightMap = LinkedHashMap.newLinkedHashMap(map.size());
    SortedMap<String, Path> shards = new TreeMap<>();
    for (Map.Entry<String, JsonNode> entry : map.properties()) {
      if (!entry.getValue().isTextual()) {
        throw new ModelFormatException(
            "%s: weight_map: tensor %s: expected a file name, found %s"
                .formatted(source, Names.quote(entry.getKey()), entry.getValue().getNodeType()));
      }
      String shard = entry.getValue().textValue();
      if (!shards.containsKey(shard)) {
        shards.put(shard, resolve(file, shard, source, entry.getKey()));
      }
      weightMap.put(entry.getKey(), shard);
    }
    return new ShardIndex(source, weightMap, shards);
  }

  private static Path resolve(Path index, String shard, String source, String tensor)
      throws ModelFormatException {
    if (isPlainName(shard)) {
      try {
        Path name = index.getFileSystem().getPath(shard);
        if (!name.isAbsolute() && name.getRoot() == null && name.toString().equals(shard)) {
          return index.resolveSibling(name);
        }
      } catch (InvalidPathException e) {
        throw new ModelFormatException(problem(source, tensor, shard), e);
      }
    }
    throw new ModelFormatException(problem(source, tensor, shard));
  }

  private static String problem(String source, String tensor, String shard) {
    return "%s: weight_map: tensor %s: expected the plain name of a file, found %s"
        .formatted(source, Names.quote(tensor), Names.quote(shard));
  }

  /** No way out of the folder, on any platform: a colon is a drive or a stream on some. */
  private static boolean isPlainName(String name) {
    return !name.isEmpty()
        && name.length() <= LONGEST_NAME
        && !name.equals(".")
        && !name.contains("..")
        && name.chars().noneMatch(c -> c == '/' || c == '\\' || c == ':' || c == 0);
  }

  /** The shards' paths by file name, sorted. */
  SortedMap<String, Path> shards() {
    return Collections.unmodifiableSortedMap(shards);
  }

  /**
   * Checks that a shard holds exactly the tensors the index puts there.
   *
   * @param shard its file name
   * @param found the names of its tensors
   * @throws ModelFormatException if the shard holds a tensor that the index puts elsewhere or
   *     nowhere
   */
  void checkHolds(String shard, Iterable<String> found) throws ModelFormatException {
    for (String name : found) {
      String listed = weightMap.get(name);
      if (!shard.equals(listed)) {
        throw new ModelFormatException(
            "%s: weight_map: tensor %s: expected %s, which holds it, found %s"
                .formatted(
                    source,
                    Names.quote(name),
                    Names.quote(shard),
                    listed == null ? "no entry" : Names.quote(listed)));
      }
    }
  }

  /**
   * Checks that every tensor of the index was found.
   *
   * @param found the tensors of all shards, each in the shard the index names
   * @throws ModelFormatException if one is missing
   */
  void checkComplete(Map<String, ?> found) throws ModelFormatException {
    for (Map.Entry<String, String> entry : weightMap.entrySet()) {
      if (!found.containsKey(entry.getKey())) {
        throw new ModelFormatException(
            "%s: weight_map: tensor %s: not in %s"
                .formatted(source, Names.quote(entry.getKey()), Names.quote(entry.getValue())));
      }
    }
  }
}
