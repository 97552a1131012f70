package org.graniteffm.runtime.lifetime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.generate.NonFiniteLogitsException;
import org.graniteffm.runtime.lifetime.Work.Call;
import org.graniteffm.runtime.lifetime.Work.Subject;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.safetensors.OpenFiles;
import org.graniteffm.runtime.safetensors.SafetensorsWriter;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Weights are not looked at when they are loaded: what they make of a generation is an error. */
class DamagedWeightsTest {
  @TempDir private Path folder;

  @ParameterizedTest
  @CsvSource({
    "dense, model.norm.weight, NaN",
    "dense, model.norm.weight, Infinity",
    "dense, model.norm.weight, -Infinity",
    "dense, model.embed_tokens.weight, NaN",
    "dense, model.layers.0.self_attn.q_proj.weight, NaN",
    "dense, model.layers.1.mlp.down_proj.weight, Infinity",
    "experts, model.layers.0.block_sparse_moe.router.layer.weight, NaN",
    "experts, model.layers.1.block_sparse_moe.input_linear.weight, NaN",
    "experts, model.layers.0.shared_mlp.input_linear.weight, NaN",
  })
  void generationsEndWithAnErrorAndNothingElseDoes(String kind, String tensor, float value)
      throws IOException {
    GraniteConfig config = kind.equals("dense") ? TinyModels.dense(2) : TinyModels.experts();
    Path sound = TinyModels.save(config, folder.resolve("sound"));
    Path damaged = damaged(sound, tensor, value);
    try (Workers workers = Workers.of(2);
        GraniteForCausalLM bad = GraniteForCausalLM.load(damaged, workers);
        GraniteForCausalLM good = GraniteForCausalLM.load(sound, workers)) {
      for (Work work : Work.values()) {
        try (Subject subject = work.subject(bad, good)) {
          if (work == Work.FORWARD || work == Work.NEXT_LOGITS) {
            subject.run(new Call()); // gives the scores as they are
            continue;
          }
          for (int time = 0; time < 2; time++) {
            NonFiniteLogitsException e =
                assertThrows(NonFiniteLogitsException.class, () -> subject.run(new Call()));
            assertTrue(e.getMessage().contains("score of token"), e.getMessage());
          }
        }
        try (Subject subject = work.subject(good, bad)) {
          if (work == Work.ASSISTED) {
            assertThrows(NonFiniteLogitsException.class, () -> subject.run(new Call()));
          } else {
            subject.run(new Call());
          }
        }
      }
    }
    assertEquals(0, OpenFiles.below(folder).size());
  }

  private Path damaged(Path sound, String name, float value) throws IOException {
    Path damaged = Files.createDirectory(folder.resolve("damaged"));
    Files.copy(sound.resolve("config.json"), damaged.resolve("config.json"));
    try (Checkpoint checkpoint = Checkpoint.open(sound);
        Arena arena = Arena.ofConfined()) {
      Map<String, Tensor> tensors = new LinkedHashMap<>();
      checkpoint.names().forEach(each -> tensors.put(each, checkpoint.find(each)));
      long[] shape = tensors.get(name).shape();
      float[] values = new float[(int) tensors.get(name).elementCount()];
      Arrays.fill(values, value);
      tensors.put(name, Tensor.ofFloats(arena, values, shape));
      SafetensorsWriter.write(
          damaged.resolve(Checkpoint.SINGLE), tensors, DType.BF16, Map.of("format", "pt"));
    }
    return damaged;
  }
}
