package org.graniteffm.runtime;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.logging.Handler;
import java.util.logging.Level;
import java.util.logging.LogRecord;
import java.util.logging.Logger;
import java.util.logging.SimpleFormatter;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.Generator;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What an operator hears, and by which name; and that tokens are none of it. */
class LoggingTest {
  @TempDir private Path temporary;

  /** Keeps what is logged below a name on this thread. */
  private static final class Listener extends Handler implements AutoCloseable {
    private final Logger logger;
    private final Thread thread = Thread.currentThread();
    private final List<String> lines = Collections.synchronizedList(new ArrayList<>());

    Listener(String name) {
      logger = Logger.getLogger(name);
      logger.setLevel(Level.ALL);
      setLevel(Level.ALL);
      logger.addHandler(this);
    }

    @Override
    public void publish(LogRecord entry) {
      if (Thread.currentThread().equals(thread)) {
        lines.add(entry.getLevel() + ": " + new SimpleFormatter().formatMessage(entry));
      }
    }

    @Override
    public void flush() {}

    @Override
    public void close() {
      logger.removeHandler(this);
      logger.setLevel(null);
    }
  }

  @Test
  void loadIsToldAndTokensAreNot() throws IOException {
    try (Listener heard = new Listener("org.graniteffm")) {
      Path folder = DemoModel.directory();
      try (GraniteForCausalLM model = GraniteForCausalLM.load(folder);
          Generator generator = new Generator(model)) {
        heard.lines.removeIf(line -> !line.startsWith("FINE: opened"));
        assertEquals(1, heard.lines.size());
        assertTrue(
            heard
                .lines
                .getFirst()
                .matches(
                    Pattern.quote("FINE: opened " + folder)
                        + ": granitemoe, \\d+ tensors, \\d+ MB mapped"),
            heard.lines::toString);
        heard.lines.clear();
        GenerationConfig config = GenerationConfig.builder().maxNewTokens(5).build();
        generator.generate(new int[20], config, (_, _) -> true);
        heard.lines.removeIf(line -> line.contains("OpenBLAS from")); // once in a process
        assertEquals(List.of(), heard.lines);
      }
    }
  }

  @Test
  void oldNamesInAConfigAreTold() throws IOException {
    String config =
        Files.readString(DemoModel.directory().resolve("config.json"), StandardCharsets.UTF_8);
    Files.writeString(
        temporary.resolve("config.json"),
        config
            .replaceFirst("\\{", "{\"rope_scaling\": {\"type\": \"linear\", \"factor\": 2.0},")
            .replaceFirst("\"rope_scaling\": null,", ""));
    try (Listener heard = new Listener("org.graniteffm.runtime.config")) {
      GraniteConfig.load(temporary);
      assertEquals(1, heard.lines.size());
      assertTrue(
          heard.lines.getFirst().matches("INFO: .*config.json: rope_scaling.type: an old name.*"),
          heard.lines::toString);
    }
  }

  @Test
  void allLoggersAreDocumented() throws IOException {
    String page = Files.readString(Path.of("README.md"));
    Pattern name = Pattern.compile("getLogger\\(\"([^\"]+)\"\\)");
    List<String> names = new ArrayList<>();
    for (String module : List.of(".", "../bindings")) {
      try (Stream<Path> files = Files.walk(Path.of(module, "src/main/java"))) {
        for (Path file : files.filter(file -> file.toString().endsWith(".java")).toList()) {
          name.matcher(Files.readString(file)).results().forEach(m -> names.add(m.group(1)));
        }
      }
    }
    assertTrue(names.size() >= 6, names::toString);
    names.removeIf(found -> page.contains("`" + found + "`"));
    assertEquals(List.of(), names);
  }
}
