package org.graniteffm.runtime.hub;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.net.http.HttpResponse.BodySubscriber;
import java.net.http.HttpTimeoutException;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.Flow;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

/**
 * The body of an answer, read as it comes by one thread. Unlike a body of HttpClient's own kinds it
 * waits a limited time only: a server may say nothing more without ever closing the connection.
 */
final class BodyStream implements BodySubscriber<BodyStream>, AutoCloseable {
  /** So much is read of a body that nobody wants, so that its connection can be used again. */
  private static final int WORTH_READING = 1 << 16;

  /** One step of a transfer: data, its end (no data, no failure), or why it broke. */
  private record Step(List<ByteBuffer> data, Throwable failure) {}

  private final Duration patience;
  private final BlockingQueue<Step> steps = new LinkedBlockingQueue<>();
  private Flow.Subscription subscription;
  private Iterator<ByteBuffer> current = List.<ByteBuffer>of().iterator();
  private ByteBuffer data = ByteBuffer.allocate(0);
  private boolean ended;
  private boolean closed;

  BodyStream(Duration patience) {
    this.patience = patience;
  }

  @Override
  public CompletionStage<BodyStream> getBody() {
    return CompletableFuture.completedFuture(this);
  }

  @Override
  public synchronized void onSubscribe(Flow.Subscription given) {
    subscription = given;
    if (closed) {
      given.cancel();
    } else {
      given.request(1);
    }
  }

  @Override
  public void onNext(List<ByteBuffer> data) {
    steps.add(new Step(data, null));
  }

  @Override
  public void onError(Throwable failure) {
    steps.add(new Step(null, failure));
  }

  @Override
  public void onComplete() {
    steps.add(new Step(null, null));
  }

  private synchronized Flow.Subscription subscription() {
    return subscription;
  }

  /**
   * Waits for data.
   *
   * @return some bytes, or null at the end; what is not read of them is returned again
   * @throws HttpTimeoutException if nothing comes for too long
   * @throws IOException if the connection breaks
   */
  ByteBuffer next() throws IOException, InterruptedException {
    while (!ended) {
      if (data.hasRemaining()) {
        return data;
      }
      if (current.hasNext()) {
        data = current.next();
        continue;
      }
      Step step = steps.poll(patience.toMillis(), TimeUnit.MILLISECONDS);
      if (step == null) {
        throw new HttpTimeoutException("no data for %d s".formatted(patience.toSeconds()));
      }
      if (step.failure() != null) {
        ended = true;
        throw new IOException(String.valueOf(step.failure().getMessage()), step.failure());
      }
      if (step.data() == null) {
        ended = true;
      } else {
        current = step.data().iterator();
        subscription().request(1); // one ahead
      }
    }
    return null;
  }

  /**
   * Reads all of it.
   *
   * @param limit most bytes
   * @throws IOException if there are more, or the connection breaks
   */
  byte[] readAll(int limit) throws IOException, InterruptedException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (ByteBuffer next = next(); next != null; next = next()) {
      if (next.remaining() > limit - out.size()) {
        throw new IOException("more than %d bytes".formatted(limit));
      }
      byte[] bytes = new byte[next.remaining()];
      next.get(bytes);
      out.writeBytes(bytes);
    }
    return out.toByteArray();
  }

  /**
   * Reads what nobody wants, so that the connection can be used again, and ends it.
   *
   * @return the bytes read; a long body is not read to its end
   */
  long discard() throws InterruptedException {
    long bytes = 0;
    try (this) {
      for (ByteBuffer next = next(); next != null; next = next()) {
        bytes += next.remaining();
        next.position(next.limit());
        if (bytes > WORTH_READING) {
          break;
        }
      }
    } catch (IOException e) {
      // it was not wanted anyway
    }
    return bytes;
  }

  /** Ends it; where the server has more to say, the connection is closed. */
  @Override
  public synchronized void close() {
    closed = true;
    if (subscription != null && !ended) {
      subscription.cancel();
    }
  }
}
