package org.graniteffm.runtime.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.graniteffm.runtime.cli.CommandHelp;
import org.graniteffm.runtime.hub.FakeHub;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * All calls of the command on the pages and in its own help work as they stand, in bash, with the
 * demo model in place of larger ones.
 */
class ShellExamplesTest {
  @TempDir private Path temporary;

  private static List<Pages.Example> examples() throws IOException {
    List<Pages.Example> examples = new ArrayList<>(Pages.shell());
    CommandHelp.examples()
        .forEach((command, lines) ->
            examples.add(new Pages.Example("granite " + command + " --help", lines)));
    return examples;
  }

  @Test
  void examplesWork() throws IOException, InterruptedException {
    List<Pages.Example> examples = examples();
    assertTrue(examples.size() >= 14, examples::toString);
    ExampleFolder.fill(temporary);
    // the whole of it in one bash; -e: the first that fails ends it
    StringBuilder script = new StringBuilder("set -e -o pipefail\n");
    for (Pages.Example example : examples) {
      script.append("echo 'example %s'%n".formatted(example.where()));
      // a name that no other example has; 64 tokens are as good as 512 here
      script
          .append(
              example
                  .text()
                  .replace("my-company/private-model", "ibm-granite/granite-3.3-2b-instruct")
                  .replaceAll(
                      "granite bench(?! --?h)", "granite bench -p 8 -n 2 -r 1 --threads 2 #"))
          .append("\nrm -rf computed path/to/smaller path/to/parts\n");
    }
    script.append("echo 'all examples worked'\n");
    ProcessBuilder bash =
        new ProcessBuilder("bash", "-c", script.toString()).redirectErrorStream(true);
    bash.directory(temporary.toFile());
    String out;
    try (FakeHub hub = ExampleFolder.hub()) {
      bash.environment().putAll(ExampleFolder.environment(temporary, hub));
      bash.environment().put("HOME", temporary.toString());
      bash.environment().put("PATH", temporary + ":" + System.getenv("PATH"));
      Process process = bash.start();
      process.getOutputStream().close();
      out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
      assertEquals(0, process.waitFor(), out);
    }
    assertTrue(out.endsWith("all examples worked\n"), out);
    assertTrue(!Pattern.compile("(?m)^granite: .*: .*error").matcher(out).find(), out);
  }
}
