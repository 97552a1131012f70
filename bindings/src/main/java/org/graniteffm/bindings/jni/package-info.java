/**
 * Loads the tokenizer's native library. Exported to the runtime alone: whoever could call it would
 * load code of any kind with this module's right to native access.
 */
package org.graniteffm.bindings.jni;
