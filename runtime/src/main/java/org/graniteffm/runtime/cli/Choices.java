package org.graniteffm.runtime.cli;

import java.util.Iterator;
import java.util.List;

/** The words that some options take, for shells to complete. */
final class Choices {
  private Choices() {}

  abstract static class Words implements Iterable<String> {
    private final List<String> words;

    Words(String... words) {
      this.words = List.of(words);
    }

    @Override
    public Iterator<String> iterator() {
      return words.iterator();
    }
  }

  /** Of {@code --isa}. */
  static final class Tiers extends Words {
    Tiers() {
      super("scalar", "avx2", "avx512", "amx");
    }
  }

  /** Of {@code --precision}. */
  static final class Precisions extends Words {
    Precisions() {
      super("auto", "f32");
    }
  }

  /** Of {@code --cache-dtype}. */
  static final class CacheDtypes extends Words {
    CacheDtypes() {
      super("auto", "bfloat16", "float32");
    }
  }

  /** Of {@code --pooling}. */
  static final class Poolings extends Words {
    Poolings() {
      super("mean", "last");
    }
  }

  /** Of {@code --dtype}. */
  static final class DTypes extends Words {
    DTypes() {
      super("float32", "float16", "bfloat16");
    }
  }

  /** Of {@code --config-style}. */
  static final class ConfigStyles extends Words {
    ConfigStyles() {
      super("4", "5");
    }
  }
}
