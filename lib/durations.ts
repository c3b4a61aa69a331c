/** google.protobuf.Duration, as ts-proto generates it, from and to milliseconds. */
export interface WireDuration {
  seconds: bigint;
  nanos: number;
}

export function toDuration(ms: number): WireDuration {
  const whole = Math.trunc(ms);
  return {
    seconds: BigInt(Math.trunc(whole / 1000)),
    nanos: (whole % 1000) * 1_000_000,
  };
}

/** Absent means 0. */
export function durationMs(duration: WireDuration | undefined): number {
  return duration ? Number(duration.seconds) * 1000 + duration.nanos / 1_000_000 : 0;
}
