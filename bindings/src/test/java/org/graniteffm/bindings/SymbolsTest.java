package org.graniteffm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import org.graniteffm.bindings.generated.granite_kernels_h;
import org.junit.jupiter.api.Test;

/**
 * What the headers declare, what the library exports and what the bindings bind are the same
 * functions.
 */
class SymbolsTest {
  private static final Path NATIVE = Path.of("../native");

  @Test
  void everyDeclaredFunctionIsBoundAndNoOther() throws IOException {
    assertEquals(declared(), bound());
  }

  @Test
  void everyBoundFunctionIsExportedAndNoOther() throws IOException {
    byte[] library = library();
    assumeTrue(library[0] == 0x7f && library[1] == 'E', "not an ELF library");
    assertEquals(bound(), exported(library));
  }

  @Test
  void tiersAreThoseOfDispatch() throws IOException {
    String source = Files.readString(NATIVE.resolve("src/dispatch.c"));
    Matcher list = Pattern.compile("gk_tiers\\[\\] = \\{(.*), NULL\\}").matcher(source);
    assertTrue(list.find());
    List<String> tiers = new ArrayList<>();
    Matcher name = Pattern.compile("\"(\\w+)\"").matcher(list.group(1));
    while (name.find()) {
      tiers.add(name.group(1));
    }
    assertEquals(tiers, NativeLibraries.TIERS);
  }

  private static Set<String> bound() {
    return new TreeSet<>(NativeLibraries.symbols(granite_kernels_h.class));
  }

  private static Set<String> declared() throws IOException {
    Set<String> names = new TreeSet<>();
    Pattern declaration = Pattern.compile("GK_API [^;(]*?(gk_\\w+)\\(");
    try (Stream<Path> headers = Files.list(NATIVE.resolve("include/granite"))) {
      for (Path header : headers.toList()) {
        Matcher matcher = declaration.matcher(Files.readString(header));
        while (matcher.find()) {
          names.add(matcher.group(1));
        }
      }
    }
    return names;
  }

  private static byte[] library() throws IOException {
    String source = NativeLibraries.kernelsSource();
    if (source.endsWith(")")) {
      return Files.readAllBytes(Path.of(System.getProperty("granite.library.path")));
    }
    try (InputStream in = URI.create(source).toURL().openStream()) {
      return in.readAllBytes();
    }
  }

  /** The defined symbols in the dynamic symbol table of a 64-bit ELF file. */
  private static Set<String> exported(byte[] library) {
    int dynamicSymbols = 11;
    ByteBuffer elf = ByteBuffer.wrap(library).order(ByteOrder.LITTLE_ENDIAN);
    int sections = (int) elf.getLong(0x28);
    int sectionSize = elf.getShort(0x3a);
    int sectionCount = elf.getShort(0x3c);
    Set<String> names = new TreeSet<>();
    for (int i = 0; i < sectionCount; i++) {
      int section = sections + i * sectionSize;
      if (elf.getInt(section + 4) != dynamicSymbols) {
        continue;
      }
      int at = (int) elf.getLong(section + 0x18);
      int end = at + (int) elf.getLong(section + 0x20);
      int nameSection = sections + elf.getInt(section + 0x28) * sectionSize;
      int strings = (int) elf.getLong(nameSection + 0x18);
      for (; at < end; at += 24) {
        boolean defined = elf.getShort(at + 6) != 0;
        if (defined) {
          int start = strings + elf.getInt(at);
          int length = 0;
          while (library[start + length] != 0) {
            length++;
          }
          names.add(new String(library, start, length, StandardCharsets.US_ASCII));
        }
      }
    }
    return names;
  }
}
