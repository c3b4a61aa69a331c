/** Structured logs, one JSON object a line, on stderr: stdout is for what a command answers. */
import { pino, destination, type Logger } from 'pino';

export type { Logger };

export function createLogger(
  part: string,
  level: 'debug' | 'info' | 'warn' | 'silent' = 'info',
): Logger {
  return pino(
    { level, base: { part }, timestamp: pino.stdTimeFunctions.isoTime },
    destination({ dest: 2, sync: false }),
  );
}
