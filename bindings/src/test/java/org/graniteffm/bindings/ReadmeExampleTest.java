package org.graniteffm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** The code in this module's README compiles, runs, and is the code below. */
class ReadmeExampleTest {
  private static final Path THIS =
      Path.of("src/test/java/org/graniteffm/bindings/ReadmeExampleTest.java");
  private static final Path README = Path.of("README.md");

  private static float[][] example(float[] input, float[] matrix, int rows, int cols, int outputs) {
    // begin
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment x = arena.allocateFrom(ValueLayout.JAVA_FLOAT, input); // [rows, cols]
      MemorySegment w = arena.allocateFrom(ValueLayout.JAVA_FLOAT, matrix); // [outputs, cols]
      MemorySegment ones = arena.allocate(ValueLayout.JAVA_FLOAT, cols);
      for (int i = 0; i < cols; i++) {
        ones.setAtIndex(ValueLayout.JAVA_FLOAT, i, 1f);
      }
      MemorySegment few = arena.allocate(ValueLayout.JAVA_FLOAT, (long) rows * outputs);
      MemorySegment many = arena.allocate(ValueLayout.JAVA_FLOAT, (long) rows * outputs);

      // each row over its root mean square, in place: segment, offset in bytes, stride in elements
      Kernels.rmsNorm(x, 0, cols, ones, 0, 1e-6f, rows, cols, x, 0, cols);
      // y = x wᵀ, twice: for up to 8 rows, and for many
      Kernels.gemv(
          Kernels.F32, w, 0, cols, outputs, cols, x, 0, cols, rows, 1f, 0f, few, 0, outputs);
      Blas.sgemm(rows, outputs, cols, 1f, x, 0, cols, w, 0, cols, 0f, many, 0, outputs);

      return new float[][] {
        few.toArray(ValueLayout.JAVA_FLOAT), many.toArray(ValueLayout.JAVA_FLOAT)
      };
    }
    // end
  }

  @Test
  void exampleComputesWhatItSays() {
    int rows = 3;
    int cols = 70;
    int outputs = 11;
    Random random = new Random(5);
    float[] x = new float[rows * cols];
    float[] w = new float[outputs * cols];
    for (int i = 0; i < x.length; i++) {
      x[i] = (float) random.nextGaussian();
    }
    for (int i = 0; i < w.length; i++) {
      w[i] = (float) random.nextGaussian();
    }
    float[][] found = example(x, w, rows, cols, outputs);
    for (int row = 0; row < rows; row++) {
      double squares = 0;
      for (int c = 0; c < cols; c++) {
        squares += (double) x[row * cols + c] * x[row * cols + c];
      }
      double length = Math.sqrt(squares / cols + 1e-6);
      for (int j = 0; j < outputs; j++) {
        double sum = 0;
        for (int c = 0; c < cols; c++) {
          sum += x[row * cols + c] / length * w[j * cols + c];
        }
        assertEquals(sum, found[0][row * outputs + j], 1e-4);
        assertEquals(sum, found[1][row * outputs + j], 1e-4);
      }
    }
  }

  @Test
  void exampleIsTheOneInTheReadme() throws IOException {
    List<String> source = Files.readAllLines(THIS);
    int begin = source.indexOf("    // begin");
    String code =
        String.join("\n", source.subList(begin + 1, source.indexOf("    // end"))).stripIndent();
    String readme = Files.readString(README);
    int start = readme.indexOf("```java\n") + "```java\n".length();
    assertEquals(code, readme.substring(start, readme.indexOf("\n```", start)));
  }
}
