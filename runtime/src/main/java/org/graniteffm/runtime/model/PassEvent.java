package org.graniteffm.runtime.model;

import jdk.jfr.Category;
import jdk.jfr.DataAmount;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.StackTrace;

/** Tells the flight recorder of a pass through the model, head included. */
@Category("Granite")
@StackTrace(false) // always the same, and the costly part
abstract class PassEvent extends Event {
  @Label("Model")
  String model;

  @Label("Sequences")
  int sequences;

  @Label("New Tokens per Sequence")
  int tokens;

  @Label("Tokens per Sequence in the Cache Before")
  int past;

  @Label("Cache")
  @DataAmount
  long cacheBytes;
}
