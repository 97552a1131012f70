package org.graniteffm.runtime.model;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Description;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;

/** Tells the flight recorder that a checkpoint was opened. */
@Name("granite.Load")
@Label("Load")
@Category("Granite")
@Description("Opening a checkpoint: config, headers, kernels, weights mapped or copied")
final class LoadEvent extends Event {
  @Label("Model")
  String model;

  @Label("Tensors")
  int tensors;

  @Label("Weights")
  @DataAmount
  long bytes;
}
