import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/**
 * Keeps the generated bindings in step with the headers, without jextract.
 *
 * <pre>
 *   java bindings/jextract/Stamp.java check             exit 1 if anything changed since the stamp was written
 *   java bindings/jextract/Stamp.java write VERSION     generate.sh does this
 * </pre>
 *
 * <p>The stamp holds the version of jextract, and the SHA-256 of every header and include list that
 * went into jextract and of every file that came out. Needs Java 17.
 */
public final class Stamp {
  private static final Path STAMP = Path.of("bindings/jextract/stamp");
  private static final String COMMAND = "bindings/jextract/generate.sh";

  private Stamp() {}

  /**
   * Checks or writes the stamp.
   *
   * @param args see above
   * @throws IOException if a file cannot be read
   */
  public static void main(String[] args) throws IOException {
    Path root = root();
    if (args.length == 2 && args[0].equals("write")) {
      List<String> lines = new ArrayList<>(hashes(root));
      lines.add(0, args[1]);
      Files.writeString(root.resolve(STAMP), String.join("\n", lines) + "\n");
      return;
    }
    if (args.length != 1 || !args[0].equals("check")) {
      System.err.println("usage: java Stamp.java check | write VERSION");
      System.exit(2);
    }
    List<String> stamped = Files.readAllLines(root.resolve(STAMP));
    List<String> expected = stamped.subList(Math.min(1, stamped.size()), stamped.size());
    List<String> found = hashes(root);
    if (!found.equals(expected)) {
      System.err.println("The generated bindings are out of step with what they are made from:");
      found.stream().filter(line -> !expected.contains(line)).forEach(Stamp::report);
      expected.stream()
          .filter(line -> found.stream().noneMatch(other -> path(other).equals(path(line))))
          .forEach(Stamp::report);
      System.err.println("Run:  " + COMMAND + "   and commit what it writes.");
      System.exit(1);
    }
  }

  private static void report(String line) {
    System.err.println("  " + path(line));
  }

  private static String path(String line) {
    return line.substring(line.indexOf("  ") + 2);
  }

  /**
   * Lines as sha256sum writes them, so that {@code tail -n +2 stamp | sha256sum -c} checks the
   * same.
   */
  private static List<String> hashes(Path root) throws IOException {
    List<String> lines = new ArrayList<>();
    for (String directory :
        List.of(
            "native/include/granite",
            "bindings/jextract",
            "bindings/src/main/java/org/graniteffm/bindings/generated")) {
      try (Stream<Path> files = Files.list(root.resolve(directory))) {
        files
            .filter(file -> file.toString().matches(".*\\.(h|includes|java)"))
            .filter(file -> !file.endsWith("Stamp.java"))
            .sorted()
            .forEach(file ->
                lines.add(
                    sha256(file) + "  " + root.relativize(file).toString().replace('\\', '/')));
      }
    }
    return lines;
  }

  private static String sha256(Path file) {
    try {
      // Line ends do not count: a checkout may have converted them.
      byte[] bytes = Files.readString(file).replace("\r\n", "\n").getBytes("UTF-8");
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  /**
   * The repository: this directory or the one above that holds the stamp (Maven runs in bindings).
   */
  private static Path root() throws IOException {
    for (Path at = Path.of("").toAbsolutePath(); at != null; at = at.getParent()) {
      if (Files.isDirectory(at.resolve(STAMP).getParent())) {
        return at;
      }
    }
    throw new IOException(STAMP + ": not found in this directory or above");
  }
}
