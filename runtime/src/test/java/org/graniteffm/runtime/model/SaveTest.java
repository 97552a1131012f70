package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.stream.Stream;
import org.graniteffm.runtime.ClosedException;
import org.graniteffm.runtime.config.ConfigStyle;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.safetensors.Checkpoint;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;
import org.graniteffm.runtime.verify.GoldenFolders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SaveTest {
  private static final int[] IDS = {5, 17, 3, 60, 41, 8, 2, 90};

  @TempDir private Path temporary;

  private Path out() {
    return temporary.resolve("out");
  }

  private static float[] logits(Path folder) throws IOException {
    try (GraniteForCausalLM model = GraniteForCausalLM.load(folder);
        ForwardOutput output = model.forward(ForwardInput.ofIds(IDS).build())) {
      return output.logits().toFloatArray();
    }
  }

  @Test
  void listenerHearsOfAllBytesAndMayEndIt() throws IOException {
    SaveOptions shards = new SaveOptions(null, 1 << 20, ConfigStyle.TRANSFORMERS_4, true);
    List<Long> heard = new ArrayList<>();
    try (GraniteForCausalLM model = GraniteForCausalLM.load(DemoModel.directory())) {
      model.save(
          out(),
          shards,
          (bytes, total) -> {
            assertEquals(model.checkpoint().byteSize(), total);
            heard.add(bytes);
          });
      assertEquals(heard.stream().sorted().distinct().toList(), heard);
      assertEquals(model.checkpoint().byteSize(), heard.getLast());
      Path other = temporary.resolve("other");
      assertThrows(
          IllegalStateException.class,
          () ->
              model.save(
                  other,
                  shards,
                  (bytes, total) -> {
                    if (bytes > total / 2) {
                      throw new IllegalStateException("enough");
                    }
                  }));
    }
    assertEquals(List.of("out"), files(temporary));
  }

  private List<String> files(Path folder) throws IOException {
    try (Stream<Path> entries = Files.list(folder)) {
      return entries.map(path -> path.getFileName().toString()).sorted().toList();
    }
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "granite_mha_bias_f32",
        "granite_gqa_bf16",
        "granite_sharded",
        "granite_rope_dynamic",
        "granitemoe_sharded_bias_f16",
        "granitemoe_v5_weight_names",
        "granitemoeshared_with_shared_mlp"
      })
  void savedModelIsTheSame(String name) throws IOException {
    Path source = GoldenFolders.bundled().resolve(name);
    try (GraniteForCausalLM model = GraniteForCausalLM.load(source)) {
      model.save(out(), null, Long.MAX_VALUE);
      assertEquals(model.config(), GraniteConfig.load(out()));
    }
    assertEquals(
        List.of("config.json", "generation_config.json", "model.safetensors"), files(out()));
    assertEquals(
        -1,
        Files.mismatch(
            source.resolve("generation_config.json"), out().resolve("generation_config.json")));
    assertArrayEquals(logits(source), logits(out()));
    assertEquals(List.of("out"), files(temporary), "no temporary folder is left");
  }

  @Test
  void namesAreThePublishedOnes() throws IOException {
    try (GraniteForCausalLM model =
        GraniteForCausalLM.load(GoldenFolders.bundled().resolve("granitemoe_v5_weight_names"))) {
      model.save(out(), SaveOptions.defaults());
    }
    try (Checkpoint saved = Checkpoint.open(out())) {
      assertTrue(
          saved
              .names()
              .containsAll(
                  Set.of(
                      "model.layers.0.block_sparse_moe.router.layer.weight",
                      "model.layers.0.block_sparse_moe.input_linear.weight",
                      "model.layers.0.block_sparse_moe.output_linear.weight")));
      assertTrue(saved.names().stream().noneMatch(name -> name.contains("experts.")));
    }
  }

  @Test
  void shardsAreNoLargerThanAskedFor() throws IOException {
    Path source = GoldenFolders.bundled().resolve("granite_gqa_bf16");
    long largest = 0;
    try (GraniteForCausalLM model = GraniteForCausalLM.load(source)) {
      for (String name : model.checkpoint().names()) {
        Tensor tensor = model.checkpoint().find(name);
        largest = Math.max(largest, Tensor.byteSize(tensor.dtype(), tensor.shape()));
      }
      model.save(out(), null, largest);
      model.save(temporary.resolve("single"), null, 1); // each tensor a file of its own
    }
    try (Checkpoint saved = Checkpoint.open(out());
        Checkpoint single = Checkpoint.open(temporary.resolve("single"))) {
      assertTrue(saved.files().size() > 2);
      assertEquals(
          "model-00001-of-%05d.safetensors".formatted(saved.files().size()),
          saved.files().getFirst().getFileName().toString());
      for (Path file : saved.files()) {
        assertTrue(Files.size(file) <= largest + 4096, file::toString); // data and header
      }
      assertEquals(single.names().size(), single.files().size());
    }
    assertArrayEquals(logits(source), logits(out()));
    assertTrue(
        Files.readString(out().resolve("model.safetensors.index.json")).contains("\"total_size\""));
  }

  @Test
  void widerTypesLoseNothingAndNarrowOnesComeBack() throws IOException {
    Path wide = temporary.resolve("wide");
    try (GraniteForCausalLM model = GraniteForCausalLM.load(DemoModel.directory())) {
      model.save(wide, new SaveOptions(DType.F32, 8_000_000, ConfigStyle.TRANSFORMERS_5, false));
    }
    assertFalse(Files.exists(wide.resolve("tokenizer.json")));
    assertTrue(Files.readString(wide.resolve("config.json")).contains("\"dtype\": \"float32\""));
    try (GraniteForCausalLM model = GraniteForCausalLM.load(wide)) {
      model.save(out(), DType.BF16, Long.MAX_VALUE);
      assertEquals(4, model.checkpoint().files().size());
    }
    try (Checkpoint before = Checkpoint.open(DemoModel.directory());
        Checkpoint after = Checkpoint.open(out())) {
      assertEquals(before.names(), after.names());
      for (String name : before.names()) {
        assertEquals(before.find(name).toString(), after.find(name).toString());
        assertEquals(-1, before.find(name).segment().mismatch(after.find(name).segment()), name);
      }
    }
  }

  @Test
  void whatExistsIsNotOverwritten() throws IOException {
    try (GraniteForCausalLM model = GraniteForCausalLM.load(DemoModel.directory())) {
      Files.createDirectory(out());
      model.save(out(), SaveOptions.defaults()); // empty
      assertThrows(
          FileAlreadyExistsException.class, () -> model.save(out(), SaveOptions.defaults()));
      Path file = Files.writeString(temporary.resolve("file"), "x");
      assertThrows(FileAlreadyExistsException.class, () -> model.save(file, null, 1000));
      Path nowhere = temporary.resolve("no").resolve("such");
      assertThrows(IOException.class, () -> model.save(nowhere, null, 1000));
      assertThrows(IllegalArgumentException.class, () -> model.save(nowhere, DType.I64, 1000));
      assertThrows(IllegalArgumentException.class, () -> model.save(nowhere, null, 0));
    }
    assertEquals(List.of("file", "out"), files(temporary));
    assertNotEquals(0, files(out()).size());
  }

  @Test
  void closedModelIsNotSaved() throws IOException {
    GraniteForCausalLM model = GraniteForCausalLM.load(DemoModel.directory());
    model.close();
    assertThrows(ClosedException.class, () -> model.save(out(), SaveOptions.defaults()));
    assertFalse(Files.exists(out()));
  }
}
