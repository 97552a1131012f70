package org.graniteffm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.graniteffm.bindings.Specimens.Specimen;
import org.graniteffm.bindings.generated.granite_kernels_h;
import org.graniteffm.bindings.generated.openblas_h;
import org.junit.jupiter.api.Test;

/**
 * The table in the module's README, of what is checked before each native function, names all of
 * them and says of each what {@link RefusalTest} has seen refused.
 */
class ReviewTableTest {
  private static List<String> rows() throws IOException {
    return Files.readAllLines(Path.of("README.md")).stream()
        .filter(line -> line.matches("\\| `(gk|cblas|openblas)_.*"))
        .toList();
  }

  @Test
  void everyNativeFunctionIsInOneRow() throws IOException {
    List<String> named = new ArrayList<>();
    Pattern symbol = Pattern.compile("`((?:gk|cblas|openblas)_\\w+)`");
    for (String row : rows()) {
      Matcher matcher = symbol.matcher(row.substring(0, row.indexOf('|', 1)));
      while (matcher.find()) {
        named.add(matcher.group(1));
      }
    }
    TreeSet<String> bound = new TreeSet<>(NativeLibraries.symbols(granite_kernels_h.class));
    bound.addAll(NativeLibraries.symbols(openblas_h.class));
    assertEquals(bound, new TreeSet<>(named));
    assertEquals(bound.size(), named.size(), "a function is in two rows");
  }

  @Test
  void rowsSayWhatIsRefused() throws IOException {
    List<String> rows = rows();
    for (Specimen specimen : Specimens.ALL) {
      if (specimen.symbols().isEmpty()) {
        continue; // calls nothing
      }
      assertTrue(rows.contains(specimen.row()), () -> "missing from README.md: " + specimen.row());
    }
  }
}
