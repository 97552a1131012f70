package org.graniteffm.runtime.generate;

import java.util.concurrent.CancellationException;
import java.util.concurrent.Executor;
import java.util.concurrent.Flow;
import java.util.concurrent.RejectedExecutionException;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Supplier;

/**
 * Sends the tokens of a generation to a subscriber, as many as it asks for.
 *
 * <p>The generation runs in tasks of an executor, one at a time: a request starts one if none is
 * running, and it ends when all that was asked for is sent. Between tasks no thread holds or awaits
 * anything. Whoever cancels does what is left to do, unless a task is running: an executor that was
 * shut down may never run what it has accepted.
 */
final class TokenSubscription implements Flow.Subscription {
  private final Flow.Subscriber<? super GeneratedToken> subscriber;
  private final Supplier<TokenStream> start;
  private final Executor executor;
  private final AtomicLong demand = new AtomicLong();
  private final AtomicInteger signals = new AtomicInteger(); // not yet seen by who works
  private final AtomicBoolean working = new AtomicBoolean();
  private volatile boolean cancelled;
  private volatile long illegalRequest = 1; // or a number below 1
  private volatile RejectedExecutionException rejection;
  private volatile TokenStream tokens; // null before the first task
  private boolean done; // by who works

  TokenSubscription(
      Flow.Subscriber<? super GeneratedToken> subscriber,
      Supplier<TokenStream> start,
      Executor executor) {
    this.subscriber = subscriber;
    this.start = start;
    this.executor = executor;
  }

  @Override
  public void request(long n) {
    if (n < 1) {
      illegalRequest = n;
    } else {
      demand.accumulateAndGet(n, (a, b) -> a + b < 0 ? Long.MAX_VALUE : a + b);
    }
    if (signals.getAndIncrement() == 0) {
      try {
        executor.execute(this::work);
      } catch (RejectedExecutionException e) {
        rejection = e;
        work();
      }
    }
  }

  @Override
  public void cancel() {
    cancelled = true;
    TokenStream running = tokens;
    if (running != null) {
      running.cancel();
    }
    signals.getAndIncrement();
    work(); // only to close: no need of another thread
  }

  /** One thread at a time; it sees to the signals of those that were turned away meanwhile. */
  private void work() {
    while (signals.get() != 0 && working.compareAndSet(false, true)) {
      try {
        int seen = signals.get();
        send();
        signals.getAndAdd(-seen);
      } finally {
        working.set(false);
      }
    }
  }

  /** Sends what is asked for. */
  private void send() {
    if (done) {
      return;
    }
    if (rejection != null) {
      fail(rejection);
      return;
    }
    if (illegalRequest < 1) {
      fail(
          new IllegalArgumentException(
              "request: %d, legal is 1 or more".formatted(illegalRequest)));
      return;
    }
    while (!cancelled && demand.get() > 0) {
      GeneratedToken token;
      try {
        token = next();
      } catch (Throwable t) {
        fail(t);
        return;
      }
      if (token == null) {
        complete();
        return;
      }
      demand.getAndUpdate(d -> d == Long.MAX_VALUE ? d : d - 1);
      boolean taken = false;
      try {
        subscriber.onNext(token);
        taken = true;
      } finally {
        if (!taken) {
          end();
        }
      }
    }
    if (cancelled) {
      end();
    } else if (tokens != null && tokens.isExhausted()) {
      complete();
    }
  }

  /** The next token, or null if the generation has ended. */
  private GeneratedToken next() {
    if (tokens == null) {
      tokens = start.get();
      if (cancelled) {
        tokens.cancel(); // it may have been too early for the other thread
      }
    }
    return tokens.hasNext() ? tokens.next() : null;
  }

  private void complete() {
    end();
    boolean interrupted =
        tokens.result().sequences().stream()
            .anyMatch(sequence -> sequence.finishReason() == FinishReason.CANCELLED);
    if (cancelled) {
      return;
    }
    if (interrupted) {
      subscriber.onError(new CancellationException("generation: the thread was interrupted"));
    } else {
      subscriber.onComplete();
    }
  }

  private void fail(Throwable t) {
    end();
    if (!cancelled) {
      subscriber.onError(t);
    }
  }

  private void end() {
    if (!done) {
      done = true;
      if (tokens != null) {
        tokens.close();
      }
    }
  }
}
