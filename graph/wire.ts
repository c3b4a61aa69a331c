/** The domain's words and the contract's, one way and the other. */
import {
  Relation as WireRelation,
  type AudienceGroup as WireGroup,
  type Contact as WireContact,
  type Frozen as WireFrozen,
  type HiddenViewer as WireHidden,
} from '../gen/graph/v1/graph_service.ts';
import { Mode as WireMode } from '../gen/presence/v1/presence.ts';
import type { AudienceGroup, Contact, Frozen, HiddenViewer, Mode, Relation } from './audience.ts';

const modeOf: Record<Mode, WireMode> = { PUSH: WireMode.MODE_PUSH, PULL: WireMode.MODE_PULL };

const relationOf: Record<Relation, WireRelation> = {
  FRIEND: WireRelation.RELATION_FRIEND,
  FOLLOWED: WireRelation.RELATION_FOLLOWED,
};

function toFrozen(frozen: Frozen | undefined): WireFrozen | undefined {
  return (
    frozen && {
      version: BigInt(frozen.version),
      lastActive: frozen.lastActiveMs > 0 ? new Date(frozen.lastActiveMs) : undefined,
    }
  );
}

export function toContact({ userId, relation, mode, hidden }: Contact): WireContact {
  return {
    userId,
    relation: relationOf[relation],
    mode: modeOf[mode],
    hidden: hidden !== undefined,
    frozen: toFrozen(hidden?.frozen),
  };
}

/** Shares the list of users, which may be a cached one: it is only encoded. */
export function toGroup({ mode, userIds }: AudienceGroup): WireGroup {
  return { mode: modeOf[mode], userIds: userIds as string[] };
}

export function toHiddenViewer({ userId, frozen, mode }: HiddenViewer): WireHidden {
  return { userId, frozen: toFrozen(frozen), mode: modeOf[mode] };
}
