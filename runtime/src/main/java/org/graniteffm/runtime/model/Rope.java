package org.graniteffm.runtime.model;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import org.graniteffm.runtime.config.GraniteConfig;
import org.graniteffm.runtime.config.RopeParameters;

/**
 * Angles of the rotary positions: {@code angle = position * inv_freq[i]} for the {@code i}-th of
 * {@code headDim / 2} pairs, in radians. How the frequencies come about differs by type, as in
 * transformers' modeling_rope_utils.py.
 *
 * <p>Powers are rounded to f32 and the angle is an f32 product, as in the reference, so that large
 * positions agree; only sine and cosine are taken in double.
 */
final class Rope {
  private final RopeParameters parameters;
  private final int maxPositions;
  private final int pairs;
  private final float[] invFreq;
  private final float attentionFactor;

  /** The length {@link #invFreq} was made for, for the types that depend on it. */
  private long preparedLength = -1;

  Rope(GraniteConfig config) {
    parameters = config.ropeParameters();
    maxPositions = config.maxPositionEmbeddings();
    pairs = config.headDim() / 2;
    invFreq = new float[pairs];
    attentionFactor = (float) attentionFactor(parameters);
    prepare(1);
  }

  /**
   * Chooses the frequencies for a call. Keys in the cache keep the rotation they were given.
   *
   * @param length largest position of the whole call, over all its sequences, plus 1
   */
  void prepare(long length) {
    boolean stale =
        switch (parameters.type()) {
          case DEFAULT, LINEAR, YARN, LLAMA3 -> preparedLength < 0;
          case DYNAMIC -> Math.max(length, maxPositions) != Math.max(preparedLength, maxPositions);
          case LONGROPE -> isLong(length) != isLong(preparedLength);
        };
    if (stale || preparedLength < 0) {
      for (int i = 0; i < pairs; i++) {
        invFreq[i] = (float) frequency(i, length);
      }
    }
    preparedLength = length;
  }

  private boolean isLong(long length) {
    return length > parameters.originalMaxPositionEmbeddings();
  }

  /** {@code base^(2i/d)}, rounded as in f32. */
  private float power(double base, int i) {
    return (float) Math.pow(base, (float) (2 * i) / (float) (2 * pairs));
  }

  private double frequency(int i, long length) {
    RopeParameters p = parameters;
    float plain = 1f / power(p.theta(), i);
    return switch (p.type()) {
      case DEFAULT -> plain;
      case LINEAR -> plain / (float) p.factor();
      case DYNAMIC -> {
        double n = Math.max(length, maxPositions);
        double stretch = p.factor() * n / maxPositions - (p.factor() - 1);
        double d = 2.0 * pairs;
        // one pair has no exponent: its frequency is 1 whatever the base
        yield pairs == 1 ? plain : 1f / power(p.theta() * Math.pow(stretch, d / (d - 2)), i);
      }
      case YARN -> {
        double divided = ramp(i);
        yield plain / p.factor() * divided + plain * (1 - divided);
      }
      case LONGROPE ->
          1f
              / ((isLong(length) ? p.longFactor() : p.shortFactor()).get(i).floatValue()
                  * power(p.theta(), i));
      case LLAMA3 -> llama3(plain);
    };
  }

  /** YaRN: 0 where a frequency is kept, 1 where it is divided by the factor. */
  private double ramp(int i) {
    RopeParameters p = parameters;
    double low = pairOfRotations(p.betaFast());
    double high = pairOfRotations(p.betaSlow());
    if (p.truncate()) {
      low = Math.floor(low);
      high = Math.ceil(high);
    }
    low = Math.max(low, 0);
    high = Math.min(high, 2 * pairs - 1);
    if (low == high) {
      high += 0.001;
    }
    return Math.clamp((i - low) / (high - low), 0, 1);
  }

  /** The pair that turns {@code rotations} times over the original length. */
  private double pairOfRotations(double rotations) {
    double d = 2.0 * pairs;
    double wavelength = parameters.originalMaxPositionEmbeddings() / rotations;
    return d * Math.log(wavelength / (2 * Math.PI)) / (2 * Math.log(parameters.theta()));
  }

  private double llama3(float plain) {
    RopeParameters p = parameters;
    double original = p.originalMaxPositionEmbeddings();
    double wavelength = 2 * Math.PI / plain;
    if (wavelength < original / p.highFreqFactor()) {
      return plain;
    }
    if (wavelength > original / p.lowFreqFactor()) {
      return plain / p.factor();
    }
    double smooth =
        (original / wavelength - p.lowFreqFactor()) / (p.highFreqFactor() - p.lowFreqFactor());
    return (1 - smooth) * plain / p.factor() + smooth * plain;
  }

  private static double attentionFactor(RopeParameters p) {
    return switch (p.type()) {
      case DEFAULT, LINEAR, DYNAMIC, LLAMA3 -> 1;
      case YARN -> {
        if (p.attentionFactor().isPresent()) {
          yield p.attentionFactor().getAsDouble();
        }
        if (p.mscale().isPresent() && p.mscaleAllDim().isPresent()) {
          yield yarnScale(p.factor(), p.mscale().getAsDouble())
              / yarnScale(p.factor(), p.mscaleAllDim().getAsDouble());
        }
        yield yarnScale(p.factor(), 1);
      }
      case LONGROPE -> {
        if (p.attentionFactor().isPresent()) {
          yield p.attentionFactor().getAsDouble();
        }
        yield p.factor() <= 1
            ? 1
            : Math.sqrt(1 + Math.log(p.factor()) / Math.log(p.originalMaxPositionEmbeddings()));
      }
    };
  }

  private static double yarnScale(double factor, double mscale) {
    return factor <= 1 ? 1 : 0.1 * mscale * Math.log(factor) + 1;
  }

  /**
   * Writes sine and cosine of one position, times the attention factor.
   *
   * @param position from 0
   * @param cos receives {@code headDim / 2} floats
   * @param sin receives as many
   * @param row which row of cos and sin
   */
  void fill(int position, MemorySegment cos, MemorySegment sin, long row) {
    for (int i = 0; i < pairs; i++) {
      double angle = (float) position * invFreq[i];
      cos.setAtIndex(
          ValueLayout.JAVA_FLOAT, row * pairs + i, (float) Math.cos(angle) * attentionFactor);
      sin.setAtIndex(
          ValueLayout.JAVA_FLOAT, row * pairs + i, (float) Math.sin(angle) * attentionFactor);
    }
  }
}
