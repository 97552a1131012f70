package org.graniteffm.bench.model;

import java.io.IOException;
import java.nio.file.Path;
import java.util.SplittableRandom;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.demo.DemoModel;
import org.graniteffm.runtime.model.Costs;
import org.graniteffm.runtime.model.GraniteForCausalLM;
import org.graniteffm.runtime.model.Session;
import org.graniteffm.runtime.ops.Workers;

/**
 * The model that is measured, open.
 *
 * @param model over the checkpoint
 * @param workers to compute with
 * @param session of one caller
 * @param costs of the model
 */
record BenchmarkModel(GraniteForCausalLM model, Workers workers, Session session, Costs costs)
    implements AutoCloseable {
  private static final String FOLDER_PROPERTY = "granite.bench.model";

  static BenchmarkModel open(int threads) throws IOException {
    String folder = System.getProperty(FOLDER_PROPERTY);
    Workers workers = threads == 0 ? Workers.shared() : Workers.of(threads);
    try {
      GraniteForCausalLM model =
          GraniteForCausalLM.load(
              folder == null ? DemoModel.directory() : Path.of(folder), workers);
      return new BenchmarkModel(model, workers, model.newSession(), Costs.of(model));
    } catch (Throwable t) {
      workers.close();
      throw t;
    }
  }

  GraniteConfig config() {
    return model.config();
  }

  /** Random tokens of the vocabulary. */
  int[] tokens(int count, long seed) {
    return new SplittableRandom(seed).ints(count, 0, config().vocabSize()).toArray();
  }

  @Override
  public void close() {
    session.close();
    model.close();
    workers.close();
  }
}
