/** A process's life: start, serve until a signal, close in order, leave with the right code. */
import type { Clock } from './clock.ts';
import { ConfigError } from './config.ts';
import { messageOf } from './errors.ts';
import { ListenError } from './listen-error.ts';
import type { Logger } from './logger.ts';
import { stopTelemetry } from './telemetry/start.ts';

export interface ProcessOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Leaves with 1 when closing takes longer, ms. */
  readonly closeWithinMs: number;
}

/** What is left of telemetry is given this long to go out, ms: whoever collects it may be down. */
const TELEMETRY_MS = 2000;

/** Exit code for wrong settings or arguments. */
export const EXIT_USAGE = 2;

/**
 * Starts a process and closes it on SIGTERM or SIGINT; a second signal leaves at once.
 * Wrong settings are printed, all of them, and end it with 2.
 */
export async function runProcess(
  start: () => Promise<AsyncDisposable>,
  options: ProcessOptions,
): Promise<void> {
  const stopped = nextSignal();
  let running: AsyncDisposable;
  try {
    running = await start();
  } catch (error) {
    process.exitCode = reportFailedStart(error, options.logger);
    options.logger.flush();
    process.exit();
  }
  const signal = await stopped;
  options.logger.info({ signal }, 'stopping');
  await closeInTime(running, options);
}

function nextSignal(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) {
      process.once(signal, () => {
        process.once(signal, () => process.exit(1));
        resolve(signal);
      });
    }
  });
}

function reportFailedStart(error: unknown, logger: Logger): number {
  if (error instanceof ConfigError) {
    for (const problem of error.problems) process.stderr.write(`${problem}\n`);
    return EXIT_USAGE;
  }
  if (!(error instanceof ListenError)) logger.fatal({ err: error }, 'could not start');
  process.stderr.write(`${messageOf(error)}\n`);
  return 1;
}

async function closeInTime(running: AsyncDisposable, options: ProcessOptions): Promise<void> {
  const force = options.clock.after(options.closeWithinMs, () => {
    options.logger.fatal(`not closed within ${options.closeWithinMs} ms, leaving`);
    process.exit(1);
  });
  try {
    await running[Symbol.asyncDispose]();
    process.exitCode = 0;
  } catch (error) {
    options.logger.error({ err: error }, 'could not close cleanly');
    process.exitCode = 1;
  }
  await flushTelemetry(options);
  force.cancel();
  options.logger.flush();
  process.exit();
}

async function flushTelemetry({ clock, logger }: ProcessOptions): Promise<void> {
  const warn = (error: unknown): void =>
    logger.warn(`telemetry was not sent to its end: ${messageOf(error)}`);
  await Promise.race([stopTelemetry().catch(warn), clock.sleep(TELEMETRY_MS)]);
}

/**
 * Disposes in the reverse order of `add`; idempotent: later calls return the first one's promise.
 * One failure does not keep the others from being closed; the first is thrown at the end.
 */
export interface Disposer extends AsyncDisposable {
  add<T extends AsyncDisposable>(resource: T): T;
  defer(close: () => Promise<void> | void): void;
}

export function createDisposer(): Disposer {
  const closers: (() => Promise<void> | void)[] = [];
  let closing: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    const failures: unknown[] = [];
    for (const close of closers.reverse()) {
      try {
        await close();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  };
  return {
    add(resource) {
      closers.push(async () => resource[Symbol.asyncDispose]());
      return resource;
    },
    defer: (close) => void closers.push(close),
    [Symbol.asyncDispose]: () => (closing ??= closeAll()),
  };
}
