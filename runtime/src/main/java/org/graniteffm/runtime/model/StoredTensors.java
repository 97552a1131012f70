package org.graniteffm.runtime.model;

import java.util.Map;
import org.graniteffm.runtime.ModelFormatException;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * Finds a model's tensors in a checkpoint by their published names, whatever names they have there:
 * transformers 5 has others for experts in memory, and may save those; and a model that was saved
 * without a head lacks the prefix {@code model.}.
 */
final class StoredTensors {
  static final String PREFIX = "model.";
  static final String EMBEDDING = PREFIX + "embed_tokens.weight";
  static final String HEAD = "lm_head.weight";

  private static final Map<String, String> IN_MEMORY =
      Map.of(
          "block_sparse_moe.router.layer.weight", "block_sparse_moe.router.weight",
          "block_sparse_moe.input_linear.weight", "block_sparse_moe.experts.gate_up_proj",
          "block_sparse_moe.output_linear.weight", "block_sparse_moe.experts.down_proj");

  private final Checkpoint checkpoint;
  private final boolean withoutPrefix;

  StoredTensors(Checkpoint checkpoint) {
    this.checkpoint = checkpoint;
    withoutPrefix = checkpoint.find(EMBEDDING) == null && checkpoint.find(bare(EMBEDDING)) != null;
  }

  /** The name in a checkpoint without a head. */
  static String bare(String published) {
    return published.startsWith(PREFIX) ? published.substring(PREFIX.length()) : published;
  }

  /** The name a tensor has in the checkpoint, or should have if it is not there. */
  String nameOf(String published) {
    String name = withoutPrefix ? bare(published) : published;
    if (checkpoint.find(name) == null) {
      for (Map.Entry<String, String> entry : IN_MEMORY.entrySet()) {
        if (name.endsWith(entry.getKey())) {
          String other =
              name.substring(0, name.length() - entry.getKey().length()) + entry.getValue();
          return checkpoint.find(other) == null ? name : other;
        }
      }
    }
    return name;
  }

  /** Null if there is none. */
  Tensor find(String published) {
    return checkpoint.find(nameOf(published));
  }

  /**
   * Whether bf16 weights make all keys and values, which a cache then keeps in no more digits than
   * frameworks do that compute in the type of the weights.
   */
  boolean cacheSuitsBfloat16(int layers) {
    for (int layer = 0; layer < layers; layer++) {
      for (String name : new String[] {"k_proj", "v_proj"}) {
        Tensor tensor = find(PREFIX + "layers." + layer + ".self_attn." + name + ".weight");
        if (tensor == null || tensor.dtype() != DType.BF16) {
          return false;
        }
      }
    }
    return true;
  }

  /** As {@link Checkpoint#require}. */
  Tensor require(String published, long... shape) throws ModelFormatException {
    return checkpoint.require(nameOf(published), shape);
  }

  /** The folder. */
  @Override
  public String toString() {
    return checkpoint.directory().toString();
  }
}
