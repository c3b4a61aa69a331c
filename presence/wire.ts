/** The store's words and the contract's, one way and the other. */
import { Activity, BeatResult } from '../gen/presence/v1/presence_service.ts';
import { Mode, Status, type Presence } from '../gen/presence/v1/presence.ts';
import { invalidArgument } from '../lib/errors.ts';
import type { BeatOutcome, Settled } from '../store/presence-store.ts';
import type { ActivityStatus, ChosenStatus, VisibleStatus } from '../store/status.ts';

const statusOf: Record<VisibleStatus | ChosenStatus, Status> = {
  ONLINE: Status.STATUS_ONLINE,
  AWAY: Status.STATUS_AWAY,
  BUSY: Status.STATUS_BUSY,
  OFFLINE: Status.STATUS_OFFLINE,
  INVISIBLE: Status.STATUS_INVISIBLE,
};

const resultOf: Record<BeatOutcome, BeatResult> = {
  OK: BeatResult.BEAT_RESULT_OK,
  UNKNOWN: BeatResult.BEAT_RESULT_UNKNOWN,
  LAPSED: BeatResult.BEAT_RESULT_LAPSED,
  CLOSED: BeatResult.BEAT_RESULT_CLOSED,
  EPOCH: BeatResult.BEAT_RESULT_EPOCH,
};

export function toPresence(settled: Settled): Presence {
  return {
    userId: settled.userId,
    status: statusOf[settled.status],
    lastActive: settled.lastActiveMs > 0 ? new Date(settled.lastActiveMs) : undefined,
    version: BigInt(settled.version),
    mode: Mode.MODE_UNSPECIFIED,
  };
}

export function toStatus(status: VisibleStatus): Status {
  return statusOf[status];
}

export function toChosen(chosen: ChosenStatus | undefined): Status {
  return chosen ? statusOf[chosen] : Status.STATUS_UNSPECIFIED;
}

/** @throws RpcError INVALID_ARGUMENT for OFFLINE and unknown numbers. */
export function fromChosen(field: string, status: Status): ChosenStatus | undefined {
  switch (status) {
    case Status.STATUS_UNSPECIFIED:
      return undefined;
    case Status.STATUS_ONLINE:
      return 'ONLINE';
    case Status.STATUS_AWAY:
      return 'AWAY';
    case Status.STATUS_BUSY:
      return 'BUSY';
    case Status.STATUS_INVISIBLE:
      return 'INVISIBLE';
    case Status.STATUS_OFFLINE:
      throw invalidArgument(
        field,
        'STATUS_OFFLINE cannot be chosen; choose STATUS_INVISIBLE to be shown offline',
      );
    default:
      throw invalidArgument(
        field,
        `${String(status)} is no status; choose STATUS_ONLINE, STATUS_AWAY, STATUS_BUSY, STATUS_INVISIBLE or STATUS_UNSPECIFIED`,
      );
  }
}

/** @throws RpcError INVALID_ARGUMENT for an unknown number. */
export function fromActivity(field: string, activity: Activity): ActivityStatus {
  switch (activity) {
    case Activity.ACTIVITY_UNSPECIFIED:
    case Activity.ACTIVITY_ACTIVE:
      return 'ONLINE';
    case Activity.ACTIVITY_IDLE:
      return 'AWAY';
    default:
      throw invalidArgument(
        field,
        `${String(activity)} is no activity; give ACTIVITY_ACTIVE or ACTIVITY_IDLE`,
      );
  }
}

export function toActivity(status: ActivityStatus): Activity {
  return status === 'ONLINE' ? Activity.ACTIVITY_ACTIVE : Activity.ACTIVITY_IDLE;
}

export function toBeatResult(outcome: BeatOutcome): BeatResult {
  return resultOf[outcome];
}
