package org.graniteffm.runtime.safetensors;

/** How a file's tensors come into memory. */
public enum FileAccess {
  /**
   * Mapped read-only: opens at once and takes no memory of its own, but whoever cuts the file short
   * while it is in use takes the process down.
   */
  MAPPED,
  /**
   * Read into native memory before opening returns: whatever happens to the file afterwards, the
   * tensors stay as they are. For network disks, and for folders that others can write to.
   */
  COPIED
}
