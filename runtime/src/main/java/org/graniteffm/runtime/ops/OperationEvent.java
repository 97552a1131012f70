package org.graniteffm.runtime.ops;

import jdk.jfr.Category;
import jdk.jfr.Description;
import jdk.jfr.Enabled;
import jdk.jfr.Event;
import jdk.jfr.Label;
import jdk.jfr.Name;
import jdk.jfr.StackTrace;
import jdk.jfr.Threshold;

/**
 * Tells the flight recorder of an operation that took long: of kernels on all threads, from handing
 * out the first slice to the end of the last. Off unless asked for: a pass has hundreds.
 */
@Name("granite.Operation")
@Label("Operation")
@Category("Granite")
@Description("Kernels of one operation of a layer, on all threads")
@Enabled(false)
@Threshold("1 ms")
@StackTrace(false)
final class OperationEvent extends Event {
  @Label("Operation")
  String operation;

  @Label("Rows")
  @Description("Tokens, or for experts tokens times experts of each")
  int rows;

  @Label("Slices")
  int slices;

  @Label("Threads")
  int threads;
}
