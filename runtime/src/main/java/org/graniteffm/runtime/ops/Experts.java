package org.graniteffm.runtime.ops;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.config.Activation;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.NativeMemory;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * A mixture of experts: each token goes through the {@code k} experts its router prefers, and
 * through no other.
 *
 * <p>One token reads just the rows of its own experts, cut finely over the threads. Many tokens are
 * grouped by expert, so that each expert's weights are read once for all its tokens; the results
 * are then added up token by token, in the order of the token's own ranking, whichever thread
 * computed them. On a matrix unit the gathering is part of packing, the gate part of the first
 * product and the adding part of the second: there a token's results are added in the order of its
 * experts' numbers.
 *
 * <p>An instance belongs to one session, is used by one thread at a time and allocates nothing in
 * {@link #apply}.
 */
public final class Experts {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT;
  private static final int TOKENS_PER_SLICE = 16;
  private static final int TOKENS_PER_CHOICE = 64;
  private static final int ROWS_PER_GROUP = 16; // of packed activations
  private static final int SLICES_PER_WORKER = 8; // so that a stalled core holds up little

  private final Ops ops;
  private final int experts;
  private final int k;
  private final int hidden;
  private final int intermediate;
  private final Activation activation;

  private final MemorySegment ids; // [rows, k] i32
  private final MemorySegment weights; // [rows, k] f32
  private final MemorySegment zeros; // [H] f32: a copy, unlike a fill, needs no slice
  private final Matrix routed; // [rows * k, H]: an expert's inputs, and then its outputs

  /** {@code [rows * k, 2I]}: gate and up, and then the activation in the gate's place. */
  private final Matrix gateUp;

  // Assignments (token, rank) sorted by expert: those of e stand at start[e] to start[e + 1].
  private final int[] start;
  private final int[] tokenOf;
  private final int[] placeOf; // [rows * k]: where the token's assignment of that rank stands

  // On a matrix unit: each expert's rows fill whole groups of 16, from group[e] to group[e + 1].
  private final boolean rounds;
  private final int[] group;
  private final int[] expertOfGroup;
  private final MemorySegment starts; // [E + 1] i32, as start
  private final MemorySegment sortedTokens; // [rows * k] i32, by expert
  private final MemorySegment sortedWeights; // [rows * k] f32, by expert
  private final MemorySegment packed; // [rows * k, H], gathered
  private final MemorySegment packedGate; // [rows * k, I]

  private final Workers.Job chooseJob = this::chooseSlice;
  private final Workers.Job packJob = this::packSlice;
  private final Workers.Job packedUpJob = this::packedUpSlice;
  private final Workers.Job packedDownJob = this::packedDownSlice;
  private final Workers.Job expertJob = this::expertSlice;
  private final Workers.Job combineJob = this::combineSlice;
  private final Workers.Job upJob = this::upSlice;
  private final Workers.Job downJob = this::downSlice;

  // Operands of the job in hand.
  private Tensor input;
  private Tensor output;
  private Matrix x;
  private Matrix routerLogits;
  private Matrix y;
  private int rows;
  private boolean packs;
  private int upSliceRows;
  private int upSlices;
  private int downSliceRows;
  private int sliceExperts;

  /**
   * Allocates scratch memory.
   *
   * @param ops runs the slices
   * @param arena owns the memory
   * @param maxRows most tokens in one call
   * @param experts E
   * @param k experts per token
   * @param hidden H
   * @param intermediate I, the width of one expert
   * @param activation the gate's function
   * @param rounds whether many tokens may be rounded to bfloat16 for a matrix unit
   */
  public Experts(
      Ops ops,
      Arena arena,
      int maxRows,
      int experts,
      int k,
      int hidden,
      int intermediate,
      Activation activation,
      boolean rounds) {
    this.ops = ops;
    this.experts = experts;
    this.k = k;
    this.hidden = hidden;
    this.intermediate = intermediate;
    this.activation = activation;
    int assignments = Math.multiplyExact(maxRows, k);
    ids = NativeMemory.allocate(arena, (long) assignments * Integer.BYTES, "chosen experts");
    weights = NativeMemory.allocate(arena, (long) assignments * Float.BYTES, "experts' weights");
    zeros = NativeMemory.allocate(arena, (long) hidden * Float.BYTES, "zeros");
    routed = Matrix.allocate(arena, assignments, hidden);
    gateUp = Matrix.allocate(arena, assignments, 2 * intermediate);
    start = new int[experts + 1];
    tokenOf = new int[assignments];
    placeOf = new int[assignments];
    this.rounds = rounds && activation == Activation.SILU;
    if (this.rounds) {
      int groups = assignments / ROWS_PER_GROUP + Math.min(experts, assignments);
      group = new int[experts + 1];
      expertOfGroup = new int[groups];
      starts = NativeMemory.allocate(arena, (experts + 1L) * Integer.BYTES, "first tokens");
      sortedTokens =
          NativeMemory.allocate(arena, (long) assignments * Integer.BYTES, "sorted tokens");
      sortedWeights =
          NativeMemory.allocate(arena, (long) assignments * Float.BYTES, "sorted weights");
      long in = groups * Kernels.packedBytes(ROWS_PER_GROUP, hidden);
      packed = NativeMemory.allocate(arena, in, "packed rows");
      long between = groups * Kernels.packedBytes(ROWS_PER_GROUP, intermediate);
      packedGate = NativeMemory.allocate(arena, between, "packed gates");
    } else {
      group = null;
      expertOfGroup = null;
      starts = null;
      sortedTokens = null;
      sortedWeights = null;
      packed = null;
      packedGate = null;
    }
  }

  /**
   * {@code y = Σ_{e in top k} w_e · W_out[e] (act(a) ⊙ b)} with {@code [a; b] = W_in[e] x}.
   *
   * @param x {@code [rows, H]}
   * @param rows how many
   * @param routerLogits {@code [rows, E]}
   * @param input {@code [E, 2I, H]}, the gate's rows first
   * @param output {@code [E, H, I]}
   * @param y {@code [rows, H]}
   */
  public void apply(
      Matrix x, int rows, Matrix routerLogits, Tensor input, Tensor output, Matrix y) {
    this.x = x;
    this.rows = rows;
    this.input = input;
    this.output = output;
    this.routerLogits = routerLogits;
    this.y = y;
    packs = rounds && rows > Gemm.GEMV_ROWS && areBf16(input, output);
    choose();
    if (rows == 1) {
      applyToOne();
    } else if (packs) {
      groupByExpert();
      applyPacked();
    } else {
      groupByExpert();
      ops.run("experts", rows * k, expertJob, experts);
      ops.run("combineExperts", rows, combineJob, Math.ceilDiv(rows, TOKENS_PER_SLICE));
    }
  }

  private void choose() {
    int slices = Math.ceilDiv(rows, TOKENS_PER_CHOICE);
    if (slices == 1) {
      chooseSlice(0, 0);
    } else {
      ops.run("chooseExperts", rows, chooseJob, slices);
    }
  }

  /** Some tokens' experts, and where these add to it later, zeros for their y. */
  private void chooseSlice(int slice, int worker) {
    int first = slice * TOKENS_PER_CHOICE;
    int count = Math.min(TOKENS_PER_CHOICE, rows - first);
    Kernels.topKSoftmax(
        routerLogits.segment(),
        routerLogits.rowOffset(first),
        routerLogits.cols(),
        count,
        experts,
        k,
        ids,
        (long) first * k * Integer.BYTES,
        weights,
        (long) first * k * Float.BYTES);
    if (packs) {
      for (int row = first; row < first + count; row++) {
        zeroRow(row);
      }
    }
  }

  private void zeroRow(int row) {
    MemorySegment.copy(zeros, 0, y.segment(), y.rowOffset(row), (long) hidden * Float.BYTES);
  }

  /** Two dispatches for one token: all rows of W_in of its experts, then all rows of W_out. */
  private void applyToOne() {
    int workers = ops.workers().size();
    long bytes = 2L * k * intermediate * hidden * input.dtype().byteSize();
    upSliceRows = Math.min(Gemm.sliceRows(1, input, bytes, workers), 2 * intermediate);
    upSlices = Math.ceilDiv(2 * intermediate, upSliceRows);
    // a slice of the second dispatch takes its rows of each of the k experts
    downSliceRows = Math.max(8, Gemm.sliceRows(1, output, bytes / 2, workers) / k & ~7);
    int downSlices = Math.ceilDiv(hidden, downSliceRows);
    if (bytes < Ops.ALONE_BYTES) {
      runAlone(upJob, k * upSlices);
    } else {
      ops.run("expertsUp", k, upJob, k * upSlices);
    }
    activate(0, k);
    if (bytes < Ops.ALONE_BYTES) {
      runAlone(downJob, downSlices);
    } else {
      ops.run("expertsDown", k, downJob, downSlices);
    }
  }

  private static void runAlone(Workers.Job job, int slices) {
    for (int slice = 0; slice < slices; slice++) {
      job.slice(slice, 0);
    }
  }

  private int expertAt(long assignment) {
    return ids.getAtIndex(INT, assignment);
  }

  private void upSlice(int slice, int worker) {
    int rank = slice / upSlices;
    int first = slice % upSlices * upSliceRows;
    int n = Math.min(upSliceRows, 2 * intermediate - first);
    ops.gemm()
        .multiply(
            x.segment(),
            0,
            x.cols(),
            1,
            input,
            (long) expertAt(rank) * 2 * intermediate + first,
            n,
            1f,
            gateUp.segment(),
            gateUp.rowOffset(rank) + (long) first * Float.BYTES,
            gateUp.cols(),
            worker);
  }

  /** Adds up as {@link #combineSlice} does: a token alone gets the very bits it gets in a batch. */
  private void downSlice(int slice, int worker) {
    int first = slice * downSliceRows;
    int n = Math.min(downSliceRows, hidden - first);
    int type = Linear.kernelType(output.dtype());
    long offset = (long) first * Float.BYTES;
    for (int rank = 0; rank < k; rank++) {
      long row = (long) expertAt(rank) * hidden + first;
      float weight = weights.getAtIndex(Ops.FLOAT, rank);
      Matrix out = rank == 0 ? y : routed;
      long outOffset = out.rowOffset(rank) + offset;
      Kernels.gemv(
          type,
          output.segment(),
          row * intermediate * output.dtype().byteSize(),
          intermediate,
          n,
          intermediate,
          gateUp.segment(),
          gateUp.rowOffset(rank),
          gateUp.cols(),
          1,
          rank == 0 ? weight : 1f,
          0f,
          out.segment(),
          outOffset,
          out.cols());
      if (rank > 0) {
        addScaled(routed, rank, offset, n, weight);
      }
    }
  }

  /** Adds columns of a row to the only row of y. */
  private void addScaled(Matrix from, int row, long offset, int n, float scale) {
    Kernels.addScaled(
        y.segment(),
        offset,
        y.cols(),
        from.segment(),
        from.rowOffset(row) + offset,
        from.cols(),
        scale,
        1,
        n);
  }

  /** Counting sort of the assignments by expert; within an expert by token. */
  private void groupByExpert() {
    int assignments = rows * k;
    Arrays.fill(start, 0);
    for (int a = 0; a < assignments; a++) {
      start[expertAt(a) + 1]++;
    }
    for (int e = 0; e < experts; e++) {
      start[e + 1] += start[e];
    }
    for (int a = 0; a < assignments; a++) {
      int place = start[expertAt(a)]++;
      tokenOf[place] = a / k;
      placeOf[a] = place;
    }
    // each start has moved to its expert's end, which is the next one's start
    System.arraycopy(start, 0, start, 1, experts);
    start[0] = 0;
  }

  private void expertSlice(int expert, int worker) {
    int first = start[expert];
    int count = start[expert + 1] - first;
    if (count == 0) {
      return;
    }
    long rowBytes = (long) hidden * Float.BYTES;
    for (int i = first; i < first + count; i++) {
      MemorySegment.copy(
          x.segment(), x.rowOffset(tokenOf[i]), routed.segment(), routed.rowOffset(i), rowBytes);
    }
    long row = (long) expert * 2 * intermediate;
    for (int n = 0; n < 2 * intermediate; n += Gemm.PANEL_ROWS) {
      ops.gemm()
          .multiply(
              routed.segment(),
              routed.rowOffset(first),
              routed.cols(),
              count,
              input,
              row + n,
              Math.min(Gemm.PANEL_ROWS, 2 * intermediate - n),
              1f,
              gateUp.segment(),
              gateUp.rowOffset(first) + (long) n * Float.BYTES,
              gateUp.cols(),
              worker);
    }
    activate(first, count);
    for (int n = 0; n < hidden; n += Gemm.PANEL_ROWS) {
      ops.gemm()
          .multiply(
              gateUp.segment(),
              gateUp.rowOffset(first),
              gateUp.cols(),
              count,
              output,
              (long) expert * hidden + n,
              Math.min(Gemm.PANEL_ROWS, hidden - n),
              1f,
              routed.segment(),
              routed.rowOffset(first) + (long) n * Float.BYTES,
              routed.cols(),
              worker);
    }
  }

  private static boolean areBf16(Tensor input, Tensor output) {
    return input.dtype() == DType.BF16 && output.dtype() == DType.BF16;
  }

  /** Three dispatches: gather and pack; up, with the gate; down, added to y. */
  private void applyPacked() {
    int groups = 0;
    for (int e = 0; e < experts; e++) {
      group[e] = groups;
      for (int left = start[e + 1] - start[e]; left > 0; left -= ROWS_PER_GROUP) {
        expertOfGroup[groups++] = e;
      }
    }
    group[experts] = groups;
    MemorySegment.copy(start, 0, starts, INT, 0, experts + 1);
    for (int place = 0; place < rows * k; place++) {
      sortedTokens.setAtIndex(INT, place, tokenOf[place]);
    }
    for (int a = 0; a < rows * k; a++) {
      sortedWeights.setAtIndex(Ops.FLOAT, placeOf[a], weights.getAtIndex(Ops.FLOAT, a));
    }
    int workers = ops.workers().size();
    // some experts in turn, or where there are few of them some columns of one
    sliceExperts = Math.ceilDiv(experts, SLICES_PER_WORKER * workers);
    upSliceRows =
        sliceExperts > 1
            ? intermediate
            : Gemm.packedSliceRows(2 * experts * intermediate, hidden, workers) / 2;
    upSlices = Math.ceilDiv(intermediate, upSliceRows);
    downSliceRows = packedDownRows(workers);
    ops.run("packExperts", rows * k, packJob, groups);
    ops.run("expertsUp", rows * k, packedUpJob, Math.ceilDiv(experts, sliceExperts) * upSlices);
    ops.run("expertsDown", rows * k, packedDownJob, Math.ceilDiv(hidden, downSliceRows));
  }

  /**
   * Two slices for each thread, of at least 128 rows. Each reads the activations of all experts: in
   * slices half as long the product took a seventh longer.
   */
  private int packedDownRows(int workers) {
    int rows = Math.min(hidden / (2 * workers), 1024);
    return rows < 256 ? 128 : rows & -256;
  }

  private void packSlice(int slice, int worker) {
    int expert = expertOfGroup[slice];
    int first = start[expert] + (slice - group[expert]) * ROWS_PER_GROUP;
    Kernels.packBf16(
        x.segment(),
        0,
        x.cols(),
        rows,
        sortedTokens,
        (long) first * Integer.BYTES,
        Math.min(ROWS_PER_GROUP, start[expert + 1] - first),
        hidden,
        packed,
        slice * Kernels.packedBytes(ROWS_PER_GROUP, hidden));
  }

  private void packedUpSlice(int slice, int worker) {
    int first = slice / upSlices * sliceExperts;
    int column = slice % upSlices * upSliceRows;
    int count = Math.min(sliceExperts, experts - first);
    long expertBytes = 2L * intermediate * hidden * Short.BYTES;
    long gate = first * expertBytes + (long) column * hidden * Short.BYTES;
    Kernels.siluMulGemmGroupedBf16(
        input.segment(),
        gate,
        input.segment(),
        gate + expertBytes / 2,
        hidden,
        2L * intermediate * hidden,
        Math.min(upSliceRows, intermediate - column),
        hidden,
        packed,
        group[first] * Kernels.packedBytes(ROWS_PER_GROUP, hidden),
        count,
        starts,
        (long) first * Integer.BYTES,
        column,
        intermediate,
        packedGate,
        group[first] * Kernels.packedBytes(ROWS_PER_GROUP, intermediate),
        ops.gemm().scratch(worker));
  }

  /** Some columns of y, of all experts in turn: so no two threads add to the same element. */
  private void packedDownSlice(int slice, int worker) {
    int first = slice * downSliceRows;
    Kernels.gemmGroupedBf16(
        output.segment(),
        (long) first * intermediate * Short.BYTES,
        intermediate,
        (long) hidden * intermediate,
        Math.min(downSliceRows, hidden - first),
        intermediate,
        packedGate,
        0,
        experts,
        starts,
        0,
        (long) rows * k,
        1f,
        sortedTokens,
        0,
        sortedWeights,
        0,
        1f,
        y.segment(),
        (long) first * Float.BYTES,
        y.cols(),
        rows,
        ops.gemm().scratch(worker));
  }

  private void activate(int first, int count) {
    long offset = gateUp.rowOffset(first);
    Ops.gatedActivation(
        activation,
        gateUp.segment(),
        offset,
        gateUp.cols(),
        gateUp.segment(),
        offset + (long) intermediate * Float.BYTES,
        gateUp.cols(),
        count,
        intermediate,
        gateUp.segment(),
        offset,
        gateUp.cols());
  }

  private void combineSlice(int slice, int worker) {
    int first = slice * TOKENS_PER_SLICE;
    int last = Math.min(first + TOKENS_PER_SLICE, rows);
    for (int token = first; token < last; token++) {
      zeroRow(token);
      for (int a = token * k; a < token * k + k; a++) {
        Kernels.addScaled(
            y.segment(),
            y.rowOffset(token),
            y.cols(),
            routed.segment(),
            routed.rowOffset(placeOf[a]),
            routed.cols(),
            weights.getAtIndex(Ops.FLOAT, a),
            1,
            hidden);
      }
    }
  }
}
