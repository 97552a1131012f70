package org.graniteffm.runtime.faults;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.safetensors.SafetensorsWriter;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;

/** The program of {@link KilledSaveTest}: saves until it is killed. */
final class SaveLoop {
  static final int ELEMENTS = 1 << 20;

  private SaveLoop() {}

  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    try (GraniteForCausalLM model = GraniteForCausalLM.load(DemoModel.directory())) {
      for (int i = 1; ; i++) {
        try (Arena arena = Arena.ofConfined()) {
          float[] values = new float[ELEMENTS];
          Arrays.fill(values, i);
          Tensor tensor = Tensor.ofFloats(arena, values, ELEMENTS);
          SafetensorsWriter.write(folder.resolve("w.safetensors"), Map.of("w", tensor), Map.of());
        }
        System.out.println("saving " + i);
        model.save(folder.resolve("model-" + arguments[1] + "-" + i), DType.F32, 4_000_000);
      }
    }
  }
}
