package org.graniteffm.runtime.faults;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.lang.foreign.Arena;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.stream.Stream;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.safetensors.SafetensorsFile;
import org.graniteffm.runtime.tensor.Tensor;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Kills a process while it saves: whatever moment it was, what bears a name is whole. {@code
 * -Dgranite.faults.kills=N} kills it N times.
 */
class KilledSaveTest {
  private static final int KILLS = Integer.getInteger("granite.faults.kills", 3);

  @TempDir private Path folder;

  @Test
  void whatBearsANameIsWhole() throws Exception {
    long tensors;
    try (GraniteForCausalLM demo = GraniteForCausalLM.load(DemoModel.directory())) {
      tensors = demo.checkpoint().names().size();
    }
    Random random = new Random(7);
    for (int kill = 0; kill < KILLS; kill++) {
      Process process =
          ForkedJvm.of(
                  List.of("-Xmx256m"),
                  List.of(SaveLoop.class.getName(), folder.toString(), String.valueOf(kill)))
              .start();
      try (BufferedReader said =
          new BufferedReader(
              new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8))) {
        assertNotNull(said.readLine(), "ended by itself");
        Thread.sleep(random.nextInt(300));
        assertTrue(process.isAlive(), () -> "ended by itself: " + said.lines().toList());
      } finally {
        process.destroyForcibly();
        process.waitFor();
      }
      check(tensors);
    }
  }

  private void check(long tensors) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Tensor w = SafetensorsFile.open(folder.resolve("w.safetensors"), arena).tensors().get("w");
      float[] values = w.toFloatArray();
      assertEquals(SaveLoop.ELEMENTS, values.length);
      for (float value : values) {
        assertEquals(values[0], value);
      }
    }
    List<Path> saved;
    try (Stream<Path> entries = Files.list(folder)) {
      saved = entries.filter(path -> path.getFileName().toString().startsWith("model-")).toList();
    }
    for (Path path : saved) {
      try (GraniteForCausalLM model = GraniteForCausalLM.load(path)) {
        assertEquals(tensors, model.checkpoint().names().size());
      }
    }
  }
}
