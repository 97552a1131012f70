package org.graniteffm.runtime.chat.jinja;

import static org.junit.jupiter.api.Assertions.fail;

import java.util.List;
import java.util.Map;
import java.util.Random;
import org.graniteffm.runtime.ModelFormatException;
import org.junit.jupiter.api.Test;

/**
 * Templates with parts exchanged, dropped and repeated: only the documented exceptions come out. A
 * longer run: {@code -Dgranite.fuzz.templates=1000000 -Dgranite.fuzz.seed=2}.
 */
class TemplateFuzzTest {
  private static final int TEMPLATES = Integer.getInteger("granite.fuzz.templates", 4000);

  @Test
  void onlyDocumentedExceptionsComeOut() {
    List<RenderingCases.Case> seeds = RenderingCases.all();
    long seed = Long.getLong("granite.fuzz.seed", 1);
    Random random = new Random(seed);
    for (int i = 0; i < TEMPLATES; i++) {
      RenderingCases.Case first = seeds.get(random.nextInt(seeds.size()));
      RenderingCases.Case second = seeds.get(random.nextInt(seeds.size()));
      String template = mutated(first.template(), second.template(), random);
      try {
        Templates.render(template, i % 2 == 0 ? first.variables() : Map.of());
      } catch (ModelFormatException | IllegalArgumentException e) {
        if (e.getMessage() == null || e.getMessage().lines().count() != 1) {
          fail("seed %d, template %s".formatted(seed, template), e);
        }
      } catch (RuntimeException | Error e) {
        fail("seed %d, template %s".formatted(seed, template), e);
      }
    }
  }

  private static String mutated(String template, String other, Random random) {
    StringBuilder text = new StringBuilder(template);
    for (int changes = 1 + random.nextInt(4); changes > 0; changes--) {
      int from = random.nextInt(text.length() + 1);
      int to = Math.min(text.length(), from + random.nextInt(12));
      switch (random.nextInt(5)) {
        case 0 -> text.delete(from, to);
        case 1 -> text.insert(from, text.substring(from, to));
        case 2 -> {
          int start = random.nextInt(other.length() + 1);
          int end = Math.min(other.length(), start + random.nextInt(60));
          text.insert(from, other, start, end);
        }
        default ->
            text.replace(from, to, TemplateParts.ALL.get(random.nextInt(TemplateParts.ALL.size())));
      }
    }
    return text.toString();
  }
}
