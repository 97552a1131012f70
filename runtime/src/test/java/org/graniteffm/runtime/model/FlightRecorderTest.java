package org.graniteffm.runtime.model;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Comparator;
import java.util.List;
import java.util.function.ToLongFunction;
import jdk.jfr.Recording;
import jdk.jfr.consumer.RecordedEvent;
import jdk.jfr.consumer.RecordingFile;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.generate.GenerationConfig;
import org.graniteffm.runtime.generate.Generator;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class FlightRecorderTest {
  private static final int[] PROMPT = {310, 420, 530, 640, 750};
  private static final int NEW_TOKENS = 6;

  @TempDir private Path temporary;

  /** Events of this thread alone: other tests may run beside it. */
  private List<RecordedEvent> events(Recording recording, String name) throws IOException {
    Path file = temporary.resolve(name + ".jfr");
    recording.dump(file);
    String thread = Thread.currentThread().getName();
    return RecordingFile.readAllEvents(file).stream()
        .filter(e -> e.getEventType().getName().equals(name))
        .filter(e -> e.getThread().getJavaName().equals(thread))
        .sorted(Comparator.comparing(RecordedEvent::getStartTime))
        .toList();
  }

  private static long sum(List<RecordedEvent> events, ToLongFunction<RecordedEvent> field) {
    return events.stream().mapToLong(field).sum();
  }

  @Test
  void recordingHoldsLoadPrefillAndEachStep() throws IOException {
    Path folder = DemoModel.directory();
    GenerationConfig config = GenerationConfig.builder().maxNewTokens(NEW_TOKENS).build();
    try (Recording recording = new Recording()) {
      recording.enable("granite.Load").withoutThreshold();
      recording.enable("granite.Prefill").withoutThreshold();
      recording.enable("granite.DecodeStep").withoutThreshold();
      recording.start();
      long bytes;
      try (GraniteForCausalLM model = GraniteForCausalLM.load(folder);
          Generator generator = new Generator(model)) {
        bytes = model.checkpoint().byteSize();
        generator.generate(PROMPT, config, (_, _) -> true);
        model.forward(ForwardInput.ofIds(PROMPT).build()).close();
      }
      recording.stop();

      List<RecordedEvent> loads = events(recording, "granite.Load");
      assertEquals(1, loads.size());
      assertEquals(folder.toString(), loads.getFirst().getString("model"));
      assertEquals(bytes, loads.getFirst().getLong("bytes"));
      assertTrue(loads.getFirst().getInt("tensors") > 10);
      assertTrue(loads.getFirst().getDuration().isPositive());

      List<RecordedEvent> prefills = events(recording, "granite.Prefill");
      assertEquals(2, prefills.size());
      for (RecordedEvent prefill : prefills) {
        assertEquals(folder.toString(), prefill.getString("model"));
        assertEquals(1, prefill.getInt("sequences"));
        assertEquals(PROMPT.length, prefill.getInt("tokens"));
        assertEquals(0, prefill.getInt("past"));
        assertTrue(prefill.getLong("cacheBytes") > 0);
        assertTrue(prefill.getDuration().isPositive());
      }

      List<RecordedEvent> steps = events(recording, "granite.DecodeStep");
      assertEquals(NEW_TOKENS - 1, steps.size());
      assertEquals(NEW_TOKENS - 1, sum(steps, e -> e.getInt("tokens")));
      for (int i = 0; i < steps.size(); i++) {
        assertEquals(PROMPT.length + i, steps.get(i).getInt("past"));
        assertTrue(steps.get(i).getDuration().isPositive());
        if (i > 0) {
          assertTrue(
              steps.get(i - 1).getEndTime().compareTo(steps.get(i).getStartTime()) <= 0,
              "steps follow each other");
        }
      }
    }
  }

  private List<RecordedEvent> operations(Recording recording) throws IOException {
    recording.start();
    try (GraniteForCausalLM model = GraniteForCausalLM.load(DemoModel.directory())) {
      model.forward(ForwardInput.ofIds(PROMPT).build()).close();
    }
    recording.stop();
    return events(recording, "granite.Operation");
  }

  @Test
  void operationsAreRecordedWhereAskedFor() throws IOException {
    try (Recording recording = new Recording()) {
      recording.enable("granite.Operation").withoutThreshold();
      List<RecordedEvent> operations = operations(recording);
      int layers = GraniteConfig.load(DemoModel.directory()).numHiddenLayers();
      List<RecordedEvent> experts =
          operations.stream().filter(e -> e.getString("operation").equals("experts")).toList();
      assertEquals(layers, experts.size());
      assertTrue(experts.getFirst().getInt("rows") > PROMPT.length, "a token has several experts");
      assertTrue(experts.getFirst().getInt("slices") > 1);
      assertTrue(experts.getFirst().getInt("threads") >= 1);
      assertTrue(operations.stream().anyMatch(e -> e.getString("operation").equals("linear")));
      assertTrue(operations.stream().anyMatch(e -> e.getString("operation").equals("addRmsNorm")));
    }
  }

  @Test
  void operationsAreNotRecordedByDefault() throws IOException {
    try (Recording recording = new Recording()) {
      assertEquals(List.of(), operations(recording));
    }
  }

  @Test
  void thresholdKeepsShortOperationsOut() throws IOException {
    try (Recording recording = new Recording()) {
      recording.enable("granite.Operation").withThreshold(Duration.ofHours(1));
      assertEquals(List.of(), operations(recording));
    }
  }
}
