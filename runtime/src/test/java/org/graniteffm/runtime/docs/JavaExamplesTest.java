package org.graniteffm.runtime.docs;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.faults.ForkedJvm;
import org.graniteffm.runtime.hub.FakeHub;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * All Java on the pages and in the Javadoc of packages compiles without a warning and runs, each
 * block as the body of a method, in a program of its own on the class path.
 */
class JavaExamplesTest {
  private static final List<String> IMPORTS =
      List.of(
          "com.fasterxml.jackson.databind.JsonNode",
          "java.io.*",
          "java.lang.foreign.*",
          "java.nio.file.*",
          "java.util.*",
          "java.util.concurrent.*",
          "java.util.stream.*",
          "org.graniteffm.bindings.*",
          "org.graniteffm.runtime.*",
          "org.graniteffm.runtime.chat.*",
          "org.graniteffm.runtime.cli.Main",
          "org.graniteffm.runtime.config.*",
          "org.graniteffm.runtime.demo.*",
          "org.graniteffm.runtime.embed.*",
          "org.graniteffm.runtime.generate.*",
          "org.graniteffm.runtime.hub.*",
          "org.graniteffm.runtime.json.*",
          "org.graniteffm.runtime.model.*",
          "org.graniteffm.runtime.ops.*",
          "org.graniteffm.runtime.safetensors.*",
          "org.graniteffm.runtime.score.*",
          "org.graniteffm.runtime.tensor.*",
          "org.graniteffm.runtime.tokenizer.*",
          "org.graniteffm.runtime.verify.*");

  @TempDir private Path temporary;

  private static String run(ProcessBuilder builder) throws IOException, InterruptedException {
    Process process = builder.start();
    process.getOutputStream().close();
    String out = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    assertEquals(0, process.waitFor(), out);
    return out;
  }

  /** A class that runs an example. */
  private String write(Pages.Example example) throws IOException {
    String name = example.where().replaceAll("\\W+", "_");
    StringBuilder source = new StringBuilder("package org.graniteffm.runtime.docs;\n");
    IMPORTS.forEach(imported -> source.append("import ").append(imported).append(";\n"));
    boolean returns = example.text().contains("return new ");
    source
        .append("class %s extends Surroundings implements Surroundings.Example {\n".formatted(name))
        .append("%s() throws IOException {}\n".formatted(name))
        .append(
            returns
                ? "Object result() throws Exception {\n"
                : "public void run() throws Exception {\n")
        .append(example.text())
        .append("\n}\n")
        .append(returns ? "public void run() throws Exception { result(); }\n}\n" : "}\n");
    Files.writeString(temporary.resolve(name + ".java"), source);
    return name;
  }

  @Test
  void examplesCompileAndRun() throws IOException, InterruptedException {
    List<Pages.Example> examples = Pages.java();
    assertTrue(examples.size() >= 20, () -> examples.size() + " examples");
    List<String> names = new ArrayList<>();
    for (Pages.Example example : examples) {
      names.add(write(example));
    }
    Files.writeString(
        temporary.resolve("All.java"),
        "package org.graniteffm.runtime.docs;\nclass All {\n"
            + "public static void main(String[] args) throws Exception {\n"
            + "Surroundings.runAll(java.util.List.of(\nnew "
            + String.join("(),\nnew ", names)
            + "()));\n}\n}\n");

    Path classes = temporary.resolve("classes");
    ProcessBuilder compiler = ForkedJvm.of(List.of(), List.of());
    List<String> command = compiler.command();
    String classPath = command.get(command.indexOf("-cp") + 1);
    command.clear();
    command.add(Path.of(System.getProperty("java.home"), "bin", "javac").toString());
    command.addAll(
        List.of("-Werror", "-Xlint:all,-try,-exports,-requires-automatic,-path,-processing"));
    command.addAll(List.of("-proc:none", "-cp", classPath, "-d", classes.toString()));
    names.forEach(name -> command.add(temporary.resolve(name + ".java").toString()));
    command.add(temporary.resolve("All.java").toString());
    run(compiler);

    // what the examples call their checkpoints
    ExampleFolder.copy(DemoModel.directory(), temporary.resolve("granite"));
    for (String name :
        List.of("checkpoint", "granite-3.3-2b-instruct", "granite-3.1-1b-a400m-instruct")) {
      Files.createSymbolicLink(temporary.resolve(name), temporary.resolve("granite"));
    }
    ExampleFolder.copy(
        Path.of("src/test/resources/golden/granite_gqa_bf16"), temporary.resolve("golden-case"));
    ProcessBuilder program =
        ForkedJvm.of(
            List.of("-XX:TieredStopAtLevel=1"), List.of("org.graniteffm.runtime.docs.All"));
    int at = program.command().indexOf("-cp") + 1;
    program.command().set(at, classes + ":" + classPath);
    program.directory(temporary.toFile());
    String out;
    try (FakeHub hub = ExampleFolder.hub()) {
      program.environment().putAll(ExampleFolder.environment(temporary, hub));
      out = run(program);
    }
    assertTrue(out.endsWith("all examples ran" + System.lineSeparator()), out);
    for (String said : List.of("8 experts of width 112", " over ", " ok")) {
      assertTrue(out.contains(said), () -> said + " is not in: " + out);
    }
  }
}
