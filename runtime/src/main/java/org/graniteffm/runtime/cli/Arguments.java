package org.graniteffm.runtime.cli;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;

/**
 * The program's arguments as they were given. In the locale "C", which is what containers have, the
 * JVM replaces each byte beyond ASCII, and the model would be given another prompt in silence.
 */
final class Arguments {
  private static final Path COMMAND_LINE = Path.of("/proc/self/cmdline");

  private Arguments() {}

  /**
   * Looks again if the JVM gave up on a byte.
   *
   * @param args as the JVM decoded them
   * @return decoded from UTF-8 where the system tells the bytes, else unchanged
   * @throws IllegalArgumentException if one is not UTF-8
   */
  static String[] of(String[] args) {
    if (Arrays.stream(args).noneMatch(arg -> arg.indexOf('\ufffd') >= 0)) {
      return args;
    }
    byte[] commandLine;
    try {
      commandLine = Files.readAllBytes(COMMAND_LINE);
    } catch (IOException e) {
      return args; // not Linux
    }
    return decode(args, commandLine);
  }

  /** The arguments are the last ones of the command line; each ends with a zero byte. */
  static String[] decode(String[] args, byte[] commandLine) {
    String[] decoded = args.clone();
    int end = commandLine.length - 1;
    for (int i = args.length - 1; i >= 0; i--) {
      int start = end;
      while (start > 0 && commandLine[start - 1] != 0) {
        start--;
      }
      if (end < 0) {
        return args;
      }
      try {
        ByteBuffer bytes = ByteBuffer.wrap(commandLine, start, end - start);
        decoded[i] = StandardCharsets.UTF_8.newDecoder().decode(bytes).toString();
      } catch (CharacterCodingException e) {
        throw new IllegalArgumentException("argument %d is not UTF-8".formatted(i + 1), e);
      }
      end = start - 1;
    }
    return decoded;
  }
}
