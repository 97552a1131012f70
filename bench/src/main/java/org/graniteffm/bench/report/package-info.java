/**
 * Draws one page from results: {@link org.graniteffm.bench.report.Report} is the program.
 *
 * <p>It reads what {@link org.graniteffm.bench.Suite} and {@code granite bench --json} write, and
 * measures nothing itself. The page's frame and style are the resource {@code report.html}.
 */
package org.graniteffm.bench.report;
