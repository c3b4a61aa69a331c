/** A record of the topic of transitions. What is none of them is passed over: to fail would only bring it again. */
import { Transition } from '../gen/presence/v1/transition.ts';
import { isIdentifier } from '../lib/identifiers.ts';
import type { ReceivedRecord } from '../lib/kafka/bus.ts';
import type { Logger } from '../lib/logger.ts';

/** Undefined for one that anybody else wrote there, which is logged. */
export function readTransition(record: ReceivedRecord, logger: Logger): Transition | undefined {
  const { partition, offset, value } = record;
  try {
    const transition = Transition.decode(value);
    check(transition);
    return transition;
  } catch (error) {
    logger.error({ err: error, partition, offset }, 'a record is no transition: passed over');
    return undefined;
  }
}

/** Almost any bytes are some message, and one with a time that is none could not be sent on. */
function check({ userId, lastActive, settledAt }: Transition): void {
  if (!isIdentifier(userId)) throw new Error('its user_id is none');
  for (const time of [lastActive, settledAt]) {
    if (time && Number.isNaN(time.getTime())) throw new Error('a time of it is none');
  }
}
