package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.Arrays;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.ops.Workers;
import org.graniteffm.runtime.safetensors.FileAccess;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.NativeMemory;
import org.graniteffm.runtime.verify.GoldenFolders;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MemoryNeedsTest {
  /** Of the bytes that alignment may cost. */
  private static final long SLACK = 16_384;

  @ParameterizedTest
  @CsvSource({
    "granite_mha_bias_f32, F32, 1, 9",
    "granite_gqa_bf16, BF16, 3, 40",
    "granitemoe_8x2_bf16, F32, 2, 17",
    "granitemoeshared_with_shared_mlp, BF16, 1, 100"
  })
  void areWhatIsAllocated(String name, DType cacheDtype, int batch, int tokens) throws IOException {
    try (Workers workers = Workers.of(2)) {
      GraniteForCausalLM.load(GoldenFolders.bundled().resolve(name), workers).close();
      long before = NativeMemory.inUse();
      try (GraniteForCausalLM model =
              GraniteForCausalLM.load(
                  GoldenFolders.bundled().resolve(name),
                  LoadOptions.defaults().with(workers).with(FileAccess.COPIED));
          Session session = model.withPrecision(Precision.F32).newSession();
          KvCache cache = new KvCache(model.config(), cacheDtype, batch, tokens)) {
        int[] ids = new int[batch * tokens];
        Arrays.fill(ids, 7);
        session.nextLogits(cache, ids, tokens, null, null, 0);
        long taken = NativeMemory.inUse() - before;
        long needed =
            MemoryNeeds.of(
                    model.config(),
                    cacheDtype,
                    model.checkpoint().byteSize(),
                    batch,
                    tokens,
                    2,
                    Precision.F32)
                .allocated(FileAccess.COPIED);
        assertTrue(taken >= needed && taken <= needed + SLACK, () -> taken + " taken, " + needed);
      }
      assertEquals(before, NativeMemory.inUse());
    }
  }

  @Test
  void mappedWeightsAreNotAllocated() throws IOException {
    GraniteConfig config = GraniteConfig.load(GoldenFolders.bundled().resolve("granite_gqa_bf16"));
    MemoryNeeds needs = MemoryNeeds.of(config, DType.F32, 1000, 1, 10, 1, Precision.AUTO);
    assertEquals(1000, needs.allocated(FileAccess.COPIED) - needs.allocated(FileAccess.MAPPED));
  }

  @Test
  void argumentsOutOfRangeAreRefused() throws IOException {
    GraniteConfig config = GraniteConfig.load(GoldenFolders.bundled().resolve("granite_gqa_bf16"));
    assertThrows(
        IllegalArgumentException.class,
        () -> MemoryNeeds.of(config, DType.F32, 0, 0, 1, 1, Precision.F32));
    assertThrows(
        IllegalArgumentException.class,
        () -> MemoryNeeds.of(config, DType.F32, 0, 513, 1, 1, Precision.F32));
    assertThrows(
        IllegalArgumentException.class,
        () -> MemoryNeeds.of(config, DType.F32, 0, 1, 0, 1, Precision.F32));
    assertThrows(
        IllegalArgumentException.class,
        () -> MemoryNeeds.of(config, DType.F32, 0, 1, 1, 0, Precision.F32));
    assertThrows(
        IllegalArgumentException.class,
        () -> MemoryNeeds.of(config, DType.F32, 0, 1, Long.MAX_VALUE, 1, Precision.F32));
  }
}
