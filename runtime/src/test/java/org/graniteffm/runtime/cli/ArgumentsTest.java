package org.graniteffm.runtime.cli;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

class ArgumentsTest {
  private static byte[] commandLine(String text) {
    return text.getBytes(StandardCharsets.UTF_8);
  }

  @Test
  void whatTheJvmReadIsKept() {
    String[] args = {"run", "Größe"};
    assertSame(args, Arguments.of(args));
  }

  @Test
  void lastOnesAreDecodedFromUtf8() {
    String[] args = {"run", "", "Gr\ufffd\ufffd\ufffd\ufffde"};
    assertArrayEquals(
        new String[] {"run", "", "Größe"},
        Arguments.decode(args, commandLine("java\0-jar\0x.jar\0run\0\0Größe\0")));
  }

  @Test
  void whatIsNotUtf8IsRefused() {
    byte[] bytes = commandLine("java\0run\0?\0");
    bytes[9] = (byte) 0xff;
    IllegalArgumentException e =
        assertThrows(
            IllegalArgumentException.class,
            () -> Arguments.decode(new String[] {"run", "\ufffd"}, bytes));
    assertEquals("argument 2 is not UTF-8", e.getMessage());
  }

  @Test
  void shortCommandLineIsNotTrusted() {
    String[] args = {"run", "x\ufffd"};
    assertSame(args, Arguments.decode(args, commandLine("x\0")));
    assertSame(args, Arguments.decode(args, new byte[0]));
  }
}
