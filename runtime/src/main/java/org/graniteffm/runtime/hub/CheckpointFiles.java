package org.graniteffm.runtime.hub;

import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Set;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.Names;
import org.graniteffm.runtime.UnsupportedModelException;
import org.graniteffm.runtime.json.JsonReader;
import org.graniteffm.runtime.safetensors.Checkpoint;

/**
 * Which files of a repository make a checkpoint. They are asked for by these names, whatever else a
 * repository lists; pickle files are never among them.
 */
final class CheckpointFiles {
  static final String CONFIG = "config.json";

  /** Files beside config and weights that change results, and that nearly all checkpoints have. */
  private static final List<String> COMMON =
      List.of("generation_config.json", "tokenizer.json", "tokenizer_config.json");

  /** Files that many checkpoints have. */
  private static final List<String> OCCASIONAL =
      List.of("special_tokens_map.json", "chat_template.jinja", "chat_template.json");

  private static final String WEIGHTS = ".safetensors";

  /** Beyond what any hub keeps: whoever declares more has no file in mind. */
  private static final long WEIGHTS_LIMIT = 1L << 40;

  private CheckpointFiles() {}

  /** Every name but those of the weights. */
  static List<String> small() {
    List<String> all = new ArrayList<>();
    all.add(CONFIG);
    all.addAll(COMMON);
    all.addAll(OCCASIONAL);
    return all;
  }

  /**
   * Finds the files of the weights that are sure to be needed: all of them, or the index, which
   * names the others.
   *
   * @param source what messages call the repository
   * @param names what it lists
   * @throws UnsupportedModelException if there are pickle files only
   * @throws HubException if there are no weights
   */
  static String weights(String source, Collection<String> names) throws IOException {
    if (names.contains(Checkpoint.SINGLE)) {
      return Checkpoint.SINGLE;
    }
    if (names.contains(Checkpoint.INDEX)) {
      return Checkpoint.INDEX;
    }
    String expected = "expected %s or %s".formatted(Checkpoint.SINGLE, Checkpoint.INDEX);
    for (String name : names) {
      if (name.matches("pytorch_model.*\\.bin(\\.index\\.json)?")) {
        throw new UnsupportedModelException(
            "%s: %s, found only %s: pickle files are never read, convert it to safetensors"
                .formatted(source, expected, Names.quote(name)));
      }
    }
    throw new HubException(
        HubException.Reason.NOT_FOUND, "%s: %s, found no weights".formatted(source, expected));
  }

  /**
   * Reads the names of shards.
   *
   * @param index the file that lists them
   * @return plain file names, each of them of a safetensors file
   */
  static Set<String> shards(Path index) throws IOException {
    Set<String> shards = Checkpoint.shardNames(index);
    for (String shard : shards) {
      if (!shard.endsWith(WEIGHTS)) {
        throw new ModelFormatException(
            "%s: weight_map: expected names of %s files, found %s"
                .formatted(index, WEIGHTS, Names.quote(shard)));
      }
    }
    return shards;
  }

  /** The most bytes that a file may have; for all but weights, that its reader accepts. */
  static long limit(String name) {
    if (name.endsWith(WEIGHTS)) {
      return WEIGHTS_LIMIT;
    }
    return switch (name) {
      case Checkpoint.INDEX -> JsonReader.INDEX_LIMIT;
      case "tokenizer.json" -> JsonReader.TOKENIZER_LIMIT;
      default -> JsonReader.CONFIG_LIMIT;
    };
  }

  /**
   * Whether a snapshot can be loaded: it has a config and all its weights.
   *
   * @throws IOException if an index is there and cannot be read
   */
  static boolean isLoadable(HubCache cache, String commit) throws IOException {
    if (!cache.holds(commit, CONFIG)) {
      return false;
    }
    if (cache.holds(commit, Checkpoint.SINGLE)) {
      return true;
    }
    if (!cache.holds(commit, Checkpoint.INDEX)) {
      return false;
    }
    Path index = cache.snapshot(commit).resolve(Checkpoint.INDEX);
    return shards(index).stream().allMatch(shard -> cache.holds(commit, shard));
  }

  /**
   * Whether nothing that is common is missing: someone may have fetched the weights alone. Files
   * that only some have are not asked about, so that other programs' downloads need no look at the
   * hub.
   */
  static boolean hasCommonFiles(HubCache cache, String commit) {
    return COMMON.stream()
        .allMatch(name -> cache.holds(commit, name) || cache.knowsAbsent(commit, name));
  }
}
