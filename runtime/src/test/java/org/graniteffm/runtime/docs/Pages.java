package org.graniteffm.runtime.docs;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** The pages of the documentation, and the examples on them. */
final class Pages {
  static final Path ROOT = Path.of("..").toAbsolutePath().normalize();

  private static final List<String> MODULES = List.of("native", "bindings", "runtime", "bench");

  /** Needs more than is here: a test of its own compiles what its page shows. */
  private static final String LANGCHAIN4J = "runtime/langchain4j";

  private static final Pattern FENCED = Pattern.compile("(?ms)^```(\\w+)\n(.*?)^```$");
  private static final Pattern INDENTED = Pattern.compile("(?m)(?<=\n\n)(?:(?: {4}.*)?\n)+");
  private static final Pattern JAVADOC = Pattern.compile("(?s)<pre>\\{@code\n(.*?)\n \\* }</pre>");

  private Pages() {}

  /**
   * Something to be tried.
   *
   * @param where its page, and its number there
   * @param text the code
   */
  record Example(String where, String text) {}

  static List<Path> all() throws IOException {
    List<Path> pages = new ArrayList<>(List.of(ROOT.resolve("README.md")));
    for (String folder : Stream.concat(MODULES.stream(), Stream.of(LANGCHAIN4J)).toList()) {
      try (Stream<Path> files = Files.list(ROOT.resolve(folder))) {
        files.filter(file -> file.toString().endsWith(".md")).sorted().forEach(pages::add);
      }
    }
    return pages;
  }

  /** All that is marked as Java, and all that Javadoc of packages has. */
  static List<Example> java() throws IOException {
    List<Example> examples = new ArrayList<>();
    for (Path page : all()) {
      if (page.startsWith(ROOT.resolve(LANGCHAIN4J))) {
        continue;
      }
      List<String> blocks =
          FENCED
              .matcher(Files.readString(page))
              .results()
              .filter(block -> block.group(1).equals("java"))
              .map(block -> block.group(2))
              .toList();
      add(examples, page, blocks);
    }
    for (String module : MODULES) {
      Path sources = ROOT.resolve(module).resolve("src/main/java");
      if (Files.exists(sources)) {
        try (Stream<Path> files = Files.walk(sources)) {
          for (Path file : files.filter(f -> f.endsWith("package-info.java")).sorted().toList()) {
            List<String> blocks =
                JAVADOC
                    .matcher(Files.readString(file))
                    .results()
                    .map(block -> block.group(1).replaceAll("(?m)^ \\* ?", ""))
                    .toList();
            add(examples, file, blocks);
          }
        }
      }
    }
    return examples;
  }

  /** All that is marked as shell, and what is only indented, if it calls the command. */
  static List<Example> shell() throws IOException {
    List<Example> examples = new ArrayList<>();
    for (Path page : all()) {
      String text = Files.readString(page).replaceAll("(?ms)^```java\n.*?^```$", "");
      List<String> blocks = new ArrayList<>();
      FENCED.matcher(text).results().map(block -> block.group(2)).forEach(blocks::add);
      INDENTED
          .matcher(text)
          .results()
          .map(MatchResult::group)
          .map(String::stripIndent)
          .forEach(blocks::add);
      blocks.removeIf(
          block -> !Pattern.compile("(?m)(^|[ (/])granite [a-z-]").matcher(block).find());
      add(examples, page, blocks);
    }
    return examples;
  }

  private static void add(List<Example> examples, Path page, List<String> blocks) {
    for (int i = 0; i < blocks.size(); i++) {
      examples.add(new Example(ROOT.relativize(page) + " " + (i + 1), blocks.get(i)));
    }
  }
}
