package org.graniteffm.runtime.generate;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.OptionalInt;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What generate allocates on its caller's thread from one token to the next, once the compilers are
 * done; the pool's threads run the same code. Not part of it is what a text costs once: its tokens
 * are in arrays that are made in advance, and in a list at the end.
 */
class GenerationAllocationTest {
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
  private static final int FIRST = 20; // tokens until the arrays have the size they keep
  private static final int LAST = 200;

  enum Way {
    GREEDY,
    PROCESSED,
    SAMPLED,
    LOOKED_UP,
    ASSISTED;

    GenerationConfig config() {
      GenerationConfig.Builder config = GenerationConfig.builder().maxNewTokens(LAST);
      return switch (this) {
        case GREEDY -> config.build();
        case PROCESSED -> config.repetitionPenalty(1.2).noRepeatNgramSize(4).minLength(9).build();
        case SAMPLED -> config.doSample(true).topP(0.9).minP(0.01).seed(1).build();
        case LOOKED_UP -> config.promptLookupNumTokens(OptionalInt.of(5)).build();
        case ASSISTED -> config.numAssistantTokens(3).build();
      };
    }
  }

  /** Bytes from the first of the tokens to the last. */
  private static final class Meter implements TokenListener {
    private int tokens;
    private long before;
    private long allocated;

    @Override
    public boolean onToken(int sequence, int id) {
      tokens++;
      if (tokens == FIRST) {
        before = THREADS.getCurrentThreadAllocatedBytes();
      } else if (tokens == LAST) {
        allocated = THREADS.getCurrentThreadAllocatedBytes() - before;
      }
      return true;
    }
  }

  @ParameterizedTest
  @EnumSource
  void steadyStateAllocatesNothing(Way way) throws IOException {
    int[] prompt = {310, 420, 530, 640, 750, 310, 420, 530};
    try (GraniteForCausalLM model = GraniteForCausalLM.load(DemoModel.directory());
        Generator generator = new Generator(model, way == Way.ASSISTED ? model : null)) {
      GenerationConfig config = way.config();
      long least = Long.MAX_VALUE;
      for (int round = 0; round < 300 && least > 0; round++) {
        Meter meter = new Meter();
        assertEquals(LAST, generator.generate(prompt, config, meter).newTokens());
        least = Math.min(least, meter.allocated);
      }
      assertEquals(0, least, "bytes in " + (LAST - FIRST) + " tokens, least of all rounds");
    }
  }
}
