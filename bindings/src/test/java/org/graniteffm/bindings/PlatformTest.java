package org.graniteffm.bindings;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class PlatformTest {
  /** A profile of pom.xml: system, processor, the two names. */
  private static final Pattern PROFILE =
      Pattern.compile(
          "<os>\\s*<(?:name|family)>(.*?)</(?:name|family)>\\s*<arch>(.*?)</arch>"
              + ".*?<granite.platform>(.*?)</granite.platform>"
              + "\\s*<openblas.platform>(.*?)</openblas.platform>",
          Pattern.DOTALL);

  @ParameterizedTest
  @CsvSource({
    "Linux, amd64, linux-x86_64, linux-x86_64",
    "Linux, aarch64, linux-aarch_64, linux-arm64",
    "Mac OS X, x86_64, osx-x86_64, macosx-x86_64",
    "Mac OS X, aarch64, osx-aarch_64, macosx-arm64",
    "Windows 11, amd64, windows-x86_64, windows-x86_64",
    "Windows Server 2025, amd64, windows-x86_64, windows-x86_64",
    "Linux, riscv64, linux-riscv64, linux-riscv64"
  })
  void namesAreThoseOfTheJars(String os, String arch, String name, String openblas) {
    assertEquals(new Platform(name, openblas), Platform.of(os, arch));
  }

  @Test
  void buildAndLoaderAgreeOnEveryName() throws IOException {
    Map<String, Platform> built = new TreeMap<>();
    String bom = Files.readString(Path.of("../runtime/bom/pom.xml"));
    Matcher profile = PROFILE.matcher(Files.readString(Path.of("../pom.xml")));
    while (profile.find()) {
      for (int group = 3; group <= 4; group++) {
        assertTrue(bom.contains("<classifier>" + profile.group(group) + "<"), profile.group(group));
      }
      Platform platform = new Platform(profile.group(3), profile.group(4));
      assertEquals(platform, Platform.of(profile.group(1), profile.group(2)));
      built.put(platform.name(), platform);
    }
    assertEquals(5, built.size(), built::toString);
    assertTrue(built.containsKey(Platform.CURRENT.name()), Platform.CURRENT::toString);
  }
}
