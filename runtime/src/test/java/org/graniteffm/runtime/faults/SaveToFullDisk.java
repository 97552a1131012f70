package org.graniteffm.runtime.faults;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.Map;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.SaveOptions;
import org.graniteffm.runtime.safetensors.SafetensorsWriter;
import org.graniteffm.runtime.tensor.Tensor;

/** The program of {@link RefusedSaveTest}: says what its two saves throw, a line each. */
final class SaveToFullDisk {
  private interface Save {
    void run() throws IOException;
  }

  private SaveToFullDisk() {}

  public static void main(String[] arguments) throws IOException {
    Path folder = Path.of(arguments[0]);
    say(() -> writeTensor(folder.resolve("w.safetensors"), 1 << 20));
    try (GraniteForCausalLM model = GraniteForCausalLM.load(DemoModel.directory())) {
      say(() -> model.save(folder.resolve("model"), SaveOptions.defaults()));
    }
  }

  static void writeTensor(Path file, int elements) throws IOException {
    try (Arena arena = Arena.ofConfined()) {
      Tensor tensor = Tensor.ofFloats(arena, new float[elements], elements);
      SafetensorsWriter.write(file, Map.of("w", tensor), Map.of());
    }
  }

  private static void say(Save save) {
    try {
      save.run();
      System.out.println("saved");
    } catch (IOException e) {
      System.out.println(e.getClass().getSimpleName() + ": " + e.getMessage());
    }
  }
}
