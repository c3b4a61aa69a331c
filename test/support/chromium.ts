/** A real Chromium, headless, with a profile of its own. */
import { chromium, type Browser } from 'playwright-core';
import { findTool, installByApt, requireTools } from '../../cli/stack/tools.ts';
import { systemClock } from '../../lib/clock.ts';

const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Longer than a test may take: a machine that has none yet gets it. */
export const CHROMIUM_START_TIMEOUT_MS = 300_000;

export async function startChromium(): Promise<Browser> {
  const say = (line: string): boolean => process.stderr.write(`${line}\n`);
  await installByApt('chromium', { clock: systemClock, say });
  requireTools('The console in a real browser', 'chromium');
  const executablePath = findTool('chromium')!;
  return chromium.launch({ executablePath, args: QUIET, timeout: 120_000 });
}
