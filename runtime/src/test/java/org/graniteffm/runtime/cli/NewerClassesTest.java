package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.URISyntaxException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What the launcher does to picocli. */
class NewerClassesTest {
  private static final Path PROGRAM = Path.of("launcher/NewerClasses.java");
  private static final int MAJOR = 6; // of the version, behind magic number and minor version

  @TempDir private Path temporary;

  @Test
  void picocliIsTheSameAndVerifiesAnew()
      throws IOException, URISyntaxException, InterruptedException, ReflectiveOperationException {
    Path old =
        Path.of(CommandLine.class.getProtectionDomain().getCodeSource().getLocation().toURI());
    Path renewed = temporary.resolve("renewed.jar");
    Process process =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                PROGRAM.toString(),
                old.toString(),
                renewed.toString())
            .redirectErrorStream(true)
            .start();
    String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), said);

    try (JarFile from = new JarFile(old.toFile());
        JarFile to = new JarFile(renewed.toFile());
        URLClassLoader loader = new URLClassLoader(new URL[] {renewed.toUri().toURL()}, null)) {
      assertEquals(names(from), names(to));
      int loaded = 0;
      for (String name : names(to)) {
        if (name.startsWith("picocli/") && name.endsWith(".class")) {
          byte[] bytes = to.getInputStream(to.getJarEntry(name)).readAllBytes();
          assertTrue(bytes[MAJOR + 1] >= 50, name);
          String type = name.substring(0, name.length() - ".class".length()).replace('/', '.');
          assertEquals(loader, Class.forName(type, true, loader).getClassLoader());
          loaded++;
        }
      }
      assertFalse(loaded < 100, loaded + " classes");
    }
  }

  private static List<String> names(JarFile jar) {
    List<String> names = new ArrayList<>();
    for (JarEntry entry : Collections.list(jar.entries())) {
      names.add(entry.getName());
    }
    return names;
  }
}
