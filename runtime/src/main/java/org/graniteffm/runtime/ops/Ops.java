package org.graniteffm.runtime.ops;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import jdk.jfr.FlightRecorder;
import org.graniteffm.bindings.Kernels;
import org.graniteffm.runtime.config.Activation;
import org.graniteffm.runtime.tensor.DType;
import org.graniteffm.runtime.tensor.Tensor;

/**
 * The operations of a forward pass, each cut into slices for the pool.
 *
 * <p>An instance belongs to one session: it holds the jobs it gives to the pool, and is used by one
 * thread at a time. Its methods return when the result is there, and allocate nothing.
 */
public final class Ops {
  /** Up to so many rows, an operation gives each the bits it gives it alone. */
  public static final int GEMV_ROWS = Gemm.GEMV_ROWS;

  private static final int ROWS_PER_GROUP = 16; // of packed activations
  private static final int ROWS_PER_SLICE = ROWS_PER_GROUP; // so that a slice can pack its rows
  private static final int QUERIES_PER_SLICE = 32;
  private static final int ROUNDED_QUERIES_PER_SLICE = 64; // share one rounding of keys and values

  /**
   * Work below this many bytes read is done at once by the caller: waking another core costs more.
   */
  static final long ALONE_BYTES = 48 << 10;

  // Up to so many weights stay in a cache while all rows go by, and make no slices of their own.
  private static final int FEW_WEIGHT_ROWS = 64;
  private static final long FEW_WEIGHT_BYTES = 256 << 10;

  private final Workers workers;
  private final Gemm gemm;
  private final LinearJob linear;
  private final RowsJob rowsJob = new RowsJob();
  private final PackJob packJob = new PackJob();
  private final GatedJob gatedJob = new GatedJob();
  private final RopeJob ropeJob = new RopeJob();
  private final AttentionJob attentionJob = new AttentionJob();
  private OperationEvent event; // used again and again; null until something may be recorded

  /**
   * Prepares the jobs and the scratch panels.
   *
   * @param arena owns the panels
   * @param workers the pool
   */
  public Ops(Arena arena, Workers workers) {
    this.workers = workers;
    this.gemm = new Gemm(arena, workers.size());
    this.linear = new LinearJob();
  }

  /**
   * Bytes that the panels take.
   *
   * @param threads size of the pool
   * @return bytes
   */
  public static long byteSize(int threads) {
    return Gemm.PANEL_BYTES * threads;
  }

  Workers workers() {
    return workers;
  }

  Gemm gemm() {
    return gemm;
  }

  /** Hands a job to the pool, and tells the flight recorder of it if that listens. */
  void run(String operation, int rows, Workers.Job job, int slices) {
    if (!FlightRecorder.isInitialized()) {
      workers.run(job, slices);
      return;
    }
    if (event == null) { // not before: see PassEvents
      event = new OperationEvent();
    }
    event.begin();
    workers.run(job, slices);
    event.end();
    if (event.shouldCommit()) {
      event.operation = operation;
      event.rows = rows;
      event.slices = slices;
      event.threads = workers.size();
      event.commit();
    }
  }

  /**
   * {@code out = multiplier * table[ids]}.
   *
   * @param table {@code [vocab, H]}
   * @param ids {@code [rows]} i32
   * @param rows how many
   * @param multiplier the factor
   * @param out {@code [rows, H]}
   * @throws IndexOutOfBoundsException if an id is not in the table
   */
  public void embed(Tensor table, MemorySegment ids, int rows, float multiplier, Matrix out) {
    Kernels.embed(
        table.segment(),
        0,
        Linear.kernelType(table.dtype()),
        table.stride(0),
        table.size(0),
        ids,
        0,
        rows,
        table.size(1),
        multiplier,
        out.segment(),
        0,
        out.cols());
  }

  /**
   * {@code out = rmsNorm(x) * weight}, row by row.
   *
   * @param x {@code [rows, H]}
   * @param weight {@code [H]} f32
   * @param eps added to the mean square
   * @param rows how many
   * @param out {@code [rows, H]}
   * @param packs whether {@code out} is packed as well
   */
  public void rmsNorm(
      Matrix x, MemorySegment weight, float eps, int rows, Matrix out, boolean packs) {
    rowsJob.norm(x, null, 0, weight, eps, out, packs);
    runRows("rmsNorm", rowsJob, rows);
  }

  /**
   * {@code x += scale * residual; out = rmsNorm(x) * weight}, row by row.
   *
   * @param x {@code [rows, H]}, updated
   * @param residual {@code [rows, H]}
   * @param scale the residual multiplier
   * @param weight {@code [H]} f32
   * @param eps added to the mean square
   * @param rows how many
   * @param out {@code [rows, H]}
   * @param packs whether {@code out} is packed as well
   */
  public void addRmsNorm(
      Matrix x,
      Matrix residual,
      float scale,
      MemorySegment weight,
      float eps,
      int rows,
      Matrix out,
      boolean packs) {
    rowsJob.norm(x, residual, scale, weight, eps, out, packs);
    runRows("addRmsNorm", rowsJob, rows);
  }

  /**
   * {@code out = activation(gate) * up}.
   *
   * @param activation the gate's function
   * @param gate {@code [rows, I]}
   * @param up {@code [rows, I]}
   * @param rows how many
   * @param out {@code [rows, I]}, may be gate or up
   */
  public void gate(Activation activation, Matrix gate, Matrix up, int rows, Matrix out) {
    rowsJob.gate(activation, gate, up, out);
    runRows("gate", rowsJob, rows);
  }

  /**
   * {@code y += x}.
   *
   * @param y {@code [rows, H]}, updated
   * @param x {@code [rows, H]}
   * @param rows how many
   */
  public void add(Matrix y, Matrix x, int rows) {
    rowsJob.add(y, x);
    runRows("add", rowsJob, rows);
  }

  private void runRows(String operation, RowsJob job, int rows) {
    job.rows = rows;
    run(operation, rows, job, Math.ceilDiv(rows, ROWS_PER_SLICE));
  }

  /**
   * {@code out = silu(x · gateᵀ) * (x · upᵀ)} on the matrix unit, rounded and packed for the
   * product that follows; {@link #gatesPacked} says whether it can be done.
   *
   * @param x {@code [rows, inFeatures]}, of which only the packed form is read
   * @param rows how many
   * @param gate bf16 layer without bias
   * @param up bf16 layer without bias, of the same shape
   * @param out {@code [rows, outFeatures]}, of which only the packed form is written
   */
  public void gatedPacked(Matrix x, int rows, Linear gate, Linear up, Matrix out) {
    gatedJob.x = x;
    gatedJob.rows = rows;
    gatedJob.gate = gate;
    gatedJob.up = up;
    gatedJob.out = out;
    gatedJob.sliceRows =
        Gemm.packedSliceRows(2 * gate.outFeatures(), gate.inFeatures(), workers.size()) / 2;
    run("gatedPacked", rows, gatedJob, Math.ceilDiv(gate.outFeatures(), gatedJob.sliceRows));
  }

  /**
   * Whether {@link #gatedPacked} can do this.
   *
   * @param activation the gate's function
   * @param x {@code [rows, inFeatures]}
   * @param rows how many
   * @param gate the layer it is applied to
   * @param up the other one
   * @return if the activations are to be rounded, and layers and function are what it does
   */
  public static boolean gatesPacked(
      Activation activation, Matrix x, int rows, Linear gate, Linear up) {
    return activation == Activation.SILU
        && Gemm.isPacked(x, rows, gate.weight())
        && up.weight().dtype() == DType.BF16
        && gate.bias() == null
        && up.bias() == null;
  }

  /**
   * Whether layers take the packed form of activations, to which they are then rounded.
   *
   * @param x {@code [rows, inFeatures]}
   * @param rows how many
   * @param w0 first layer
   * @param w1 second layer
   * @param w2 third layer
   * @return if there is a packed form, enough rows, and layers of the type it is for
   */
  public static boolean takePacked(Matrix x, int rows, Linear w0, Linear w1, Linear w2) {
    return Gemm.isPacked(x, rows, w0.weight())
        && Gemm.isPacked(x, rows, w1.weight())
        && Gemm.isPacked(x, rows, w2.weight());
  }

  /**
   * {@code y = x · wᵀ + bias} of activations that {@link #gatedPacked} has packed.
   *
   * @param x {@code [rows, inFeatures]}, of which only the packed form is read
   * @param rows how many
   * @param w the layer, bf16
   * @param y {@code [rows, outFeatures]}
   */
  public void linearOfPacked(Matrix x, int rows, Linear w, Matrix y) {
    linear.start(x, rows, 1f);
    linear.add(w, y);
    linear.runPacked();
  }

  private void pack(Matrix x, int rows) {
    packJob.x = x;
    packJob.rows = rows;
    run("pack", rows, packJob, Math.ceilDiv(rows, ROWS_PER_GROUP));
  }

  /**
   * {@code y = alpha * (x · wᵀ + bias)}.
   *
   * @param x {@code [rows, inFeatures]}
   * @param rows how many
   * @param alpha factor of the result
   * @param w the layer
   * @param y {@code [rows, outFeatures]}
   */
  public void linear(Matrix x, int rows, float alpha, Linear w, Matrix y) {
    linear.start(x, rows, alpha);
    linear.add(w, y);
    linear.run(false);
  }

  /**
   * Two layers on the same input in one go: {@code y0 = x · w0ᵀ, y1 = x · w1ᵀ}, biases added.
   *
   * @param x {@code [rows, inFeatures]}
   * @param rows how many
   * @param packed whether x is packed already; else it is packed here, if the layers take that
   * @param w0 first layer
   * @param y0 its output
   * @param w1 second layer
   * @param y1 its output
   */
  public void linear(
      Matrix x, int rows, boolean packed, Linear w0, Matrix y0, Linear w1, Matrix y1) {
    linear.start(x, rows, 1f);
    linear.add(w0, y0);
    linear.add(w1, y1);
    linear.run(packed);
  }

  /**
   * Three layers on the same input in one go, as queries, keys and values are.
   *
   * @param x {@code [rows, inFeatures]}
   * @param rows how many
   * @param packed whether x is packed already; else it is packed here, if the layers take that
   * @param w0 first layer
   * @param y0 its output
   * @param w1 second layer
   * @param y1 its output
   * @param w2 third layer
   * @param y2 its output
   */
  public void linear(
      Matrix x,
      int rows,
      boolean packed,
      Linear w0,
      Matrix y0,
      Linear w1,
      Matrix y1,
      Linear w2,
      Matrix y2) {
    linear.start(x, rows, 1f);
    linear.add(w0, y0);
    linear.add(w1, y1);
    linear.add(w2, y2);
    linear.run(packed);
  }

  /**
   * Rotates queries in place, and keys on their way into the cache, to whose type they are rounded;
   * the values come there as well.
   *
   * @param q {@code [batch * queries, heads * headDim]}, updated
   * @param queries per sequence, of the last of its tokens: 0 to {@code tokens}
   * @param k {@code [batch * tokens, kvHeads * headDim]}
   * @param v {@code [batch * tokens, kvHeads * headDim]}
   * @param cos {@code [batch * tokens, headDim / 2]}
   * @param sin {@code [batch * tokens, headDim / 2]}
   * @param cache where the sequences' new keys and values go, behind the {@code past} there are
   */
  public void ropeIntoCache(
      Matrix q,
      int queries,
      Matrix k,
      Matrix v,
      MemorySegment cos,
      MemorySegment sin,
      CacheView cache) {
    RopeJob job = ropeJob;
    job.q = q;
    job.queries = queries;
    job.k = k;
    job.v = v;
    job.cos = cos;
    job.sin = sin;
    job.cache = cache;
    job.blocks = Math.ceilDiv(cache.tokens, ROWS_PER_SLICE);
    run("ropeIntoCache", cache.batch * cache.tokens, job, cache.batch * job.blocks);
  }

  /**
   * Causal attention of new tokens over the cache.
   *
   * @param q {@code [batch * queries, heads * headDim]}, rotated
   * @param queries per sequence, of the last of its new tokens
   * @param firstSequence the first sequence that takes part
   * @param sequences how many take part
   * @param firstKey keys before this one are invisible (a packed sequence starts there)
   * @param firstToken the first of the new tokens that takes part, one with a query
   * @param lastToken behind the last one
   * @param cache keys and values, {@code past + tokens} of each sequence
   * @param scale factor of the scores
   * @param out {@code [batch * queries, heads * headDim]}
   */
  public void attention(
      Matrix q,
      int queries,
      int firstSequence,
      int sequences,
      int firstKey,
      int firstToken,
      int lastToken,
      CacheView cache,
      float scale,
      Matrix out) {
    AttentionJob job = attentionJob;
    job.q = q;
    job.queries = queries;
    job.firstSequence = firstSequence;
    job.firstKey = firstKey;
    job.firstToken = firstToken;
    job.lastToken = lastToken;
    job.cache = cache;
    job.scale = scale;
    job.out = out;
    job.rounded = out.packed() != null && (long) cache.batch * queries > Gemm.GEMV_ROWS;
    job.blockTokens = job.rounded ? ROUNDED_QUERIES_PER_SLICE : QUERIES_PER_SLICE;
    job.blocks = Math.ceilDiv(lastToken - firstToken, job.blockTokens);
    int slices = sequences * cache.kvHeads * job.blocks;
    long headBytes = 2L * (cache.past + lastToken) * cache.headDim * cache.dtype.byteSize();
    job.parts = 1;
    if (job.blocks == 1 && slices * headBytes < ALONE_BYTES) {
      for (int slice = 0; slice < slices; slice++) {
        job.slice(slice, 0);
      }
      return;
    }
    if (!job.rounded && headBytes >= ALONE_BYTES) {
      job.parts = parts(cache.heads / cache.kvHeads, slices, workers.size());
    }
    run("attention", sequences * (lastToken - firstToken), job, slices * job.parts);
  }

  /**
   * Into how many equal parts the query heads of a key/value head are cut, so that there is work
   * for all threads: a new token has no more slices than there are key/value heads. Each part reads
   * all keys and values, side by side with the others.
   */
  static int parts(int group, int slices, int workers) {
    int parts = 1;
    while (parts < group && ((long) slices * parts < workers || group % parts != 0)) {
      parts++;
    }
    return parts;
  }

  /**
   * One layer's keys and values, as the cache has them when a block of new tokens is being
   * computed.
   */
  public static final class CacheView {
    /** {@code [batch, kvHeads, capacity, headDim]} of the dtype. */
    public MemorySegment keys;

    /** {@code [batch, kvHeads, capacity, headDim]} of the dtype. */
    public MemorySegment values;

    /** F32 or BF16. */
    public DType dtype;

    /** Sequences. */
    public int batch;

    /** Query heads. */
    public int heads;

    /** Key and value heads. */
    public int kvHeads;

    /** Elements of a head. */
    public int headDim;

    /** Tokens there is room for. */
    public int capacity;

    /** Tokens before the new ones. */
    public int past;

    /** New tokens of each sequence. */
    public int tokens;

    /** {@code [batch, maskStride]} bytes, 0 hides a key; or null. */
    public MemorySegment mask;

    /** Bytes from one sequence's mask to the next. */
    public long maskStride;

    /** Makes an empty view, to be filled and used again and again. */
    public CacheView() {}

    /**
     * Where a token's key, or value, is.
     *
     * @param sequence from 0
     * @param head of keys and values, from 0
     * @param token from 0
     * @return bytes from the start of the keys, or of the values
     */
    public long headOffset(int sequence, int head, long token) {
      return (((long) sequence * kvHeads + head) * capacity + token) * headDim * dtype.byteSize();
    }

    /**
     * What kernels call the dtype.
     *
     * @return {@link Kernels#F32} or {@link Kernels#BF16}
     */
    public int kernelType() {
      return Linear.kernelType(dtype);
    }

    /** The element of the values that is so many bytes from their start. */
    float value(long offset) {
      return dtype == DType.F32
          ? values.get(FLOAT, offset)
          : Float.intBitsToFloat(values.get(ValueLayout.JAVA_SHORT, offset) << 16);
    }
  }

  /** Row-wise operations on blocks of rows. */
  private static final class RowsJob implements Workers.Job {
    private Matrix x;
    private Matrix residual;
    private float scale;
    private MemorySegment weight;
    private float eps;
    private Matrix up;
    private Activation activation;
    private Matrix out;
    private boolean packs;
    private int rows;

    void norm(
        Matrix x,
        Matrix residual,
        float scale,
        MemorySegment weight,
        float eps,
        Matrix out,
        boolean packs) {
      this.x = x;
      this.residual = residual;
      this.scale = scale;
      this.weight = weight;
      this.eps = eps;
      this.out = out;
      this.packs = packs;
      activation = null;
    }

    /** Without a weight, as there is no norm. */
    void add(Matrix y, Matrix x) {
      this.x = y;
      residual = x;
      scale = 1;
      weight = null;
      packs = false;
      activation = null;
    }

    void gate(Activation activation, Matrix gate, Matrix up, Matrix out) {
      this.x = gate;
      this.up = up;
      this.out = out;
      packs = false;
      this.activation = activation;
    }

    @Override
    public void slice(int slice, int worker) {
      int first = slice * ROWS_PER_SLICE;
      int count = Math.min(ROWS_PER_SLICE, rows - first);
      compute(first, count);
      if (packs) { // while they are in the cache
        packRows(out, first, count);
      }
    }

    private void compute(int first, int count) {
      int cols = x.cols();
      if (activation != null) {
        gatedActivation(
            activation,
            x.segment(),
            x.rowOffset(first),
            cols,
            up.segment(),
            up.rowOffset(first),
            up.cols(),
            count,
            cols,
            out.segment(),
            out.rowOffset(first),
            out.cols());
      } else if (weight == null) {
        Kernels.addScaled(
            x.segment(),
            x.rowOffset(first),
            cols,
            residual.segment(),
            residual.rowOffset(first),
            residual.cols(),
            scale,
            count,
            cols);
      } else if (residual == null) {
        Kernels.rmsNorm(
            x.segment(),
            x.rowOffset(first),
            cols,
            weight,
            0,
            eps,
            count,
            cols,
            out.segment(),
            out.rowOffset(first),
            out.cols());
      } else {
        Kernels.addRmsNorm(
            x.segment(),
            x.rowOffset(first),
            cols,
            residual.segment(),
            residual.rowOffset(first),
            residual.cols(),
            scale,
            weight,
            0,
            eps,
            count,
            cols,
            out.segment(),
            out.rowOffset(first),
            out.cols());
      }
    }
  }

  /**
   * {@code out = activation(gate) * up} on the calling thread; strides in elements, offsets in
   * bytes.
   */
  static void gatedActivation(
      Activation activation,
      MemorySegment gate,
      long gateOffset,
      long gateStride,
      MemorySegment up,
      long upOffset,
      long upStride,
      int rows,
      int cols,
      MemorySegment out,
      long outOffset,
      long outStride) {
    if (activation == Activation.SILU) {
      Kernels.siluMul(
          gate,
          gateOffset,
          gateStride,
          up,
          upOffset,
          upStride,
          rows,
          cols,
          out,
          outOffset,
          outStride);
    } else {
      Kernels.actMul(
          kernelActivation(activation),
          gate,
          gateOffset,
          gateStride,
          up,
          upOffset,
          upStride,
          rows,
          cols,
          out,
          outOffset,
          outStride);
    }
  }

  private static int kernelActivation(Activation activation) {
    return switch (activation) {
      case SILU -> throw new IllegalArgumentException("SILU has a kernel of its own");
      case GELU -> Kernels.GELU;
      case GELU_TANH -> Kernels.GELU_TANH;
      case QUICK_GELU -> Kernels.QUICK_GELU;
      case RELU -> Kernels.RELU;
      case RELU2 -> Kernels.RELU2;
    };
  }

  /** Up to three layers on the same input; the slices are ranges of weight rows. */
  private final class LinearJob implements Workers.Job {
    private static final int MOST = 3;
    private final Linear[] layers = new Linear[MOST];
    private final Matrix[] outputs = new Matrix[MOST];
    private final int[] firstSlice = new int[MOST + 1];
    private final int[] sliceRows = new int[MOST];
    private int count;
    private Matrix x;
    private int rows;
    private float alpha;
    private long bytes;
    private boolean packed;
    private boolean byRows;

    void start(Matrix x, int rows, float alpha) {
      this.x = x;
      this.rows = rows;
      this.alpha = alpha;
      count = 0;
      bytes = 0;
    }

    void add(Linear layer, Matrix output) {
      layers[count] = layer;
      outputs[count] = output;
      bytes += layer.weight().segment().byteSize();
      count++;
    }

    /** Cuts the layers into slices, and returns how many there are. */
    private int cut() {
      for (int i = 0; i < count; i++) {
        int n = layers[i].outFeatures();
        sliceRows[i] =
            packed
                ? Gemm.packedSliceRows(n, layers[i].inFeatures(), workers.size())
                : Gemm.sliceRows(rows, layers[i].weight(), bytes, workers.size());
        firstSlice[i + 1] = firstSlice[i] + Math.ceilDiv(n, sliceRows[i]);
      }
      return firstSlice[count];
    }

    void runPacked() {
      packed = true;
      byRows = false;
      Ops.this.run("linear", rows, this, cut());
    }

    /** Of few weights, as a router's, a slice multiplies all by some rows. */
    private boolean hasFewWeights() {
      for (int i = 0; i < count; i++) {
        if (layers[i].outFeatures() > FEW_WEIGHT_ROWS) {
          return false;
        }
      }
      return bytes <= FEW_WEIGHT_BYTES;
    }

    void run(boolean wasPacked) {
      packed = true;
      for (int i = 0; i < count; i++) {
        packed &= Gemm.isPacked(x, rows, layers[i].weight());
      }
      if (packed) {
        if (!wasPacked) {
          pack(x, rows);
        }
        runPacked();
        return;
      }
      byRows = rows > Gemm.GEMV_ROWS && hasFewWeights();
      int slices = byRows ? Math.ceilDiv(rows, Gemm.GEMV_ROWS) : cut();
      if (rows == 1 && bytes < ALONE_BYTES) {
        for (int slice = 0; slice < slices; slice++) {
          slice(slice, 0);
        }
      } else {
        Ops.this.run("linear", rows, this, slices);
      }
    }

    @Override
    public void slice(int slice, int worker) {
      if (byRows) {
        int firstRow = slice * Gemm.GEMV_ROWS;
        int some = Math.min(Gemm.GEMV_ROWS, rows - firstRow);
        for (int i = 0; i < count; i++) {
          multiply(i, 0, layers[i].outFeatures(), firstRow, some, worker);
        }
        return;
      }
      // The pool hands out the last slice first: the largest, which are the first layer's.
      int place = firstSlice[count] - 1 - slice;
      int i = 0;
      while (place >= firstSlice[i + 1]) {
        i++;
      }
      int first = (place - firstSlice[i]) * sliceRows[i];
      int n = Math.min(sliceRows[i], layers[i].outFeatures() - first);
      multiply(i, first, n, 0, rows, worker);
    }

    /** Some weight rows of a layer times some rows of x. */
    private void multiply(int i, int first, int n, int firstRow, int rowCount, int worker) {
      Linear layer = layers[i];
      Matrix y = outputs[i];
      long yOffset = y.rowOffset(firstRow) + (long) first * Float.BYTES;
      if (packed) {
        int k = layer.inFeatures();
        Kernels.gemmBf16(
            layer.weight().segment(),
            layer.rowOffset(first),
            k,
            n,
            k,
            x.packed(),
            0,
            rowCount,
            alpha,
            null,
            0,
            null,
            0,
            0f,
            y.segment(),
            yOffset,
            y.cols(),
            rowCount,
            gemm.scratch(worker));
      } else {
        gemm.multiply(
            x.segment(),
            x.rowOffset(firstRow),
            x.cols(),
            rowCount,
            layer.weight(),
            first,
            n,
            alpha,
            y.segment(),
            yOffset,
            y.cols(),
            worker);
      }
      if (layer.bias() != null) {
        Kernels.addScaled(
            y.segment(),
            yOffset,
            y.cols(),
            layer.bias(),
            (long) first * Float.BYTES,
            0,
            alpha,
            rowCount,
            n);
      }
    }
  }

  /** Packs up to a group of rows, from the first of one. */
  private static void packRows(Matrix x, int first, int count) {
    int k = x.cols();
    Kernels.packBf16(
        x.segment(),
        x.rowOffset(first),
        k,
        count,
        null,
        0,
        count,
        k,
        x.packed(),
        Kernels.packedBytes(first, k));
  }

  /** Groups of rows. */
  private static final class PackJob implements Workers.Job {
    private Matrix x;
    private int rows;

    @Override
    public void slice(int slice, int worker) {
      int first = slice * ROWS_PER_GROUP;
      packRows(x, first, Math.min(ROWS_PER_GROUP, rows - first));
    }
  }

  /** Ranges of rows of the gate and of the same rows beside it. */
  private final class GatedJob implements Workers.Job {
    private Matrix x;
    private int rows;
    private Linear gate;
    private Linear up;
    private Matrix out;
    private int sliceRows;

    @Override
    public void slice(int slice, int worker) {
      int first = slice * sliceRows;
      int n = Math.min(sliceRows, gate.outFeatures() - first);
      int k = gate.inFeatures();
      Kernels.siluMulGemmBf16(
          gate.weight().segment(),
          gate.rowOffset(first),
          up.weight().segment(),
          up.rowOffset(first),
          k,
          n,
          k,
          x.packed(),
          0,
          rows,
          first,
          gate.outFeatures(),
          out.packed(),
          0,
          gemm.scratch(worker));
    }
  }

  /** Blocks of tokens of one sequence. */
  private static final class RopeJob implements Workers.Job {
    private Matrix q;
    private int queries;
    private Matrix k;
    private Matrix v;
    private MemorySegment cos;
    private MemorySegment sin;
    private int blocks;
    private CacheView cache;

    @Override
    public void slice(int slice, int worker) {
      CacheView c = cache;
      int sequence = slice / blocks;
      int token = slice % blocks * ROWS_PER_SLICE;
      int end = Math.min(token + ROWS_PER_SLICE, c.tokens);
      int firstQuery = c.tokens - queries;
      while (token < end) {
        boolean hasQueries = token >= firstQuery;
        int next = hasQueries ? end : Math.min(end, firstQuery);
        rotate(sequence, token, next - token, hasQueries);
        token = next;
      }
    }

    /** Some tokens' keys and values, and their queries if they have any. */
    private void rotate(int sequence, int token, int n, boolean hasQueries) {
      CacheView c = cache;
      long query = hasQueries ? (sequence + 1L) * queries - (c.tokens - token) : 0;
      long row = (long) sequence * c.tokens + token;
      long angle = row * (c.headDim / 2) * Float.BYTES;
      long headStride = (long) c.capacity * c.headDim;
      Kernels.rope(
          q.segment(),
          q.rowOffset(query),
          q.cols(),
          hasQueries ? c.heads : 0,
          k.segment(),
          k.rowOffset(row),
          k.cols(),
          c.kvHeads,
          c.headDim,
          cos,
          angle,
          sin,
          angle,
          n,
          c.keys,
          c.headOffset(sequence, 0, c.past + token),
          c.kernelType(),
          headStride);
      for (int i = 0; i < n; i++) {
        Kernels.narrow(
            v.segment(),
            v.rowOffset(row + i),
            c.headDim,
            c.kvHeads,
            c.headDim,
            c.values,
            c.headOffset(sequence, 0, c.past + token + i),
            c.kernelType(),
            headStride);
      }
    }
  }

  /**
   * Blocks of queries of some heads on one key/value head of one sequence. All blocks of a head
   * follow each other, so that its keys and values stay in cache, and of these the last tokens,
   * which see most keys, come first.
   */
  private static final class AttentionJob implements Workers.Job {
    private Matrix q;
    private int queries;
    private int firstSequence;
    private int firstKey;
    private int firstToken;
    private int lastToken;
    private int blocks;
    private int blockTokens;
    private int parts;
    private boolean rounded;
    private CacheView cache;
    private float scale;
    private Matrix out;

    @Override
    public void slice(int slice, int worker) {
      CacheView c = cache;
      int part = slice % parts;
      int block = slice / parts % blocks;
      int head = slice / (parts * blocks) % c.kvHeads;
      int sequence = firstSequence + slice / (parts * blocks * c.kvHeads);
      int token = firstToken + block * blockTokens;
      int n = Math.min(blockTokens, lastToken - token);
      int group = c.heads / c.kvHeads / parts;
      int firstHead = (head * parts + part) * group;
      long row = (sequence + 1L) * queries - (c.tokens - token);
      long headOffset = (long) firstHead * c.headDim * Float.BYTES;
      long kv = c.headOffset(sequence, head, firstKey);
      long maskOffset = sequence * c.maskStride + firstKey;
      if (rounded) {
        Kernels.attentionBf16(
            q.segment(),
            q.rowOffset(row) + headOffset,
            q.cols(),
            group,
            n,
            c.keys,
            kv,
            c.values,
            kv,
            c.kernelType(),
            c.headDim,
            c.past + token - firstKey,
            c.mask,
            c.mask == null ? 0 : maskOffset,
            c.headDim,
            scale,
            out.segment(),
            out.rowOffset(row) + headOffset,
            out.cols());
      } else {
        Kernels.attention(
            q.segment(),
            q.rowOffset(row) + headOffset,
            q.cols(),
            group,
            n,
            c.keys,
            kv,
            c.values,
            kv,
            c.kernelType(),
            c.headDim,
            c.past + token - firstKey,
            c.mask,
            c.mask == null ? 0 : maskOffset,
            c.headDim,
            scale,
            out.segment(),
            out.rowOffset(row) + headOffset,
            out.cols());
      }
      if (c.mask != null && hides(sequence, c.past + token)) { // else each row sees itself
        int blind = Math.min(n, leadingHidden(sequence) - c.past - token);
        if (blind > 0) {
          averageValues(sequence, head, firstHead, group, row, blind);
        }
      }
    }

    private boolean hides(int sequence, int key) {
      return cache.mask.get(ValueLayout.JAVA_BYTE, sequence * cache.maskStride + key) == 0;
    }

    /** Keys hidden from the sequence's start on. */
    private int leadingHidden(int sequence) {
      int count = 0;
      int keys = cache.past + cache.tokens;
      while (count < keys && hides(sequence, count)) {
        count++;
      }
      return count;
    }

    /**
     * What rows of padding on the left get, which see no key: transformers adds a number so large
     * to their scores that all become equal, and so averages the values of past and block, hidden
     * and later ones too. It counts for the loss, where a sequence's first token has a label.
     */
    private void averageValues(
        int sequence, int head, int firstHead, int group, long row, int rows) {
      CacheView c = cache;
      int keys = c.past + c.tokens;
      for (int i = 0; i < c.headDim; i++) {
        double sum = 0;
        for (int key = 0; key < keys; key++) {
          sum += c.value(c.headOffset(sequence, head, key) + (long) i * c.dtype.byteSize());
        }
        float mean = (float) (sum / keys);
        for (int r = 0; r < rows; r++) {
          for (int h = firstHead; h < firstHead + group; h++) {
            long at = out.rowOffset(row + r) + ((long) h * c.headDim + i) * Float.BYTES;
            out.segment().set(FLOAT, at, mean);
          }
        }
      }
    }
  }

  /** Layout of f32 scratch memory. */
  static final ValueLayout.OfFloat FLOAT = ValueLayout.JAVA_FLOAT;
}
